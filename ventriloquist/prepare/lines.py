"""From messages to the lines they become, in order, one conversation at a time.

Secrets are replaced before anything is cut, split or quoted, and once more in what that leaves: redacting a finished
line changes nothing.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from ventriloquist.database import Database
from ventriloquist.prepare.selection import Selection
from ventriloquist.transcript import Kind, attachment_placeholder, reaction_content, reply_marker, text_lines


class Redact(Protocol):
    """Replaces a text's secrets and counts them by kind."""

    def __call__(self, text: str, counts: Counter[str] | None = None) -> str: ...


_MESSAGES = """
    SELECT id, guid, CASE WHEN is_from_me THEN (SELECT id FROM people WHERE is_me = 1) ELSE sender_id END,
        sent_at, source_rowid, text, thread_originator_guid, thread_originator_part,
        flags, EXISTS (SELECT 1 FROM attachments WHERE message_guid = text_messages.guid)
    FROM text_messages WHERE conversation_id = ? ORDER BY sent_at, source_rowid, guid
"""
_REACTIONS = """
    SELECT r.guid, r.target_guid, r.person_id, r.kind, r.emoji, r.sent_at
    FROM reactions r JOIN text_messages t ON t.guid = r.target_guid
    WHERE t.conversation_id = ? ORDER BY r.sent_at, r.guid
"""
STEP = 1000  # messages between two reports of progress
_AFTER_MESSAGES = float("inf")  # a reaction has no place in the source: of equal times it comes last


# A line before it has a position: message id, kind, sender id, sent_at, content. A plain tuple: there are millions.
Draft = tuple[int | None, Kind, int | None, int, str]
Ordered = tuple[int, float, str, list[Draft]]


class Sources(NamedTuple):
    """What reading a conversation needs besides its rows."""

    db: Database
    selection: Selection
    redact: Redact
    left_out: Counter[str]  # messages by reason
    redacted: Counter[str]  # secrets by kind, not counting those in quotes
    advance: Callable[[int], None]  # told how many more messages were read


def conversation_lines(sources: Sources, conversation_id: int, *, reactions: bool) -> Iterator[Draft]:
    """Yield a conversation's lines in order: by sent_at, source_rowid, guid; reactions after messages of their time."""
    reason = sources.selection.conversations.get(conversation_id)
    if reason is not None:
        count = "SELECT count(*) FROM text_messages WHERE conversation_id = ?"
        (messages,) = sources.db.conn.execute(count, (conversation_id,)).fetchone()
        sources.left_out[reason] += messages
        sources.advance(messages)
        return
    ordered = _message_drafts(sources, conversation_id)
    if reactions:
        ordered = heapq.merge(ordered, _reaction_drafts(sources, conversation_id), key=lambda item: item[:3])
    for *_, drafts in ordered:
        yield from drafts


def _message_drafts(sources: Sources, conversation_id: int) -> Iterator[Ordered]:
    db, selection, redact, left_out, redacted, advance = sources
    read = 0
    for read, row in enumerate(db.conn.execute(_MESSAGES, (conversation_id,)), 1):
        if read % STEP == 0:
            advance(STEP)
        id, guid, sender_id, sent_at, source_rowid, text, originator, part, flags, has_attachments = row
        reason = selection.reason(conversation_id, sender_id, sent_at, flags)
        if reason:
            left_out[reason] += 1
            continue
        drafts: list[Draft] = []
        if has_attachments:
            placeholders = _placeholders(db, guid, redact, redacted)
            drafts += [(id, "attachment", sender_id, sent_at, placeholder) for placeholder in placeholders]
        if text is not None:
            lines = text_lines(redact(text, redacted))
            if len(lines) > 1:  # what is no secret in its text may read as one on a line of its own
                lines = [redact(line, redacted) for line in lines]
            drafts += [(id, "text", sender_id, sent_at, line) for line in lines]
        if not drafts:
            left_out["blank"] += 1
            continue
        if originator and (target := _quoted(sources, originator, part)):
            _, kind, _, _, first = drafts[0]
            drafts[0] = (id, kind, sender_id, sent_at, redact(reply_marker(target) + first))
        yield sent_at, source_rowid, guid, drafts
    advance(read % STEP)


def _reaction_drafts(sources: Sources, conversation_id: int) -> Iterator[Ordered]:
    db, selection, redact, *_ = sources
    for row in db.conn.execute(_REACTIONS, (conversation_id,)):
        guid, target_guid, person_id, kind, emoji, sent_at = row
        if selection.reason(conversation_id, person_id, sent_at, ""):
            continue
        target = _quoted(sources, target_guid, None)
        if target:
            content = redact(reaction_content(kind, emoji, target))
            yield sent_at, _AFTER_MESSAGES, guid, [(None, "reaction", person_id, sent_at, content)]


def _quoted(sources: Sources, guid: str, part: str | None) -> str | None:
    """Return the text of a message that another one quotes, or None where it is unknown or left out."""
    db, selection, redact, *_ = sources
    row = db.conn.execute(
        "SELECT conversation_id, sender_id, sent_at, flags, text FROM text_messages WHERE guid = ?", (guid,)
    ).fetchone()
    if row is None or selection.reason(*row[:4]):
        return None
    text: str | None = row[4]
    if text is not None and text.strip():
        return redact(text)
    placeholders = _placeholders(db, guid, redact)
    index = int(part.partition(":")[0]) if part and part.partition(":")[0].isdecimal() else 0
    return placeholders[index if index < len(placeholders) else 0] if placeholders else None


def _placeholders(db: Database, guid: str, redact: Redact, counts: Counter[str] | None = None) -> list[str]:
    rows = db.conn.execute(
        "SELECT mime_type, filename, transcript FROM attachments WHERE message_guid = ? ORDER BY position", (guid,)
    )
    placeholders = (
        attachment_placeholder(
            mime_type, filename and redact(filename, counts), transcript and redact(transcript, counts)
        )
        for mime_type, filename, transcript in rows.fetchall()
    )
    return [redact(placeholder, counts) for placeholder in placeholders]
