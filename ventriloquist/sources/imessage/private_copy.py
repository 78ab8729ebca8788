"""A private copy of a database, for when SQLite may not lock the original; it never outlives the reading."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ventriloquist.errors import SourceError
from ventriloquist.settings import home_folder
from ventriloquist.store.temporary import temporary_folder

ATTEMPTS = 5  # Messages writes every few seconds at most; a copy takes less
SPARE_BYTES = 64 << 20


@contextmanager
def private_copy(database: Path, wal: Path | None = None) -> Iterator[Path]:
    """Copy a database and its -wal (not its -shm, which belongs to running processes) into a folder in VQ_HOME.

    The folder is removed when the block is left, on Ctrl-C too, and after a kill by the next run.

    Raises:
        SourceError: no space, or it changed during every attempt.
        StorageError: VQ_HOME cannot be used.
    """
    wal = wal or database.with_name(database.name + "-wal")
    journal = database.with_name(database.name + "-journal")
    with temporary_folder(home_folder()) as folder:
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
                    hint="Free some space, or set VQ_HOME to a folder on another disk.",
                ) from None
            if (file_state(database), file_state(wal)) == before:
                break
        else:
            raise SourceError(
                f"{database} keeps changing while it is copied.", hint="Quit Messages and run the command again."
            )
        yield copy


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
            f"A private copy of the messages needs {(needed + SPARE_BYTES) >> 20:,} MB, and VQ_HOME has "
            f"{free >> 20:,} MB left.",
            hint="Free some space, or set VQ_HOME to a folder on another disk.",
        )
