"""Checkpoints that are whole or not used: transformers writes them file by file and would go on from half a one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ventriloquist.errors import StorageError
from ventriloquist.fs import flush, write_text

WHOLE = "whole.json"  # written after everything else: names, sizes and hashes of the checkpoint's files
KEPT = 2  # checkpoints that stand at a time, and for a moment one more
MOMENTS = 2  # of Adam, for each trainable parameter
UNWRITTEN = ("PytorchStreamWriter", "inline_container", "Parent directory")  # in a RuntimeError of torch.save


def seal(checkpoint: Path) -> None:
    """Flush a checkpoint's files to the disk, then write which they are: from now on it is whole."""
    files = {}
    for path in sorted(path for path in checkpoint.rglob("*") if path.is_file() and path.name != WHOLE):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        files[str(path.relative_to(checkpoint))] = {"size": path.stat().st_size, "sha256": digest}
    write_text(checkpoint / WHOLE, json.dumps(files))
    flush(checkpoint.parent)


def is_whole(checkpoint: Path) -> bool:
    """Return whether every file of a checkpoint is as it was when it was sealed."""
    try:
        files = json.loads((checkpoint / WHOLE).read_text(encoding="utf-8"))
        for name, expected in files.items():
            with (checkpoint / name).open("rb") as file:
                if os.fstat(file.fileno()).st_size != expected["size"]:
                    return False
                if hashlib.file_digest(file, "sha256").hexdigest() != expected["sha256"]:
                    return False
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return False
    return True


def step_of(checkpoint: Path) -> int:
    """Return the optimizer step after which a checkpoint was written."""
    return int(checkpoint.name.removeprefix("checkpoint-"))


def newest_whole_checkpoint(folder: Path, before: int | None = None) -> Path | None:
    """Return the last checkpoint that was written to its end, if need be before a step, or None."""
    earlier = [path for path in _checkpoints(folder) if before is None or step_of(path) < before]
    return next((path for path in reversed(earlier) if is_whole(path)), None)


def clear_partial(folder: Path) -> None:
    """Remove the checkpoints that a killed run left half written: they would push out whole ones."""
    for path in _checkpoints(folder):
        if not is_whole(path):
            shutil.rmtree(path)


def weight_bytes(trainable_parameters: int) -> int:
    """Return the size of the adapter's weights, in 32 bits."""
    return 4 * trainable_parameters


def checkpoint_bytes(trainable_parameters: int) -> int:
    """Return the size of one checkpoint at most: weights and moments of the adapter in 32 bits."""
    return weight_bytes(trainable_parameters) * (1 + MOMENTS)


def run_bytes(trainable_parameters: int) -> int:
    """Return what a run has on the disk at most: a checkpoint more than stay, and the best weights, old and new."""
    return (KEPT + 1) * checkpoint_bytes(trainable_parameters) + 2 * weight_bytes(trainable_parameters)


@contextmanager
def saving(folder: Path) -> Iterator[None]:
    """Say in words that what the block saves cannot be written; each library has an error of its own for that.

    Raises:
        StorageError: the disk is full, or the folder cannot be written to.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        if isinstance(error, RuntimeError) and not any(sign in str(error) for sign in UNWRITTEN):
            raise
        why = (error.strerror if isinstance(error, OSError) else None) or str(error).strip().split("\n", 1)[0]
        raise StorageError(
            f"{folder} cannot be written: {why}", hint="Free some space, then run: vq train --resume"
        ) from error


def check_disk(folder: Path, needed: int, *, begun: bool = False) -> None:
    """Refuse where what is to be written would not fit.

    Args:
        begun: whether the run can be gone on with.

    Raises:
        StorageError: the disk with `folder` has less than `needed` bytes free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StorageError(
            f"Training needs {needed / 2**20:,.1f} MiB of disk for its checkpoints; {free / 2**20:,.1f} MiB are free.",
            hint="Free some space, then run: vq train --resume"
            if begun
            else "Free some space, set VQ_HOME to a larger disk, or use a smaller --rank.",
        )


def _checkpoints(folder: Path) -> list[Path]:
    folders = (path for path in folder.glob("checkpoint-*") if path.is_dir())
    return sorted((path for path in folders if path.name.removeprefix("checkpoint-").isdecimal()), key=step_of)
