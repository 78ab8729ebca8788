"""The folder of an export: whether it can be written, and what earlier exports left in it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ventriloquist.errors import StorageError
from ventriloquist.fs import free_bytes, read_object


@contextmanager
def write_errors(folder: Path) -> Iterator[None]:
    """Turn the errors of the system into one that names the folder and a remedy."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be written: {error.strerror or error}.",
            hint="Free some space, check its permissions, or name another folder with --output.",
        ) from None


def check_folder(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists, after a check that files can be made in it."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if not os.access(existing, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return existing


def check_disk(folder: Path, existing: Path, needed: int, partials: Iterable[Path], smaller: str) -> None:
    """Check the free space; partials of killed exports count as free, since they are removed first.

    Args:
        smaller: how the hint begins: what makes the export smaller.
    """
    free = free_bytes(existing) + sum(path.lstat().st_size for path in partials if path.exists())
    if needed > free:
        raise StorageError(
            f"The export needs about {needed / 1e9:.1f} GB, and {folder} has {free / 1e9:.1f} GB free.",
            hint=f"{smaller} --output on another disk.",
        )


def read_manifest(path: Path) -> tuple[dict[str, Any], ...]:
    """Return what an earlier export's manifest says of its files.

    Raises:
        StorageError: it is not an export's.
    """
    if not path.exists():
        return ()
    try:
        listed = tuple((read_object(path) or {})["files"])
        if all(isinstance(file["name"], str) and file["sha256"] for file in listed):
            return listed
    except (KeyError, TypeError):
        pass
    raise is_anothers(path)


def is_anothers(path: Path) -> StorageError:
    """Return the error for a file that no export of ours wrote."""
    return StorageError(
        f"{path} is another program's, and would be overwritten.", hint="Name another folder with --output."
    )
