"""Temporary folders in VQ_HOME, private as all of it; what a killed process leaves there goes with the next run.

Each folder holds an operating system's lock for as long as its process works in it. A folder whose lock is free
belongs to nobody any more.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ventriloquist.errors import StorageError
from ventriloquist.fs import make_private_folder
from ventriloquist.layout import TEMPORARY

LOCK = "lock"
ATTEMPTS = 100  # a sweep may take a folder away between its making and its locking


@contextmanager
def temporary_folder(home: Path) -> Iterator[Path]:
    """Make a private folder under `home`, and remove it when the block is left, with `home` if that was not there.

    Raises:
        StorageError: it cannot be made.
    """
    is_new = not home.exists()
    try:
        folder, lock = _make_locked(home)
    except OSError as error:
        raise StorageError(
            f"{home} cannot be used: {error.strerror or error}.", hint="Check its permissions, or set VQ_HOME."
        ) from None
    try:
        yield folder
    finally:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # it holds something else
            folder.parent.rmdir()
            if is_new:
                home.rmdir()


def sweep(home: Path) -> None:
    """Remove the temporary folders of processes that were killed, and no others."""
    for folder in (home / TEMPORARY).glob("*"):
        lock = FileLock(folder / LOCK, timeout=0, mode=0o600)
        try:
            lock.acquire()
        except (Timeout, OSError):  # somebody works in it, or it is no folder of ours
            continue
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
        if os.name == "nt":  # an open file cannot be removed there
            shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        (home / TEMPORARY).rmdir()


def _make_locked(home: Path) -> tuple[Path, FileLock]:
    for _ in range(ATTEMPTS):
        make_private_folder(home)
        with suppress(FileNotFoundError, Timeout):
            folder = Path(tempfile.mkdtemp(dir=make_private_folder(home / TEMPORARY)))
            lock = FileLock(folder / LOCK, timeout=0, mode=0o600)
            lock.acquire()
            if (folder / LOCK).exists():
                folder.chmod(0o700)
                return folder, lock
            lock.release()
    raise TimeoutError("temporary folders vanish")
