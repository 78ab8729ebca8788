"""The collected messages, as prepare and evaluate read them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ventriloquist.records import Attachment, ReactionKind
from ventriloquist.store import Connection
from ventriloquist.transcript import ConversationType


class CollectedConversation(NamedTuple):
    """A conversation and how much was collected of it."""

    id: int
    type: ConversationType
    title: str | None
    members: tuple[int, ...]  # ids of people, the owner included
    messages: int
    source: str  # a key of records.APPLICATIONS
    me: int | None = None  # the owner's id

    def labels(self, names: Mapping[int, str]) -> list[str | None]:
        """Return what somebody may call it: its title, and its name."""
        return [self.title, self.name(names)]

    def name(self, names: Mapping[int, str]) -> str:
        """Return what to call it: a group's title, else who is in it besides the owner."""
        others = sorted(names[id] for id in self.members if id != self.me) or [names[id] for id in self.members]
        return (self.title if self.type == "group" else None) or ", ".join(others)


class CollectedMessage(NamedTuple):
    """A message. Its sender is the owner if it is from them, whatever the source says."""

    id: int
    guid: str
    conversation_id: int
    sender_id: int | None  # None: unknown
    sent_at: int  # Unix milliseconds
    source_rowid: int
    text: str | None  # None: attachments only
    originator_guid: str | None  # the message that this one answers
    originator_part: str | None
    flags: str  # comma list
    has_attachments: bool


class ReadableMessage(NamedTuple):
    """A message with all that a page for people shows of it."""

    id: int
    guid: str
    sender_id: int | None  # None: unknown
    is_me: int
    sent_at: int  # Unix milliseconds
    text: str | None
    subject: str | None
    edited: int  # 1: a part of it was edited or unsent
    flags: str  # comma list
    originator_guid: str | None  # the message that this one answers
    has_attachments: int
    has_reactions: int


class CollectedReaction(NamedTuple):
    """A reaction to a message."""

    guid: str
    target_guid: str
    person_id: int | None
    kind: ReactionKind
    emoji: str | None
    sent_at: int  # Unix milliseconds


_MESSAGES = """
    SELECT id, guid, conversation_id,
        CASE WHEN is_from_me THEN (SELECT id FROM people WHERE is_me = 1) ELSE sender_id END,
        sent_at, source_rowid, text, thread_originator_guid, thread_originator_part,
        flags, EXISTS (SELECT 1 FROM attachments WHERE message_guid = text_messages.guid)
    FROM text_messages
"""


def phone_handles(db: Connection) -> Iterator[tuple[str, bool]]:
    """Yield every number in international form, and whether it is the owner's."""
    rows = db.execute(
        "SELECT h.handle, p.is_me FROM handles h JOIN people p ON p.id = h.person_id WHERE h.handle GLOB '+[0-9]*'"
    )
    return ((handle, bool(is_me)) for handle, is_me in rows)


def conversations(db: Connection) -> list[CollectedConversation]:
    """Return every conversation, by id."""
    rows = db.execute(
        """
        SELECT id, type, title,
            (SELECT json_group_array(person_id) FROM members WHERE conversation_id = conversations.id),
            (SELECT count(*) FROM text_messages WHERE conversation_id = conversations.id),
            source, (SELECT id FROM people WHERE is_me = 1)
        FROM conversations ORDER BY id
        """
    )
    return [
        CollectedConversation(id, type, title, tuple(json.loads(members)), *more)
        for id, type, title, members, *more in rows
    ]


def received_flags(db: Connection) -> dict[int, set[str]]:
    """Return, for each conversation with a flagged message, the comma lists of flags of what was received."""
    rows = db.execute(
        "SELECT DISTINCT conversation_id, flags FROM text_messages WHERE is_from_me = 0"
        " AND conversation_id IN (SELECT conversation_id FROM text_messages WHERE flags != '')"
    )
    found: dict[int, set[str]] = {}
    for conversation_id, flags in rows:
        found.setdefault(conversation_id, set()).add(flags)
    return found


def messages(db: Connection, conversation_id: int) -> Iterator[CollectedMessage]:
    """Yield a conversation's messages in order."""
    rows = db.execute(f"{_MESSAGES} WHERE conversation_id = ? ORDER BY sent_at, source_rowid, guid", (conversation_id,))
    return map(CollectedMessage._make, rows)


def readable_messages(db: Connection, conversation_id: int) -> Iterator[ReadableMessage]:
    """Yield a conversation's messages in order, for people to read."""
    rows = db.execute(
        """
        SELECT id, guid, CASE WHEN is_from_me THEN (SELECT id FROM people WHERE is_me = 1) ELSE sender_id END,
            is_from_me, sent_at, text, subject, edited, flags, thread_originator_guid,
            EXISTS (SELECT 1 FROM attachments WHERE message_guid = text_messages.guid),
            EXISTS (SELECT 1 FROM reactions WHERE target_guid = text_messages.guid)
        FROM text_messages WHERE conversation_id = ? ORDER BY sent_at, source_rowid, guid
        """,
        (conversation_id,),
    )
    return map(ReadableMessage._make, rows)


def times(db: Connection, conversation_id: int) -> Iterator[int]:
    """Yield when the messages of a conversation were sent, in order."""
    query = "SELECT sent_at FROM text_messages WHERE conversation_id = ? ORDER BY sent_at"
    return (sent_at for (sent_at,) in db.execute(query, (conversation_id,)))


def text_bytes(db: Connection, conversation_ids: Sequence[int]) -> int:
    """Return how many bytes the texts of conversations have."""
    query = (
        "SELECT ifnull(sum(length(CAST(text AS BLOB))), 0) FROM text_messages"
        " WHERE conversation_id IN (SELECT value FROM json_each(?))"
    )
    return int(db.execute(query, (json.dumps(conversation_ids),)).fetchone()[0])


def find_message(db: Connection, guid: str) -> CollectedMessage | None:
    """Return the message with a guid, None if there is none."""
    row = db.execute(f"{_MESSAGES} WHERE guid = ?", (guid,)).fetchone()
    return None if row is None else CollectedMessage(*row)


def reactions(db: Connection, conversation_id: int) -> Iterator[CollectedReaction]:
    """Yield the reactions to a conversation's messages, by time."""
    rows = db.execute(
        """
        SELECT r.guid, r.target_guid, r.person_id, r.kind, r.emoji, r.sent_at
        FROM reactions r JOIN text_messages t ON t.guid = r.target_guid
        WHERE t.conversation_id = ? ORDER BY r.sent_at, r.guid
        """,
        (conversation_id,),
    )
    return map(CollectedReaction._make, rows)


def reactions_to(db: Connection, guid: str) -> list[CollectedReaction]:
    """Return the reactions to a message, by time."""
    query = (
        "SELECT guid, target_guid, person_id, kind, emoji, sent_at FROM reactions WHERE target_guid = ? ORDER BY 6, 1"
    )
    return [CollectedReaction(*row) for row in db.execute(query, (guid,))]


def attachments(db: Connection, guid: str) -> list[Attachment]:
    """Return what was sent with a message, in order."""
    rows = db.execute(
        "SELECT mime_type, filename, transcript, kind, part, text_before"
        " FROM attachments LEFT JOIN attachment_details USING (message_guid, position)"
        " WHERE message_guid = ? ORDER BY position",
        (guid,),
    )
    return [Attachment(*row) for row in rows]


def texts_with_digits(db: Connection) -> Iterator[str]:
    """Yield every text, file name and transcript with an ASCII digit before its first NUL, where GLOB stops."""
    rows = db.execute(
        """
        SELECT text FROM text_messages WHERE text GLOB '*[0-9]*'
        UNION ALL SELECT filename FROM attachments WHERE filename GLOB '*[0-9]*'
        UNION ALL SELECT transcript FROM attachments WHERE transcript GLOB '*[0-9]*'
        """
    )
    return (text for (text,) in rows)


# For evaluate


def text_of(db: Connection, message_id: int) -> str | None:
    """Return the text of a collected message; None if it has none, or was removed."""
    row = db.execute("SELECT text FROM text_messages WHERE id = ?", (message_id,)).fetchone()
    return row[0] if row else None
