"""A private copy of a database, for when SQLite cannot lock the original. It is removed after reading."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ventriloquist.errors import SourceError
from ventriloquist.fs import free_bytes
from ventriloquist.store.temporary import temporary_folder

ATTEMPTS = 5  # Messages writes every few seconds at most; a copy takes less
SPARE_BYTES = 64 << 20


@contextmanager
def private_copy(database: Path, home: Path, wal: Path | None = None) -> Iterator[Path]:
    """Copy a database and its -wal into a temporary folder in VQ_HOME, without the -shm of running processes.

    The folder is removed when the block ends, also after Ctrl-C. If the process is killed, the next run removes it.

    Pass `wal` only if the write-ahead log has another name than SQLite expects.

    Raises:
        SourceError: there is too little space, or the database changed during every attempt.
        StorageError: VQ_HOME cannot be used.
    """
    wal = wal or database.with_name(database.name + "-wal")
    journal = database.with_name(database.name + "-journal")
    with temporary_folder(home) as folder:
        copy = folder / "copy.db"
        for _ in range(ATTEMPTS):
            before = file_state(database), file_state(wal)
            check_space(folder, sum(size for size, _ in before) + SPARE_BYTES)
            try:
                shutil.copyfile(database, copy)
                if wal.exists():
                    shutil.copyfile(wal, folder / "copy.db-wal")
                if journal.exists():  # of an interrupted write: SQLite then refuses the copy as well
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
    """Return a file's size and modification time (ns), or (0, 0) if there is no such file."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def check_space(folder: Path, needed: int) -> None:
    """Raise a SourceError if a folder's disk has too little space for a private copy."""
    free = free_bytes(folder)
    if free < needed:
        raise SourceError(
            f"A private copy of the messages needs {needed >> 20:,} MB, and VQ_HOME has {free >> 20:,} MB left.",
            hint="Free some space, or set VQ_HOME to a folder on another disk.",
        )
