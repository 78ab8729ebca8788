"""The index of `vq search`: an FTS5 table with the words of every collected text.

The index is a cache. The first search makes it, every later one adds what is new, and it can be removed at any time.
Triggers on `text_messages` note which indexed texts changed. They need no FTS5, so collect runs with any SQLite.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from sqlite3 import Connection
from typing import NamedTuple

from ventriloquist.records import Progress
from ventriloquist.store.connect import BUSY_TIMEOUT_MS, transaction

BATCH = 5000  # messages that are indexed in one transaction
BRIEFLY_MS = 1000  # how long indexing waits for another program that writes
MODULE = "fts5"
_SHADOWS = ("data", "idx", "content", "config")  # the tables in which FTS5 keeps the index

Words = Callable[[str], str]
"""Turns a text into its words, separated by spaces."""


class FoundText(NamedTuple):
    """A message that may have the words."""

    id: int
    conversation_id: int
    sender_id: int | None  # None: unknown
    sent_at: int  # Unix milliseconds
    text: str


class Within(NamedTuple):
    """Which messages are searched; None: all."""

    sender_id: int | None = None
    conversations: Collection[int] | None = None
    begin: int | None = None  # Unix milliseconds
    end: int | None = None  # exclusive


def can_index(db: Connection) -> bool:
    """Tell whether this SQLite has FTS5."""
    return db.execute("SELECT 1 FROM pragma_module_list WHERE name = ?", (MODULE,)).fetchone() is not None


def bring_up_to_date(db: Connection, version: str, words: Words, progress: Progress) -> None:
    """Index all texts that are new or changed since the last search. If it is cut off, the next search goes on.

    Raises:
        sqlite3.DatabaseError: another program writes the file, there is no FTS5, or the index is damaged.
    """
    with _waiting(db, BRIEFLY_MS):
        _bring_up_to_date(db, version, words, progress)


@contextmanager
def _waiting(db: Connection, milliseconds: int) -> Iterator[None]:
    db.execute(f"PRAGMA busy_timeout = {milliseconds}")
    try:
        yield
    finally:
        db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


def _bring_up_to_date(db: Connection, version: str, words: Words, progress: Progress) -> None:
    state = "SELECT version FROM search_state WHERE EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'message_words')"
    if db.execute(state).fetchone() != (version,):
        with transaction(db):
            remove_index(db)
            # `ascii` splits at spaces and leaves all else as it is; `columnsize` is for ranking
            db.execute(f"CREATE VIRTUAL TABLE message_words USING {MODULE}(words, tokenize = 'ascii', columnsize = 0)")
            db.execute("INSERT INTO search_state (indexed_to, version) VALUES (0, ?)", (version,))
    (total,) = db.execute(
        "SELECT (SELECT count(*) FROM search_stale) + count(*) FROM text_messages, search_state WHERE id > indexed_to"
    ).fetchone()
    done = 0
    while done < total and (read := _index_stale(db, words) or _index_new(db, words)):
        done += read
        progress(done, total)


def _index_stale(db: Connection, words: Words) -> int:
    stale = [id for (id,) in db.execute("SELECT message_id FROM search_stale LIMIT ?", (BATCH,))]
    if not stale:
        return 0
    with transaction(db):
        listed = (json.dumps(stale),)
        db.executemany("DELETE FROM message_words WHERE rowid = ?", [(id,) for id in stale])
        _insert(db, words, "WHERE id IN (SELECT value FROM json_each(?))", *listed)
        db.execute("DELETE FROM search_stale WHERE message_id IN (SELECT value FROM json_each(?))", listed)
        # a new message may get the id of a deleted one
        db.execute(
            "UPDATE search_state SET indexed_to = min(indexed_to, (SELECT ifnull(max(id), 0) FROM text_messages))"
        )
    return len(stale)


def _index_new(db: Connection, words: Words) -> int:
    with transaction(db):
        (first,) = db.execute("SELECT indexed_to FROM search_state").fetchone()
        ids = _insert(db, words, "WHERE id > ? ORDER BY id LIMIT ?", first, BATCH)
        if ids:
            db.execute("UPDATE search_state SET indexed_to = ?", (ids[-1],))
    return len(ids)


def _insert(db: Connection, words: Words, condition: str, *values: object) -> list[int]:
    """Index the texts of some messages; return the ids of all of them, with text or without."""
    rows = db.execute(f"SELECT id, text FROM text_messages {condition}", values).fetchall()
    indexed = [(id, words(text)) for id, text in rows if text is not None]
    db.executemany("INSERT INTO message_words (rowid, words) VALUES (?, ?)", indexed)
    return [id for id, _ in rows]


def remove_index(db: Connection) -> None:
    """Remove the index and all words in it. The next search makes it anew."""
    try:
        db.execute("DROP TABLE IF EXISTS message_words")
    except sqlite3.DatabaseError:  # this SQLite has no FTS5, or the index is damaged: take it apart
        db.execute("PRAGMA writable_schema = ON")
        db.execute("DELETE FROM sqlite_master WHERE name = 'message_words'")
        db.execute("PRAGMA writable_schema = RESET")
    left = "SELECT type, name FROM sqlite_master WHERE name IN (SELECT 'message_words_' || value FROM json_each(?))"
    for type, name in db.execute(left, (json.dumps(_SHADOWS),)).fetchall():
        db.execute(f"DROP {type} {name}")
    db.execute("DELETE FROM search_state")
    db.execute("DELETE FROM search_stale")


def forget_index(db: Connection) -> None:
    """Remove an index that is damaged."""
    with transaction(db):
        remove_index(db)


def messages_with(db: Connection, query: str | None, within: Within) -> Iterator[FoundText]:
    """Yield messages with text, the newest first: those that an FTS5 query finds, or all where it is None."""
    found = "" if query is None else "AND id IN (SELECT rowid FROM message_words WHERE message_words MATCH :query)"
    rows = db.execute(
        f"""
        SELECT id, conversation_id,
            CASE WHEN is_from_me THEN (SELECT id FROM people WHERE is_me = 1) ELSE sender_id END AS sender,
            sent_at, text
        FROM text_messages
        WHERE text IS NOT NULL {found}
            AND (:sender IS NULL OR sender = :sender)
            AND (:conversations IS NULL OR conversation_id IN (SELECT value FROM json_each(:conversations)))
            AND (:begin IS NULL OR sent_at >= :begin) AND (:end IS NULL OR sent_at < :end)
        ORDER BY sent_at DESC, source_rowid DESC, guid DESC
        """,
        {
            "query": query,
            "sender": within.sender_id,
            "conversations": None if within.conversations is None else json.dumps([*within.conversations]),
            "begin": within.begin,
            "end": within.end,
        },
    )
    return map(FoundText._make, rows)


def indexed_words(db: Connection, first: str) -> list[str]:
    """Return the words in the index that begin with a character."""
    db.execute(f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.indexed_words USING {MODULE}vocab(main, message_words, row)")
    rows = db.execute("SELECT term FROM temp.indexed_words WHERE term >= ?1 AND substr(term, 1, 1) = ?1", (first,))
    found = [term for (term,) in rows]
    db.execute("DROP TABLE temp.indexed_words")
    return found
