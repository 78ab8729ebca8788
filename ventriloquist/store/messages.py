"""Queries on messages, attachments, tapbacks, reactions and skipped rows, as collect writes and reads them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from sqlite3 import Connection
from typing import Literal, NamedTuple

from ventriloquist.records import ReactionKind, SourceMessage, SourceTapback
from ventriloquist.store.search import remove_index

Table = Literal["text_messages", "tapbacks", "skipped"]
"""Each guid stands in one of these."""

# every table that collect writes, those first that refer to others
_COLLECTED = (
    "members", "handles", "cards", "chats", "person_hints", "owner_identifiers", "reactions", "tapbacks", "skipped",
    "attachments", "text_messages", "conversations", "people",
)  # fmt: skip

_READ = (  # the first fields of SourceMessage
    "guid", "source_rowid", "chat_guid", "sender_handle", "is_from_me", "sent_at", "text", "thread_originator_guid",
    "thread_originator_part", "edited", "revised_at", "service", "subject",
)  # fmt: skip
_MESSAGE = ("conversation_id", "sender_id", "flags", *_READ)
_TAPBACK = (
    "guid", "source_rowid", "chat_guid", "sender_handle", "is_from_me", "sent_at", "target_guid", "kind", "emoji",
    "removed",
)  # fmt: skip
_NULL_IF_EMPTY = {
    "sender_handle", "text", "thread_originator_guid", "thread_originator_part", "service", "subject", "chat_guid",
    "emoji",
}  # fmt: skip
_KEPT = {"guid", "source_rowid"}  # as at first sight

# What every collect derives anew. Training lines are made of it and of the messages.
_DERIVED = (
    "SELECT count(*) FROM text_messages",
    "SELECT id, name, is_me FROM people ORDER BY id",
    "SELECT id, type, title FROM conversations ORDER BY id",
    "SELECT conversation_id, person_id FROM members ORDER BY 1, 2",
    "SELECT handle, person_id FROM handles ORDER BY handle",
    "SELECT message_guid, position, mime_type, filename, transcript FROM attachments ORDER BY 1, 2",
    "SELECT message_guid, position, kind, part, text_before FROM attachment_details ORDER BY 1, 2",
    "SELECT guid, target_guid, person_id, kind, emoji, sent_at FROM reactions ORDER BY guid",
    "SELECT name FROM time_zones WHERE stage = 'collect'",
)


class Place(NamedTuple):
    """A message's conversation and sender, and what is unusual about it."""

    conversation_id: int
    sender_id: int | None
    flags: str = ""


class StoredRow(NamedTuple):
    """What the file has under a guid: in which table, and how new."""

    table: Table
    reason: str
    revised_at: int
    has_text: int
    from_text: int  # 1: a tapback that arrived as a text


class StoredTapback(NamedTuple):
    """A row of `tapbacks`."""

    guid: str
    target_guid: str
    sender_handle: str | None
    is_from_me: int
    chat_guid: str | None
    kind: ReactionKind
    emoji: str | None
    removed: int
    sent_at: int


class Note(NamedTuple):
    """A note to self. If it has no text, the number of its attachments stands for its content."""

    text: str | None
    attachments: int | None
    guid: str
    is_from_me: int
    sent_at: int


def _insert(table: str, columns: Sequence[str], *, update: bool) -> str:
    """Return an insert; empty texts become NULL in it, since sqlite3 takes long to bind None."""
    values = ", ".join("nullif(?, '')" if column in _NULL_IF_EMPTY else "?" for column in columns)
    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})"  # noqa: S608  # fixed names
    if not update:
        return insert
    updated = [column for column in columns if column not in _KEPT]
    return (
        f"{insert} ON CONFLICT (guid) DO UPDATE SET {', '.join(f'{column} = excluded.{column}' for column in updated)} "
        f"WHERE ({', '.join(updated)}) IS NOT ({', '.join(f'excluded.{column}' for column in updated)})"
    )


_INSERT_MESSAGE, _UPSERT_MESSAGE = (_insert("text_messages", _MESSAGE, update=update) for update in (False, True))
_INSERT_TAPBACK, _UPSERT_TAPBACK = (_insert("tapbacks", _TAPBACK, update=update) for update in (False, True))


def clear_collected(db: Connection) -> None:
    """Delete everything that collect writes, and the index of it. Who was forgotten stays."""
    remove_index(db)
    for table in _COLLECTED:
        db.execute(f"DELETE FROM {table}")  # noqa: S608  # fixed names


def has_rows(db: Connection) -> bool:
    """Tell whether anything was ever collected into the file."""
    tables = ("text_messages", "tapbacks", "skipped")
    return any(db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in tables)  # noqa: S608


def digest_of_derived(db: Connection) -> bytes:
    """Return a digest of people, conversations, attachments, reactions and the time zone.

    If it and every message are as before, so are all training lines.
    """
    digest = hashlib.sha256()
    for statement in _DERIVED:
        digest.update(statement.encode())
        for row in db.execute(statement):
            digest.update(repr(row).encode())
    return digest.digest()


@contextmanager
def indexes_built_last(db: Connection) -> Iterator[None]:
    """Drop the indexes of empty tables while the block fills them: sorting once is half the work."""
    indexes = db.execute(
        "SELECT name, sql FROM sqlite_master "
        "WHERE type = 'index' AND tbl_name IN ('text_messages', 'tapbacks') AND sql IS NOT NULL"
    ).fetchall()
    for name, _ in indexes:
        db.execute(f"DROP INDEX {name}")
    yield
    for _, sql in indexes:
        db.execute(sql)


def insert_messages(db: Connection, messages: Iterable[tuple[Place, SourceMessage]], *, update: bool) -> int:
    """Insert messages without their attachments, and with `update` replace rows; return how many are new or changed."""
    rows = [place + message[: len(_READ)] for place, message in messages]
    written = db.executemany(_UPSERT_MESSAGE if update else _INSERT_MESSAGE, rows).rowcount
    return max(written, 0)  # -1 if there are no rows; `total_changes` would count the rows of triggers, too


def insert_attachments(db: Connection, messages: Iterable[SourceMessage]) -> None:
    """Insert the attachments of messages, and their details if the source knows the kind."""
    numbered = [
        (message.guid, position, file) for message in messages for position, file in enumerate(message.attachments)
    ]
    db.executemany(
        "INSERT INTO attachments VALUES (?, ?, ?, ?, ?)",
        [(guid, position, file.mime_type, file.filename, file.transcript) for guid, position, file in numbered],
    )
    db.executemany(
        "INSERT INTO attachment_details VALUES (?, ?, ?, ?, ?)",
        [
            (guid, position, file.kind, file.part, file.text_before)
            for guid, position, file in numbered
            if file.kind is not None
        ],
    )


def insert_tapbacks(db: Connection, tapbacks: Iterable[SourceTapback], *, update: bool) -> None:
    """Insert tapbacks, and with `update` replace rows."""
    db.executemany(_UPSERT_TAPBACK if update else _INSERT_TAPBACK, tapbacks)


def insert_skipped(db: Connection, rows: Iterable[tuple[str, str]]) -> None:
    """Insert or replace skipped rows, each a guid and a reason of `records.SKIPPED`."""
    db.executemany("INSERT OR REPLACE INTO skipped VALUES (?, ?)", rows)


def find_rows(db: Connection, guids: Sequence[str]) -> dict[str, StoredRow]:
    """Return what the file has of these guids."""
    listed = json.dumps(guids)
    found: dict[str, StoredRow] = {}
    details: tuple[tuple[Table, str], ...] = (
        ("text_messages", "'', revised_at, text IS NOT NULL, 0"),
        ("tapbacks", "'', 0, 0, from_text"),
        ("skipped", "reason, 0, 0, 0"),
    )
    for table, columns in details:
        for guid, *row in db.execute(
            f"SELECT guid, {columns} FROM {table} "  # noqa: S608  # fixed names
            "WHERE guid IN (SELECT value FROM json_each(?))",
            (listed,),
        ):
            found.setdefault(guid, StoredRow(table, *row))
    return found


def delete_rows(db: Connection, table: Table, guids: Iterable[str]) -> None:
    """Delete rows by guid; attachments stay."""
    db.executemany(f"DELETE FROM {table} WHERE guid = ?", [(guid,) for guid in guids])  # noqa: S608  # fixed names


def delete_attachments(db: Connection, guids: Iterable[str]) -> None:
    """Delete the attachments of messages."""
    db.executemany("DELETE FROM attachments WHERE message_guid = ?", [(guid,) for guid in guids])


def places(db: Connection) -> list[Place]:
    """Return every conversation with each of its senders."""
    return [Place(*row) for row in db.execute("SELECT DISTINCT conversation_id, sender_id FROM text_messages")]


def senders(db: Connection) -> list[tuple[str, str, int]]:
    """Return each chat with each sender in it, as sources have them: guid, handle or empty, whether the owner."""
    return db.execute("SELECT DISTINCT chat_guid, ifnull(sender_handle, ''), is_from_me FROM text_messages").fetchall()


def move_messages(db: Connection, moves: Iterable[tuple[str, str, int, int, int | None]]) -> int:
    """Give messages another conversation and sender; return how many have changed.

    Each move is a row of `senders`, with the ids of its conversation and its sender.
    """
    db.execute(
        "CREATE TEMP TABLE placed (chat_guid, sender_handle, is_from_me, conversation_id, sender_id, "
        "PRIMARY KEY (chat_guid, sender_handle, is_from_me)) WITHOUT ROWID"
    )
    db.executemany("INSERT INTO placed VALUES (?, ?, ?, ?, ?)", moves)
    moved = db.execute(
        """
        UPDATE text_messages SET conversation_id = placed.conversation_id, sender_id = placed.sender_id
        FROM placed
        WHERE placed.chat_guid = text_messages.chat_guid
            AND placed.sender_handle = ifnull(text_messages.sender_handle, '')
            AND placed.is_from_me = text_messages.is_from_me
            AND (placed.conversation_id, placed.sender_id)
                IS NOT (text_messages.conversation_id, text_messages.sender_id)
        """
    ).rowcount
    db.execute("DROP TABLE placed")
    return moved


def notes(db: Connection, conversation_id: int) -> Iterator[Note]:
    """Return the notes to self of a conversation, by content and time."""
    rows = db.execute(
        """
        SELECT text, files, guid, is_from_me, sent_at FROM (
            SELECT text, guid, is_from_me, sent_at, CASE WHEN text IS NULL THEN (
                SELECT count(*) FROM attachments WHERE message_guid = guid
            ) END AS files
            FROM text_messages WHERE conversation_id = ?
        ) ORDER BY text, files, sent_at, guid
        """,
        (conversation_id,),
    )
    return map(Note._make, rows)


def copies(db: Connection, conversation_ids: Collection[int]) -> list[tuple[str, str, str]]:
    """Return each message that another chat of its conversation had before: its guid, its chat and the other's guid.

    Both have the same sender, millisecond, text and number of attachments. Equal messages of one chat are counted: the
    third one is a copy if the other chat has three.
    """
    return db.execute(
        """
        WITH alike AS (
            SELECT id, guid, chat_guid, conversation_id, sender_id, sent_at, text, (
                SELECT count(*) FROM attachments WHERE message_guid = guid
            ) AS files
            FROM text_messages WHERE conversation_id IN (SELECT value FROM json_each(?))
        ), numbered AS (
            SELECT *, row_number() OVER (
                PARTITION BY conversation_id, sender_id, sent_at, text, files, chat_guid ORDER BY id
            ) AS number FROM alike
        )
        SELECT guid, chat_guid, first FROM (
            SELECT guid, chat_guid, first_value(guid) OVER (
                PARTITION BY conversation_id, sender_id, sent_at, text, files, number ORDER BY id
            ) AS first FROM numbered
        ) WHERE guid <> first
        """,
        (json.dumps(sorted(conversation_ids)),),
    ).fetchall()


def move_tapbacks(db: Connection, targets: Mapping[str, str]) -> None:
    """Give the tapbacks on messages another target: old guid → new guid."""
    found = db.execute(
        "SELECT guid, target_guid FROM tapbacks WHERE target_guid IN (SELECT value FROM json_each(?))",
        (json.dumps([*targets]),),
    ).fetchall()
    db.executemany(
        "UPDATE tapbacks SET target_guid = ? WHERE guid = ?", [(targets[target], guid) for guid, target in found]
    )


def digests_of_replies(db: Connection, conversation_ids: Collection[int]) -> dict[str, bytes]:
    """Return a digest of each reply of these conversations, by guid."""
    rows = db.execute(
        f"SELECT {', '.join(_MESSAGE)} FROM text_messages "  # noqa: S608  # fixed names
        "WHERE conversation_id IN (SELECT value FROM json_each(?)) AND thread_originator_guid IS NOT NULL",
        (json.dumps(sorted(conversation_ids)),),
    )
    guid = _MESSAGE.index("guid")
    return {row[guid]: hashlib.sha256(repr(row).encode()).digest() for row in rows}


def move_replies(db: Connection, conversation_ids: Collection[int], targets: Mapping[str, str]) -> None:
    """Let the replies of these conversations answer another message: old guid → new guid."""
    found = db.execute(
        "SELECT guid, thread_originator_guid FROM text_messages "
        "WHERE conversation_id IN (SELECT value FROM json_each(?)) "
        "AND thread_originator_guid IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted(conversation_ids)), json.dumps([*targets])),
    ).fetchall()
    db.executemany(
        "UPDATE text_messages SET thread_originator_guid = ? WHERE guid = ?",
        [(targets[originator], guid) for guid, originator in found],
    )


def texts_ending_with(
    db: Connection, last_character: Collection[str], last_four: Collection[str]
) -> Iterator[tuple[int, str]]:
    """Return conversation and text of each message whose last character or last four characters are among these."""
    return db.execute(
        "SELECT conversation_id, text FROM text_messages WHERE substr(text, -1) IN (SELECT value FROM json_each(?)) "
        "OR substr(text, -4) IN (SELECT value FROM json_each(?))",
        (json.dumps([*last_character]), json.dumps([*last_four])),
    )


def turn_into_tapbacks(db: Connection, found: Collection[tuple[str, str, ReactionKind, str, int]]) -> None:
    """Move messages to `tapbacks`: guid, target's guid, kind, emoji or empty, and 1 if a tapback is taken back."""
    db.executemany(
        "INSERT INTO tapbacks (guid, source_rowid, chat_guid, sender_handle, is_from_me, sent_at, target_guid, "
        "kind, emoji, removed, from_text) SELECT guid, source_rowid, chat_guid, sender_handle, is_from_me, "
        "sent_at, ?, ?, nullif(?, ''), ?, 1 FROM text_messages WHERE guid = ?",
        [(*about, guid) for guid, *about in found],
    )
    delete_rows(db, "text_messages", [guid for guid, *_ in found])


def tapbacks_by_target(db: Connection) -> Iterator[StoredTapback]:
    """Return all tapbacks, by target and time."""
    rows = db.execute(
        f"SELECT {', '.join(StoredTapback._fields)} FROM tapbacks "  # noqa: S608  # fixed names
        "ORDER BY target_guid, sent_at, source_rowid, guid"
    )
    return map(StoredTapback._make, rows)


def skip_tapbacks_on_forgotten(db: Connection) -> list[str]:
    """Skip the tapbacks on messages that `vq forget` removed, as that did itself; return their guids."""
    rows = db.execute(
        "SELECT t.guid FROM tapbacks t JOIN skipped s ON s.guid = t.target_guid WHERE s.reason = 'forgotten'"
    ).fetchall()
    guids = [guid for (guid,) in rows]
    delete_rows(db, "tapbacks", guids)
    insert_skipped(db, [(guid, "forgotten") for guid in guids])
    return guids


def clear_reactions(db: Connection, reasons: Sequence[str]) -> None:
    """Delete all reactions, and what is skipped for one of these reasons."""
    db.execute("DELETE FROM reactions")
    db.execute("DELETE FROM skipped WHERE reason IN (SELECT value FROM json_each(?))", (json.dumps(reasons),))


def insert_reactions(db: Connection, reactions: Iterable[tuple[StoredTapback, int | None]]) -> None:
    """Insert tapbacks that stand, each with the id of the person who gave it."""
    db.executemany(
        "INSERT INTO reactions (guid, target_guid, person_id, kind, emoji, sent_at) VALUES (?, ?, ?, ?, ?, ?)",
        [(row.guid, row.target_guid, person, row.kind, row.emoji, row.sent_at) for row, person in reactions],
    )
