"""Private temporary folders in VQ_HOME. The next run removes those that killed processes left behind.

A process holds the lock file in its folder until it ends. If the lock is free, the process is gone.
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
ATTEMPTS = 100  # another process's sweep may remove a folder before it is locked


@contextmanager
def temporary_folder(home: Path) -> Iterator[Path]:
    """Make a private folder under `home` and remove it when the block ends, together with `home` if that was new.

    Raises:
        StorageError: the folder cannot be made.
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
        with suppress(OSError):  # it is not empty
            folder.parent.rmdir()
            if is_new:
                home.rmdir()


def sweep(home: Path) -> None:
    """Remove the temporary folders of killed processes: those with a free lock file, and empty ones."""
    for folder in (home / TEMPORARY).glob("*"):
        with suppress(OSError):  # it is not empty, or not a folder
            folder.rmdir()  # its process was killed before it could lock
        if not (folder / LOCK).is_file():
            continue
        lock = FileLock(folder / LOCK, timeout=0, mode=0o600)
        try:
            lock.acquire()
        except (Timeout, OSError):  # a process works in it
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
