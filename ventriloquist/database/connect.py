"""Opening and closing the file: private, in WAL mode, at the newest schema, and whole when it is closed."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from ventriloquist.database.migrations import migrations
from ventriloquist.errors import BusyError, NotReadyError, StorageError

FILENAME = "ventriloquist.db"
BUSY_TIMEOUT_MS = 10_000


@contextmanager
def open_database(home: Path, *, create: bool = False) -> Iterator[Database]:
    """Open VQ_HOME/ventriloquist.db and leave it as one whole file, without a -wal beside it.

    Raises:
        NotReadyError: it does not exist and `create` is false; nothing is made.
        StorageError: it cannot be opened or is not a database of ours.
    """
    path = home / FILENAME
    if not create and not path.exists():
        raise NotReadyError("There are no messages yet.", hint="Run: vq collect")
    try:
        make_private_folder(home)
        path.touch(mode=0o600, exist_ok=True)
        path.chmod(0o600)  # whatever the umask
        connection = sqlite3.connect(path)
    except (OSError, sqlite3.Error) as error:
        raise _storage_error(path, error) from None
    try:
        db = Database(connection, execute_plugins=False)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        _migrate(db, path)
        before = connection.total_changes
        yield db
        if connection.total_changes == before:  # nothing to bring in: whoever writes now does it at their end
            connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError as error:
        raise _storage_error(path, error) from error
    except sqlite3.DatabaseError as error:
        if "not a database" in str(error) or "malformed" in str(error):
            raise _storage_error(path, error) from error
        raise  # a violated constraint is a bug, not the user's doing
    finally:
        connection.close()


def _migrate(db: Database, path: Path) -> None:
    """Bring the schema up to the newest.

    Raises:
        StorageError: another program's tables are in the way.
    """
    try:
        if migrations.pending(db):
            migrations.apply(db)
    except sqlite3.OperationalError as error:
        if _is_wrong_sql(error):
            raise StorageError(
                f"{path} holds another program's tables: {error}.", hint="Move it away, then run: vq collect"
            ) from None
        raise


def _is_wrong_sql(error: Exception) -> bool:
    """Tell whether SQLite could not make sense of a statement; every other failure has a code of its own."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR


def make_private_folder(folder: Path) -> Path:
    """Make a folder that only the user can enter, whatever the umask, and return it.

    Raises:
        StorageError: it is there for everybody, as /tmp is.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & stat.S_ISVTX:
        raise StorageError(f"{folder} is for everybody to write in.", hint=f"Name a folder in it: {folder / 'vq'}")
    folder.chmod(0o700)
    return folder


def _storage_error(path: Path, error: Exception) -> Exception:
    text = str(error)
    if "locked" in text:
        return BusyError(f"{path} is in use by another program.", hint="Close it and run the command again.")
    if "disk is full" in text or "No space" in text:
        return StorageError(f"The disk with {path} is full.", hint="Free some space and run the command again.")
    if "not a database" in text or "malformed" in text:
        return StorageError(f"{path} is damaged or not a database.", hint="Move it away, then run: vq collect")
    if _is_wrong_sql(error):
        return error  # a bug of ours
    return StorageError(
        f"{path} cannot be used: {text}.",
        hint="Check the disk's free space and the folder's permissions, or set VQ_HOME.",
    )
