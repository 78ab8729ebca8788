"""Erasing a person from the file: counting what goes, deleting it, and clearing the record of runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Any

from ventriloquist.safe_text import to_json
from ventriloquist.store.forgotten import remember_forgotten
from ventriloquist.store.search import remove_index

REASON = "forgotten"


@dataclass(frozen=True, slots=True)
class ErasedRows:
    """How many rows are removed with a person."""

    conversations: int  # one-to-one
    messages: int  # both sides of these conversations, and the person's in groups
    group_messages: int  # the person's in groups, counted in `messages` too
    reactions: int  # the person's, and those to messages that go
    quotes: int  # messages of others that quote one that goes: they stay without the quote
    attachments: int


# Temporary tables of ids, filled for one person.
_DOOMED = {
    "doomed_conversations": "SELECT c.id FROM conversations c JOIN members m ON m.conversation_id = c.id"
    " WHERE c.type = 'dm' AND m.person_id = :person",
    "doomed_messages": "SELECT guid FROM text_messages"
    " WHERE sender_id = :person OR conversation_id IN (SELECT id FROM doomed_conversations)",
    "doomed_tapbacks": "SELECT guid FROM reactions"
    " WHERE person_id = :person OR target_guid IN (SELECT guid FROM doomed_messages)",
}


def count_rows(db: Connection, person_id: int) -> ErasedRows:
    """Count the rows that go with a person."""
    with _doomed(db, person_id):
        counts = db.execute(
            "SELECT (SELECT count(*) FROM doomed_conversations), (SELECT count(*) FROM doomed_messages),"
            " (SELECT count(*) FROM text_messages WHERE sender_id = ?"
            "  AND conversation_id NOT IN (SELECT id FROM doomed_conversations)),"
            " (SELECT count(*) FROM doomed_tapbacks),"
            " (SELECT count(*) FROM text_messages WHERE thread_originator_guid IN (SELECT guid FROM doomed_messages)"
            "  AND guid NOT IN (SELECT guid FROM doomed_messages)),"
            " (SELECT count(*) FROM attachments WHERE message_guid IN (SELECT guid FROM doomed_messages))",
            (person_id,),
        ).fetchone()
    return ErasedRows(*counts)


def handles_as_written(db: Connection, person_id: int) -> set[str]:
    """Return a person's handles as sources have them: an earlier collect may have read them as another country's."""
    with _doomed(db, person_id):
        written = db.execute(
            "SELECT sender_handle FROM text_messages WHERE sender_id = :person"
            " UNION SELECT sender_handle FROM tapbacks JOIN reactions USING (guid) WHERE person_id = :person"
            " UNION SELECT json_extract(handles, '$[0]') FROM chats WHERE type = 'dm'"
            " AND conversation_id IN (SELECT id FROM doomed_conversations)",
            {"person": person_id},
        ).fetchall()
    return {handle for (handle,) in written if handle}


def delete_rows(db: Connection, person_id: int, handles: Sequence[str], is_theirs: Callable[[str], bool]) -> None:
    """Delete everything about a person except their name. The guids stay as `skipped`, the handles as digests.

    The handles are normalised. `is_theirs` tells whether a handle, as a source has it, is the person's.
    """
    db.execute("PRAGMA secure_delete = ON")  # for this connection, from now on
    remove_index(db)  # the next search makes it anew, without the person's words
    with _doomed(db, person_id):
        _delete_chats_and_tapbacks(db, is_theirs)
        for doomed in ("doomed_messages", "doomed_tapbacks"):
            db.execute(f"INSERT OR REPLACE INTO skipped SELECT guid, ? FROM {doomed}", (REASON,))  # noqa: S608
        empty = "SELECT id FROM conversations WHERE id NOT IN (SELECT conversation_id FROM text_messages)"
        for table, condition in (
            ("reactions", "guid IN (SELECT guid FROM doomed_tapbacks)"),
            ("attachments", "message_guid IN (SELECT guid FROM doomed_messages)"),
            ("text_messages", "guid IN (SELECT guid FROM doomed_messages)"),
            ("chats", f"conversation_id IN ({empty})"),
            ("members", f"conversation_id IN ({empty}) OR person_id = :person"),
            ("conversations", f"id IN ({empty})"),
            ("cards", "person_id = :person"),
            ("handles", "person_id = :person"),
        ):
            db.execute(f"DELETE FROM {table} WHERE {condition}", {"person": person_id})  # noqa: S608  # fixed names
    remember_forgotten(db, handles)


def delete_person(db: Connection, person_id: int) -> None:
    """Delete the row of a person whose other rows are gone."""
    db.execute("DELETE FROM people WHERE id = ?", (person_id,))


def scrub_runs(db: Connection, scrub: Callable[[Any], Any]) -> None:
    """Rewrite the parameters and results of all recorded runs: `scrub` returns what is kept of a JSON object."""
    for id, *texts in db.execute("SELECT id, parameters, result FROM runs").fetchall():
        scrubbed = [None if text is None else to_json(scrub(json.loads(text))) for text in texts]
        if scrubbed != texts:
            db.execute("UPDATE runs SET parameters = ?, result = ? WHERE id = ?", (*scrubbed, id))


def rewrite_file(db: Connection) -> bool:
    """Write the file anew, without its free pages and its log. Return False if another program reads the file."""
    db.execute("VACUUM")
    is_read, *_ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not is_read


@contextmanager
def _doomed(db: Connection, person_id: int) -> Iterator[None]:
    """Make the temporary tables for the block."""
    _drop_doomed(db)  # an error may have left them
    for table, query in _DOOMED.items():
        db.execute(f"CREATE TEMP TABLE {table} AS {query}", {"person": person_id})
        if table == "doomed_messages":
            db.execute("CREATE UNIQUE INDEX temp.doomed_messages_guid ON doomed_messages (guid)")
    yield
    _drop_doomed(db)


def _drop_doomed(db: Connection) -> None:
    for table in _DOOMED:
        db.execute(f"DROP TABLE IF EXISTS temp.{table}")


def _delete_chats_and_tapbacks(db: Connection, is_theirs: Callable[[str], bool]) -> None:
    """Delete what collect keeps of sources: chats with the person, their place in groups, and tapbacks that go."""
    for guid, type, listed in db.execute("SELECT guid, type, handles FROM chats").fetchall():
        everybody: list[str] = json.loads(listed)
        rest = [handle for handle in everybody if not is_theirs(handle)]
        if type == "dm" and everybody and is_theirs(everybody[0]):
            db.execute("INSERT INTO doomed_tapbacks SELECT guid FROM tapbacks WHERE chat_guid = ?", (guid,))
            db.execute("DELETE FROM chats WHERE guid = ?", (guid,))
        elif rest != everybody:
            db.execute("UPDATE chats SET handles = ? WHERE guid = ?", (json.dumps(rest, ensure_ascii=False), guid))
    db.execute(
        "INSERT INTO doomed_tapbacks SELECT guid FROM tapbacks WHERE target_guid IN (SELECT guid FROM doomed_messages)"
    )
    senders = db.execute(
        "SELECT guid, sender_handle FROM tapbacks WHERE NOT is_from_me AND sender_handle IS NOT NULL"
    ).fetchall()
    db.executemany("INSERT INTO doomed_tapbacks VALUES (?)", [(guid,) for guid, handle in senders if is_theirs(handle)])
    db.execute("DELETE FROM tapbacks WHERE guid IN (SELECT guid FROM doomed_tapbacks)")
    hints = db.execute("SELECT hint, handle FROM person_hints").fetchall()
    db.executemany(
        "DELETE FROM person_hints WHERE hint = ? AND handle = ?", [pair for pair in hints if is_theirs(pair[1])]
    )
