"""Checks of a model's files before a library reads them, and library errors as ModelError.

Base models and adapters are untrusted downloads. Nothing in a folder is executed: no pickle, no code.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from ventriloquist.errors import ModelError, VentriloquistError
from ventriloquist.fs import require_regular
from ventriloquist.model.header import Tensor, read_header

CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
BASE_WEIGHTS = "model.safetensors"
BASE_INDEX = "model.safetensors.index.json"
ADAPTER_CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"

LARGEST = {CONFIG: 2**20, ADAPTER_CONFIG: 2**20, TOKENIZER: 2**27}  # bytes
LARGEST_OTHER = 2**25  # bytes of any other JSON file
CHECK_FILES = "Check the files in that folder, or name another model."
OTHER_ADAPTER = "Use another adapter, or train one: vq train"


@contextmanager
def explained(what: str, hint: str, *, rust: bool = False) -> Iterator[None]:
    """Turn any error of a library inside the block into a ModelError: `what`, and the first line of its message.

    With `rust` the library may panic, which prints a report to standard error.
    """
    try:
        with _without_panics() if rust else nullcontext():
            yield
    except VentriloquistError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and not _is_panic(error):
            raise
        lines = str(error).strip().splitlines()
        why = lines[0].rstrip(" :")[:300] if lines else "no message"
        said = isinstance(error, OSError | ValueError | RuntimeError) and not isinstance(error, RecursionError)
        raise ModelError(f"{what}: {why if said else f'{type(error).__name__}: {why}'}", hint=hint) from error


def _is_panic(error: BaseException) -> bool:
    return type(error).__name__ == "PanicException"  # a BaseException whose class cannot be imported


@contextmanager
def _without_panics() -> Iterator[None]:
    """Hold back standard error during the block, and drop it if the block panics."""
    try:
        saved = os.dup(2)
    except OSError:  # standard error is closed
        yield
        return
    dropped = False
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException as error:
            dropped = _is_panic(error)
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            if not dropped:
                held.seek(0)
                sys.stderr.write(held.read().decode(errors="replace"))


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; raise a ModelError if the file is missing, too large or anything else."""
    try:
        if not path.is_file():
            raise ModelError(f"{path} is missing.", hint=CHECK_FILES)
        most = LARGEST.get(path.name, LARGEST_OTHER)
        if path.stat().st_size > most:
            raise ModelError(f"{path} is larger than {most / 2**20:.0f} MiB.", hint=CHECK_FILES)
        values = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise ModelError(f"{path} is damaged: it is not JSON.", hint=CHECK_FILES) from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.", hint=CHECK_FILES) from None
    if not isinstance(values, dict):
        raise ModelError(f"{path} is damaged: it is not a JSON object.", hint=CHECK_FILES)
    return values


def check_files(folder: Path) -> None:
    """Raise a ModelError if a folder cannot be read, or has a pipe, socket or device that would block a reader."""
    try:
        paths = list(folder.iterdir())
    except OSError as error:
        raise ModelError(f"{folder} cannot be read: {error.strerror}.", hint="Check its permissions.") from None
    for path in paths:
        try:
            require_regular(path)
        except OSError as error:
            if error.errno == errno.EINVAL:  # folders and missing files do not block
                raise ModelError(f"{path} cannot be used: {error.strerror}.", hint=CHECK_FILES) from None


def weight_files(folder: Path) -> list[Path]:
    """Return the files with a base model's weights.

    Raises:
        ModelError: there is no safetensors file, or the list of them is damaged.
    """
    names = [BASE_WEIGHTS]
    if not (folder / BASE_WEIGHTS).exists():
        if not (folder / BASE_INDEX).exists():
            raise ModelError(f"{folder} has no {BASE_WEIGHTS}.", hint="Use a model with weights in safetensors.")
        parts = read_json(folder / BASE_INDEX).get("weight_map")
        if not isinstance(parts, dict) or not all(isinstance(name, str) for name in parts.values()):
            raise ModelError(f"{folder / BASE_INDEX} is damaged: it does not name the files.", hint=CHECK_FILES)
        names = sorted(set(parts.values()))
        if any(Path(name).name != name for name in names):
            raise ModelError(f"{folder / BASE_INDEX} names files outside of its folder.", hint=CHECK_FILES)
    return [folder / name for name in names]


def base_tensors(folder: Path) -> dict[str, Tensor]:
    """Return the tensors of a base model by name, from the headers of its files.

    Raises:
        ModelError: there is no safetensors file, or one is missing or damaged.
    """
    tensors: dict[str, Tensor] = {}
    for file in weight_files(folder):
        tensors |= read_tensors(file, hint=CHECK_FILES)
    return tensors


def read_tensors(path: Path, *, hint: str) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file by name, from its header."""
    if not path.is_file():
        raise ModelError(f"{path.parent} has no {path.name}.", hint=hint)
    with explained(f"{path.parent} cannot be used", hint):
        return read_header(path)
