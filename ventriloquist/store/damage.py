"""Finding damage in the database after a command failed: broken pages and indexes, and invalid values.

The search reads the whole file, so it runs only after a failure. If it finds nothing, the failure is a bug.
"""

from __future__ import annotations

import errno
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import get_args

from ventriloquist.errors import StorageError
from ventriloquist.media import MediaKind
from ventriloquist.records import ReactionKind
from ventriloquist.store.migrations import Column, newest

_NOT_UTF8 = "Could not decode to UTF-8"  # Python's message; SQLite accepts such a text
_WRONG_VALUE = re.compile(r"(?:NULL value in|CHECK constraint failed in) (?P<table>\w+)")  # messages of integrity_check

Columns = dict[str, tuple[Column, ...]]  # by table

PREPARED = ("training_messages", "training_conversations")  # every prepare makes them anew
STORED_AS = {"INTEGER": "integer", "TEXT": "text", "BLOB": "blob"}  # typeof() by declared type

# The exceptions that an invalid value causes in a command. OSError: a date outside of the system's range.
_FROM_VALUES = (
    *(ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, StopIteration, TypeError, ValueError),
)
_FROM_DATES = (errno.EINVAL, errno.EOVERFLOW)
_EARLIEST, _LATEST = -62_000_000_000_000, 250_000_000_000_000  # Unix milliseconds: the years 5 and 9892
_UNREADABLE = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_NOTADB}
_MALFORMED = _UNREADABLE - {sqlite3.SQLITE_ERROR}

# table, problem, condition of the wrong rows
_WRONG = (
    ("reactions", "has a reaction of an unknown kind", f"kind NOT IN {get_args(ReactionKind)}"),
    ("tapbacks", "has a reaction of an unknown kind", f"kind NOT IN {get_args(ReactionKind)}"),
    ("chats", "has a chat of an unknown type", "type NOT IN ('dm', 'group')"),
    ("people", "does not say who the owner is", "is_me NOT IN (0, 1)"),
    ("attachment_details", "has an attachment of an unknown kind", f"kind NOT IN {get_args(MediaKind)}"),
    ("chats", "has handles that are not a list", "NOT json_valid(handles) OR json_type(handles) <> 'array'"),
    ("chats", "has lookups that are not a list", "NOT json_valid(lookups) OR json_type(lookups) <> 'array'"),
    ("cards", "has an invalid list of identifiers", "NOT json_valid(identifiers) OR json_type(identifiers) <> 'array'"),
    (
        "runs",
        "has a record that is not JSON",
        "NOT json_valid(parameters) OR json_type(parameters) <> 'object' OR NOT json_valid(ifnull(result, '{}'))"
        " OR json_type(ifnull(result, '{}')) NOT IN ('object', 'null')",
    ),
    (
        "training_conversations",
        "has members that are not a list",
        "NOT json_valid(members) OR json_type(members) <> 'array' OR type NOT IN ('dm', 'group')",
    ),
    (
        "training_conversations",
        "has a wrong count of messages",
        "messages <> (SELECT count(*) FROM training_messages t WHERE t.conversation_id IS"
        " training_conversations.conversation_id)",
    ),
    (
        "training_messages",
        "has an invalid line",
        "NOT json_valid(line) OR json_type(line) <> 'object' OR json_extract(line, '$.content') IS NULL"
        " OR json_extract(line, '$.delta') IS NOT delta OR date(day) IS NOT day"
        " OR conversation_id NOT IN (SELECT conversation_id FROM training_conversations)",
    ),
)  # fmt: skip
_DATES = (
    *((table, "sent_at") for table in ("text_messages", "reactions", "tapbacks", "training_messages")),
    *(("runs", column) for column in ("started_at", "finished_at")),
)
_LISTED = (("chats", "handles"), ("chats", "lookups"), ("cards", "identifiers"))


def damaged(path: Path, reason: str) -> StorageError:
    """Return the error for a damaged file. `.clone` of sqlite3 skips what is broken; .recover often fails."""
    return StorageError(
        f"{path} is damaged: {reason}.",
        hint=f"""Salvage what can be read: sqlite3 '{path}' '.clone "{path}.new"', then put the new file """
        "in its place. Or move it away and run: vq collect",
    )


def explain(path: Path, error: Exception) -> StorageError | None:
    """Return the damage that made a command fail, or None if the file is not damaged."""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        text = str(error)
        if "not a database" in text:
            return StorageError(f"{path} is damaged or not a database.", hint="Move it away, then run: vq collect")
        if _NOT_UTF8 in text:  # the search below names the table
            return find_damage(path) or damaged(path, "a text is not UTF-8")
        if (code is not None and code & 0xFF in _MALFORMED) or "malformed" in text:
            return damaged(path, text)
    elif not isinstance(error, _FROM_VALUES) and not (isinstance(error, OSError) and error.errno in _FROM_DATES):
        return None
    return find_damage(path)


def find_damage(path: Path) -> StorageError | None:
    """Check every page and value of a file, and return the first problem, or None."""
    try:
        if not _is_utf8(path):
            return damaged(path, "its header names another encoding")
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.text_factory = lambda data: data.decode(errors="replace")
            if (found := connection.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
                if (value := _WRONG_VALUE.match(found)) is None:
                    return damaged(path, " ".join(found.split()))
                return _values_damaged(path, value["table"], "has a value that is not allowed")
            wrong = next(_wrong_values(connection), None)
            return wrong and _values_damaged(path, *wrong)
    except UnicodeDecodeError:  # SQLite's message quotes damaged bytes
        return damaged(path, "SQLite's error message is unreadable")
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        return damaged(path, str(error)) if code in _UNREADABLE else None


def _is_utf8(path: Path) -> bool:
    """Tell whether the header names UTF-8, or 0 as in a file without content."""
    with path.open("rb") as file:
        return file.read(60)[56:] in (b"", b"\0\0\0\0", b"\0\0\0\1")


def _values_damaged(path: Path, table: str, reason: str) -> StorageError:
    hint = "Run: vq prepare" if table in PREPARED else "Put a copy in its place, or move it away and run: vq collect"
    return StorageError(f"{path} is damaged: its table {table} {reason}.", hint=hint)


def _wrong_values(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Yield (table, problem) for invalid values. The slowest checks come last."""
    columns = {name: entry.columns for name, entry in newest().items() if entry.type == "table"}
    yield from _wrong_types(connection, columns)
    yield from _wrong_contents(connection)
    if broken := connection.execute("PRAGMA foreign_key_check").fetchone():
        yield str(broken[0]), f"refers to a missing row of {broken[2]}"
    yield from _wrong_texts(connection, columns)


def _wrong_types(connection: sqlite3.Connection, columns: Columns) -> Iterator[tuple[str, str]]:
    for table, of_table in columns.items():
        for column, kind, *_ in of_table:
            wrong = f"SELECT 1 FROM {table} WHERE typeof({column}) NOT IN (?, 'null') LIMIT 1"  # noqa: S608
            if connection.execute(wrong, (STORED_AS[kind],)).fetchone():
                yield table, f"has a value of another type than {kind} in its column {column}"


def _wrong_contents(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    for table, reason, condition in _WRONG:
        if connection.execute(f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1").fetchone():  # noqa: S608
            yield table, reason
    for table, column in _DATES:
        wrong = f"SELECT 1 FROM {table} WHERE {column} NOT BETWEEN ? AND ? LIMIT 1"  # noqa: S608
        if connection.execute(wrong, (_EARLIEST, _LATEST)).fetchone():
            yield table, f"has an invalid date in its column {column}"
    for table, column in _LISTED:
        wrong = f"SELECT 1 FROM {table}, json_each({column}) AS item WHERE item.type <> 'text' LIMIT 1"  # noqa: S608
        if connection.execute(wrong).fetchone():
            yield table, f"has a list with other values than texts in its column {column}"
    without_owner = "SELECT 1 FROM text_messages WHERE NOT EXISTS (SELECT 1 FROM people WHERE is_me = 1) LIMIT 1"
    if connection.execute(without_owner).fetchone():
        yield "people", "has no owner"


def _wrong_texts(connection: sqlite3.Connection, columns: Columns) -> Iterator[tuple[str, str]]:
    connection.text_factory = str
    for table, of_table in columns.items():
        texts = [column for column, kind, *_ in of_table if kind == "TEXT"]
        try:
            for _ in connection.execute(f"SELECT {', '.join(texts) or 1} FROM {table}"):  # noqa: S608
                pass
        except sqlite3.OperationalError as error:
            if _NOT_UTF8 not in str(error):
                raise
            yield table, "has a text that is not UTF-8"
