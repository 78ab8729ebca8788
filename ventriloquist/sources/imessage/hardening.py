"""Protection against malicious databases: limits on work and memory, and only plain tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from itertools import chain, repeat
from pathlib import Path

from ventriloquist.errors import SourceError
from ventriloquist.sources.imessage.private_copy import file_state

MAX_VALUE_BYTES = 96 << 20  # of one value; a body may have 64 MiB
MIN_STEPS = 50_000_000  # of SQLite's virtual machine: a second or two
STEPS_PER_BYTE = 100  # genuine databases take less than 10
STEPS_PER_CALL = 10_000

_ALLOWED_PRAGMAS = {
    "busy_timeout", "index_info", "index_list", "query_only", "quick_check", "table_info", "table_xinfo",
    "trusted_schema",
}  # fmt: skip
_ROW_NUMBERS = {"ROWID", "Z_PK"}  # Apple's names for them
_NUMBERED = {"message", "chat", "handle", "attachment", "ZABCDRECORD", "ABPerson", "ABMultiValue"}
_ALLOWED_ACTIONS = {
    sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_TRANSACTION,
}  # fmt: skip


def limit(connection: sqlite3.Connection, path: Path) -> None:
    """Limit what a connection may do, before anything is read from the database."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.set_authorizer(_authorize)
    size = sum(file_state(file)[0] for file in (path, Path(f"{path}-wal")))  # the newest rows are in the -wal
    calls = max(MIN_STEPS, size * STEPS_PER_BYTE) // STEPS_PER_CALL
    # Not a Python function: Ctrl-C could be raised inside it, and sqlite3 ignores the exceptions of a handler.
    connection.set_progress_handler(chain(repeat(False, calls), repeat(True)).__next__, STEPS_PER_CALL)


def check(connection: sqlite3.Connection, path: Path, tables: Iterable[str]) -> None:
    """Check that the file is not damaged and that the tables to read are plain tables.

    Raises:
        SourceError: the file is damaged, or a table is a view, is virtual or has computed columns.
        sqlite3.DatabaseError: the file is too damaged to check.
    """
    for table in tables:
        found = connection.execute(
            "SELECT type, rootpage FROM sqlite_master WHERE name = ? COLLATE NOCASE", (table,)
        ).fetchone()
        if found is None:
            continue
        kind, page = found
        # a virtual table has no root page; even its columns must not be read
        if kind != "table" or not page or not _has_plain_columns(connection, table):
            raise SourceError(
                f"{path} is not as Messages would have made it: {table} is not a plain table.",
                hint="Do not trust it. Take a fresh copy from where it came from.",
            )
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise SourceError(
            f"{path} is damaged.",
            hint="Take a fresh copy of it, or salvage it into a new file first: sqlite3 FILE '.clone NEW'",
        )


def _has_plain_columns(connection: sqlite3.Connection, table: str) -> bool:
    """Tell whether no column is computed, and Apple's row number is SQLite's own ROWID."""
    for _, name, kind, _, _, key, hidden in connection.execute(f"PRAGMA table_xinfo({table})").fetchall():
        if hidden:
            return False
        if name.upper() in _ROW_NUMBERS and not (kind.upper() == "INTEGER" and key):
            return False
    # a table WITHOUT ROWID has an index for its primary key, which may hold any value
    indexes = connection.execute(f"PRAGMA index_list({table})").fetchall()
    return table not in _NUMBERED or all(origin != "pk" for _, _, _, origin, _ in indexes)


def _authorize(action: int, first: str | None, _second: str | None, _database: str | None, _source: str | None) -> int:
    if action in _ALLOWED_ACTIONS or (action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in _ALLOWED_PRAGMAS):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY
