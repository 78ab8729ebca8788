"""A person's rows in the file: counting them, and deleting them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from ventriloquist.collect.handles import normalize, region_of
from ventriloquist.store import Connection
from ventriloquist.store.forgotten import remember_forgotten

REASON = "forgotten"


@dataclass(frozen=True, slots=True)
class Rows:
    """What goes, counted."""

    conversations: int  # one-to-one
    messages: int  # of these conversations, of both sides, and theirs in groups
    group_messages: int  # of those, theirs in groups
    reactions: int  # theirs, and those to messages that go
    quotes: int  # messages of others that quote one that goes: they stay without the quote
    attachments: int


# Everything below works on three temporary tables of ids: of one-to-one conversations, of messages, of tapbacks.
_DOOMED = (
    "CREATE TEMP TABLE doomed_conversations AS SELECT c.id FROM conversations c"
    " JOIN members m ON m.conversation_id = c.id WHERE c.type = 'dm' AND m.person_id = :person",
    "CREATE TEMP TABLE doomed_messages AS SELECT guid FROM text_messages"
    " WHERE sender_id = :person OR conversation_id IN (SELECT id FROM doomed_conversations)",
    "CREATE UNIQUE INDEX temp.doomed_messages_guid ON doomed_messages (guid)",
    "CREATE TEMP TABLE doomed_tapbacks AS SELECT guid FROM reactions"
    " WHERE person_id = :person OR target_guid IN (SELECT guid FROM doomed_messages)",
)


def count_rows(db: Connection, person_id: int) -> Rows:
    """Count what goes with a person."""
    _mark(db, person_id)
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
    _unmark(db)
    return Rows(*counts)


def delete_rows(db: Connection, person_id: int, handles: Sequence[str]) -> None:
    """Delete all that is a person's but their name, and remember their handles. The guids stay, as `skipped`."""
    _mark(db, person_id)
    execute = db.execute
    owner = [row[0] for row in execute("SELECT handle FROM handles JOIN people ON id = person_id WHERE is_me")]
    is_theirs = _handle_test({*handles, *_as_written(db, person_id)}, region_of(owner))
    _delete_chats_and_tapbacks(db, is_theirs)
    execute("INSERT OR REPLACE INTO skipped SELECT guid, ? FROM doomed_messages", (REASON,))
    execute("INSERT OR REPLACE INTO skipped SELECT guid, ? FROM doomed_tapbacks", (REASON,))
    for table, column, doomed in (
        ("reactions", "guid", "SELECT guid FROM doomed_tapbacks"),
        ("attachments", "message_guid", "SELECT guid FROM doomed_messages"),
        ("text_messages", "guid", "SELECT guid FROM doomed_messages"),
    ):
        execute(f"DELETE FROM {table} WHERE {column} IN ({doomed})")  # noqa: S608  # fixed names
    empty = "SELECT id FROM conversations WHERE id NOT IN (SELECT conversation_id FROM text_messages)"
    for table, condition in (
        ("chats", f"conversation_id IN ({empty})"),
        ("members", f"conversation_id IN ({empty}) OR person_id = :person"),
        ("conversations", f"id IN ({empty})"),
        ("cards", "person_id = :person"),
        ("handles", "person_id = :person"),
    ):
        execute(f"DELETE FROM {table} WHERE {condition}", {"person": person_id})  # noqa: S608  # fixed names
    remember_forgotten(db, handles)
    _unmark(db)


def delete_name(db: Connection, person_id: int) -> None:
    """Delete a person of whom only the name is left."""
    db.execute("DELETE FROM people WHERE id = ?", (person_id,))


def _mark(db: Connection, person_id: int) -> None:
    _unmark(db)
    for statement in _DOOMED:
        db.execute(statement, {"person": person_id} if ":person" in statement else {})


def _unmark(db: Connection) -> None:
    for table in ("doomed_conversations", "doomed_messages", "doomed_tapbacks"):
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
    rows = db.execute(
        "SELECT guid, sender_handle FROM tapbacks WHERE NOT is_from_me AND sender_handle IS NOT NULL"
    ).fetchall()
    db.executemany("INSERT INTO doomed_tapbacks VALUES (?)", [(guid,) for guid, handle in rows if is_theirs(handle)])
    db.execute("DELETE FROM tapbacks WHERE guid IN (SELECT guid FROM doomed_tapbacks)")
    hints = db.execute("SELECT hint, handle FROM person_hints").fetchall()
    db.executemany(
        "DELETE FROM person_hints WHERE hint = ? AND handle = ?", [pair for pair in hints if is_theirs(pair[1])]
    )


def _as_written(db: Connection, person_id: int) -> set[str]:
    """Return a person's handles as sources have them: a collect may have read them as of another country than today."""
    written = db.execute(
        "SELECT sender_handle FROM text_messages WHERE sender_id = :person"
        " UNION SELECT sender_handle FROM tapbacks JOIN reactions USING (guid) WHERE person_id = :person"
        " UNION SELECT json_extract(handles, '$[0]') FROM chats WHERE type = 'dm'"
        " AND conversation_id IN (SELECT id FROM doomed_conversations)",
        {"person": person_id},
    )
    return {handle for (handle,) in written if handle}


def _handle_test(handles: Collection[str], region: str | None) -> Callable[[str], bool]:
    known: dict[str, bool] = {}

    def is_theirs(handle: str) -> bool:
        """Tell whether a handle, as a source has it, is one of the person's."""
        if handle not in known:
            known[handle] = handle in handles or normalize(handle, region) in handles
        return known[handle]

    return is_theirs
