"""Sealed checkpoints: only whole ones are used. They are written file by file, and a kill may leave a part of one."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ventriloquist.errors import StorageError
from ventriloquist.fs import flush, free_bytes, read_object, write_json

WHOLE = "whole.json"  # the seal, written last: sizes and hashes of the checkpoint's files
KEPT = 2  # checkpoints; one more while the next is written
MOMENTS = 2  # of Adam, for each trainable parameter
UNWRITTEN = (  # in a RuntimeError for a failed write
    *("PytorchStreamWriter", "inline_container", "Parent directory"),  # of torch.save
    *("[write]", "[save]"),  # of MLX
)


def seal(checkpoint: Path) -> None:
    """Flush a checkpoint's files to the disk, then write their sizes and hashes. From now on it is whole."""
    paths = sorted(path for path in checkpoint.rglob("*") if path.is_file() and path.name != WHOLE)
    for path in paths:
        flush(path)
    write_json(checkpoint / WHOLE, {str(path.relative_to(checkpoint)): _fingerprint(path) for path in paths})
    flush(checkpoint.parent)


def is_whole(checkpoint: Path) -> bool:
    """Return whether every file of a checkpoint is as it was when it was sealed."""
    files = read_object(checkpoint / WHOLE)
    try:
        return files is not None and all(_fingerprint(checkpoint / name) == kept for name, kept in files.items())
    except OSError:
        return False


def _fingerprint(path: Path) -> dict[str, object]:
    with path.open("rb") as file:
        return {"size": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def step_of(checkpoint: Path) -> int:
    """Return the optimizer step after which a checkpoint was written."""
    return int(checkpoint.name.removeprefix("checkpoint-"))


def newest_whole_checkpoint(folder: Path, before: int | None = None) -> Path | None:
    """Return the newest whole checkpoint, or None; with `before`, one from before that step."""
    earlier = [path for path in checkpoints_in(folder) if before is None or step_of(path) < before]
    return next((path for path in reversed(earlier) if is_whole(path)), None)


def clear_partial(folder: Path) -> None:
    """Remove the checkpoints that a killed run left half written. Otherwise whole ones would be deleted for them."""
    for path in checkpoints_in(folder):
        if not is_whole(path):
            shutil.rmtree(path)


def weight_bytes(trainable_parameters: int) -> int:
    """Return the size of the adapter's weights, in 32 bits."""
    return 4 * trainable_parameters


def checkpoint_bytes(trainable_parameters: int) -> int:
    """Return the size of one checkpoint at most: weights and moments of the adapter in 32 bits."""
    return weight_bytes(trainable_parameters) * (1 + MOMENTS)


def run_bytes(trainable_parameters: int) -> int:
    """Return the size of a run at most: all checkpoints and one being written, each with the best weights so far."""
    return (KEPT + 1) * (checkpoint_bytes(trainable_parameters) + weight_bytes(trainable_parameters))


@contextmanager
def saving(folder: Path) -> Iterator[None]:
    """Turn the libraries' errors for a failed write inside the block into one StorageError."""
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
    """Raise a StorageError unless the disk with `folder` has so many bytes free.

    Its hint is to resume the run if it has `begun`.
    """
    free = free_bytes(folder)
    if free < needed:
        raise StorageError(
            f"Training needs {needed / 2**20:,.1f} MiB of disk for its checkpoints; {free / 2**20:,.1f} MiB are free.",
            hint="Free some space, then run: vq train --resume"
            if begun
            else "Free some space, set VQ_HOME to a larger disk, or use a smaller --rank.",
        )


def checkpoints_in(folder: Path) -> list[Path]:
    """Return the checkpoints of a folder, by their step."""
    folders = (path for path in folder.glob("checkpoint-*") if path.is_dir())
    return sorted((path for path in folders if path.name.removeprefix("checkpoint-").isdecimal()), key=step_of)
