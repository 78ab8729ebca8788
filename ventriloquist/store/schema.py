"""Whether a file is ours, of this version or an older one, and has all of its tables, views and indexes."""

from __future__ import annotations

import functools
import sqlite3
from contextlib import closing
from pathlib import Path

from ventriloquist.errors import StorageError
from ventriloquist.store.damage import damaged
from ventriloquist.store.migrations import MIGRATIONS, NAME, TABLE, apply

_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
_OBJECTS = "SELECT name, type, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> ?"
_COLUMNS = 'SELECT name, type, "notnull", pk FROM pragma_table_info(?)'
_OURS = {"people", "text_messages"}


def bring_up_to_date(db: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up to the newest, once it is known to be ours to change.

    Raises:
        StorageError: it was made by a newer vq, is another program's, or lacks something that was in it.
    """
    tables = {name for (name,) in db.execute(_TABLES)}
    applied = _applied(db, path) if TABLE in tables else set()
    if unknown := applied - _known():
        raise StorageError(
            f"{path} was made by a newer vq: this one does not know {', '.join(sorted(unknown))}.",
            hint="Install the newest vq on this machine, or set VQ_HOME to another folder.",
        )
    (encoding,) = db.execute("PRAGMA encoding").fetchone()
    if tables and encoding != "UTF-8":
        raise damaged(path, f"it says that its texts are {encoding}")
    if tables and not applied:
        if tables >= _OURS:
            raise damaged(path, "its record of schema changes is missing")
        raise StorageError(f"{path} holds another program's tables.", hint="Move it away, then run: vq collect")
    if applied != _known():
        _apply(path)
    _require_whole(db, path)


def _applied(db: sqlite3.Connection, path: Path) -> set[str]:
    try:
        return {
            str(name)
            for (name,) in db.execute(
                f"SELECT name FROM {TABLE} WHERE migration_set = ?",  # noqa: S608
                (NAME,),
            )
        }
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:  # it has other columns
            raise damaged(path, str(error)) from None
        raise


def _apply(path: Path) -> None:
    try:
        with closing(sqlite3.connect(path)) as own:  # sqlite-utils leaves statements open, which hold a lock
            apply(own)
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
            raise damaged(path, str(error)) from None
        raise


def _require_whole(connection: sqlite3.Connection, path: Path) -> None:
    """Check that every table with its columns, every view and every index is there; more of them are let be.

    Raises:
        StorageError: one is not.
    """
    found = {name: (type, sql) for name, type, sql in connection.execute(_OBJECTS, (TABLE,))}
    for name, (type, sql, columns) in _expected().items():
        if found.get(name) == (type, sql):
            continue
        if found.get(name, ("", ""))[0] != type:
            raise damaged(path, f"its {type} {name} is missing")
        if type != "table" or not columns <= set(connection.execute(_COLUMNS, (name,))):
            raise damaged(path, f"its {type} {name} is not as it was made")


def empty_database() -> sqlite3.Connection:
    """Return a database in memory with all tables and no rows."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    for migration in MIGRATIONS:
        migration(db)
    return db


def _known() -> frozenset[str]:
    return frozenset(migration.__name__ for migration in MIGRATIONS)


@functools.cache
def _expected() -> dict[str, tuple[str, str, frozenset[tuple[object, ...]]]]:
    """Return type, SQL and columns of all that a new file has, by name."""
    db = empty_database()
    expected = {
        name: (type, sql, frozenset(db.execute(_COLUMNS, (name,)).fetchall()))
        for name, type, sql in db.execute(_OBJECTS, (TABLE,)).fetchall()
    }
    db.close()
    return expected
