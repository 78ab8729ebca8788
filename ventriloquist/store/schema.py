"""Checking that a file is ours and has all of its tables, and bringing its schema up to the newest."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ventriloquist.errors import StorageError
from ventriloquist.store.damage import damaged
from ventriloquist.store.migrations import MIGRATIONS, NAME, TABLE, apply, create, newest, objects

_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
_OURS = {"people", "text_messages"}
_KNOWN = frozenset(migration.__name__ for migration in MIGRATIONS)


def bring_up_to_date(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new file, or apply the migrations that an old file of ours lacks.

    Raises:
        StorageError: the file was made by a newer vq, belongs to another program, or lacks a table, view or index.
    """
    tables = {name for (name,) in db.execute(_TABLES)}
    applied = _applied(db, path) if TABLE in tables else set()
    if unknown := applied - _KNOWN:
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
    if not tables:
        _create(path)
    elif applied != _KNOWN:
        _apply(path)
    _require_whole(db, path)


def _applied(db: sqlite3.Connection, path: Path) -> set[str]:
    with _damage_named(path):
        rows = db.execute(f"SELECT name FROM {TABLE} WHERE migration_set = ?", (NAME,))  # noqa: S608
        return {str(name) for (name,) in rows}


def _create(path: Path) -> None:
    # A connection of its own: sqlite3 leaves a statement open after ALTER TABLE … DROP COLUMN, and that holds a lock.
    with closing(sqlite3.connect(path, isolation_level=None)) as db, db:  # which commits, or rolls back
        db.execute("BEGIN IMMEDIATE")
        if db.execute(_TABLES).fetchone() is None:  # another process may have made them meanwhile
            create(db)


def _apply(path: Path) -> None:
    with _damage_named(path), closing(sqlite3.connect(path)) as db:  # of its own: see `_create`
        apply(db)


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Turn the error of a missing column or table into one that says that the file is damaged."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
            raise damaged(path, str(error)) from None
        raise


def _require_whole(db: sqlite3.Connection, path: Path) -> None:
    """Check that every table with its columns, every view and every index is there; additional ones are allowed.

    Raises:
        StorageError: one is missing or differs.
    """
    found = objects(db)
    for name, expected in newest().items():
        actual = found.get(name)
        if actual is None or actual.type != expected.type:
            raise damaged(path, f"its {expected.type} {name} is missing")
        if actual.sql != expected.sql and not (
            expected.type == "table" and set(expected.columns) <= set(actual.columns)
        ):
            raise damaged(path, f"its {expected.type} {name} is not as it was made")
