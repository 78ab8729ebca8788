"""A private copy of a database, for when SQLite may not lock the original; it never outlives the reading."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ventriloquist.errors import SourceError

ATTEMPTS = 5  # Messages writes every few seconds at most; a copy takes less
SPARE_BYTES = 64 << 20
PREFIX = "vq-collect-"  # and the number of the process


@contextmanager
def private_copy(database: Path, wal: Path | None = None) -> Iterator[Path]:
    """Copy a database and its -wal (not its -shm, which belongs to running processes) into a folder of our own.

    The folder is 0700 and is removed when the block is left, on Ctrl-C too, and after a kill by the next copy.

    Raises:
        SourceError: no space, or it changed during every attempt.
    """
    wal = wal or database.with_name(database.name + "-wal")
    journal = database.with_name(database.name + "-journal")
    _remove_orphans()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    try:
        copy = folder / "copy.db"
        for _ in range(ATTEMPTS):
            before = file_state(database), file_state(wal)
            _check_space(folder, sum(size for size, _ in before))
            try:
                shutil.copyfile(database, copy)
                if wal.exists():
                    shutil.copyfile(wal, folder / "copy.db-wal")
                if journal.exists():  # of a write that was cut off: SQLite refuses the copy, too
                    shutil.copyfile(journal, folder / "copy.db-journal")
            except OSError as error:
                raise SourceError(
                    f"{database} cannot be copied: {error.strerror or error}.",
                    hint=f"Free some space in {folder.parent}, or set TMPDIR to a folder on another disk.",
                ) from None
            if (file_state(database), file_state(wal)) == before:
                break
        else:
            raise SourceError(
                f"{database} keeps changing while it is copied.", hint="Quit Messages and run the command again."
            )
        yield copy
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_orphans() -> None:
    """Remove the copies of processes that were killed."""
    if os.name != "posix":  # elsewhere a process cannot be asked after without being disturbed
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        process = folder.name.removeprefix(PREFIX).partition("-")[0]
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except (OSError, OverflowError, ValueError):  # it runs as somebody else, or the folder is not ours
            continue


def file_state(file: Path) -> tuple[int, int]:
    """Return size and time of change of a file, (0, 0) for one that is not there."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE_BYTES:
        raise SourceError(
            f"A private copy of the messages needs {(needed + SPARE_BYTES) >> 20:,} MB, and {folder.parent} has "
            f"{free >> 20:,} MB left.",
            hint="Free some space, or set TMPDIR to a folder on another disk.",
        )
