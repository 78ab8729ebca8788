"""Opening the database: private, in WAL mode, with the newest schema, and a single file after it is closed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ventriloquist.errors import BusyError, NotReadyError, StorageError, VentriloquistError
from ventriloquist.fs import make_private_folder, require_regular
from ventriloquist.layout import DATABASE
from ventriloquist.store.damage import explain
from ventriloquist.store.schema import bring_up_to_date

BUSY_TIMEOUT_MS = 10_000


@contextmanager
def open_database(home: Path, *, create: bool = False) -> Iterator[sqlite3.Connection]:
    """Open VQ_HOME/ventriloquist.db. After the block it is one complete file, without a -wal beside it.

    Raises:
        NotReadyError: the database does not exist and `create` is false; nothing is made.
        StorageError: it cannot be opened, is not ours, was made by a newer vq, or is damaged. Damage may also be found
            later, when the block reads it.
    """
    path = home / DATABASE
    if not create and not path.exists():
        raise NotReadyError("There are no messages yet.", hint="Run: vq collect")
    try:
        make_private_folder(home)
        if path.exists():
            require_regular(path)
        else:
            path.touch(mode=0o600)
        path.chmod(0o600)  # whatever the umask
        db = sqlite3.connect(path, isolation_level=None)  # only `transaction` begins one
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path, error) from None
    try:
        db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        bring_up_to_date(db, path)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA foreign_keys = ON")
        before = db.total_changes
        yield db
        if db.total_changes == before:  # nothing to checkpoint: do not wait for a process that writes now
            db.execute("PRAGMA busy_timeout = 0")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except VentriloquistError:
        raise
    except Exception as error:
        raise _storage_error(path, error) from error
    finally:
        db.close()


@contextmanager
def read_only(home: Path) -> Iterator[sqlite3.Connection]:
    """Open the file to read it as it stands: nothing is checked, migrated or changed.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    path = home / DATABASE
    try:
        require_regular(path)  # opening a pipe could block forever
    except OSError as error:
        raise sqlite3.OperationalError(str(error)) from None
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
        yield db


def row_count(db: sqlite3.Connection, table: str) -> int:
    """Return how many rows one of our tables has."""
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608  # a fixed name


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Keep everything that the block writes, or nothing. Within another transaction it is a savepoint."""
    nested = ("SAVEPOINT nested", "RELEASE nested", "ROLLBACK TO nested")
    begin, commit, rollback = nested if db.in_transaction else ("BEGIN", "COMMIT", "ROLLBACK")
    db.execute(begin)
    try:
        yield
        db.execute(commit)
    except BaseException:
        if db.in_transaction:  # SQLite may have rolled it back already
            db.execute(rollback)
        raise


def set_cache(db: sqlite3.Connection, kibibytes: int) -> None:
    """Let a connection keep so much of the file in memory."""
    db.execute(f"PRAGMA cache_size = -{kibibytes:d}")


def _storage_error(path: Path, error: Exception) -> Exception:
    """Return an error with a hint for the user, or the error itself if it is a bug."""
    if not isinstance(error, sqlite3.OperationalError):
        return explain(path, error) or error
    unusable = _unusable(path, error)
    if isinstance(unusable, BusyError) or "is full" in unusable.what:
        return unusable
    is_wrong_sql = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
    return explain(path, error) or (error if is_wrong_sql else unusable)


def _unusable(path: Path, error: Exception) -> VentriloquistError:
    """Return the error for a file that the system does not let us use."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    if "locked" in text:
        return BusyError(f"{path} is in use by another program.", hint="Close it and run the command again.")
    if "disk is full" in text or "No space" in text:
        return StorageError(f"The disk with {path} is full.", hint="Free some space and run the command again.")
    return StorageError(
        f"{path} cannot be used: {text}.",
        hint="Check the disk's free space and the folder's permissions, or set VQ_HOME.",
    )
