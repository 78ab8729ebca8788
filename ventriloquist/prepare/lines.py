"""From messages to the lines they become, in order, one conversation at a time.

Secrets are replaced before anything is cut, split or quoted, and once more in what that leaves: redacting a finished
line changes nothing.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple, Protocol

from ventriloquist.prepare.selection import Selection
from ventriloquist.store import Connection
from ventriloquist.transcript import Kind, attachment_placeholder, quote, reaction_content, reply_marker, text_lines


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
_PARTS = """
    SELECT d.part, d.text_before FROM attachments LEFT JOIN attachment_details d USING (message_guid, position)
    WHERE message_guid = ? ORDER BY position
"""
QUOTES = 4096  # that are kept, of 61 characters each
PART_DIGITS = 4  # of the part that was answered: int() refuses thousands of them
STEP = 1000  # messages between two reports of progress
_AFTER_MESSAGES = float("inf")  # a reaction has no place in the source: of equal times it comes last


QuoteReader = Callable[[str, str | None], str | None]
"""Returns the quote of a message, by its guid and the part that was answered; None: it is unknown or left out."""

# A line before it has a position: message id, kind, sender id, sent_at, content. A plain tuple: there are millions.
Draft = tuple[int | None, Kind, int | None, int, str]
Ordered = tuple[int, float, str, list[Draft]]


class Sources(NamedTuple):
    """What reading a conversation needs besides its rows."""

    db: Connection
    selection: Selection
    redact: Redact
    quoted: QuoteReader
    left_out: Counter[str]  # messages by reason
    redacted: Counter[str]  # secrets by kind, not counting those in quotes
    advance: Callable[[int], None]  # told how many more messages were read


def conversation_lines(sources: Sources, conversation_id: int, *, reactions: bool) -> Iterator[Draft]:
    """Yield a conversation's lines in order: by sent_at, source_rowid, guid; reactions after messages of their time."""
    reason = sources.selection.conversations.get(conversation_id)
    if reason is not None:
        count = "SELECT count(*) FROM text_messages WHERE conversation_id = ?"
        (messages,) = sources.db.execute(count, (conversation_id,)).fetchone()
        sources.left_out[reason] += messages
        sources.advance(messages)
        return
    ordered = _message_drafts(sources, conversation_id)
    if reactions:
        ordered = heapq.merge(ordered, _reaction_drafts(sources, conversation_id), key=lambda item: item[:3])
    for *_, drafts in ordered:
        yield from drafts


def _message_drafts(sources: Sources, conversation_id: int) -> Iterator[Ordered]:
    db, selection, redact, quoted, left_out, redacted, advance = sources
    read = 0
    for read, row in enumerate(db.execute(_MESSAGES, (conversation_id,)), 1):
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
        if originator and (target := quoted(originator, part)):
            _, kind, _, _, first = drafts[0]
            drafts[0] = (id, kind, sender_id, sent_at, redact(reply_marker(target) + first))
        yield sent_at, source_rowid, guid, drafts
    advance(read % STEP)


def _reaction_drafts(sources: Sources, conversation_id: int) -> Iterator[Ordered]:
    db, selection, redact, *_ = sources
    for row in db.execute(_REACTIONS, (conversation_id,)):
        guid, target_guid, person_id, kind, emoji, sent_at = row
        if selection.reason(conversation_id, person_id, sent_at, ""):
            continue
        target = sources.quoted(target_guid, None)
        if target:
            content = redact(reaction_content(kind, emoji, target))
            yield sent_at, _AFTER_MESSAGES, guid, [(None, "reaction", person_id, sent_at, content)]


def quote_reader(db: Connection, selection: Selection, redact: Redact) -> QuoteReader:
    """Return what reads quotes; those of late are kept, since a message may be long and get many answers."""

    @lru_cache(maxsize=QUOTES)
    def quoted(guid: str, part: str | None) -> str | None:
        row = db.execute(
            "SELECT conversation_id, sender_id, sent_at, flags, text FROM text_messages WHERE guid = ?", (guid,)
        ).fetchone()
        if row is None or selection.reason(*row[:4]):
            return None
        text = row[4] or ""
        attachment, text = _answered(part, text, db.execute(_PARTS, (guid,)).fetchall())
        if attachment is None and text.strip():
            return quote(redact(text))
        placeholders = _placeholders(db, guid, redact)
        return quote(placeholders[attachment or 0]) if placeholders else None

    return quoted


def _answered(part: str | None, text: str, parts: list[tuple[int | None, int | None]]) -> tuple[int | None, str]:
    """Return which attachment a reply answers, None where it is the text; and that text, or as much as is answered.

    Args:
        part: `part:start:length`, as Messages has it; empty: the whole message.
        text: of the message that is answered.
        parts: of its attachments, in order, which part each is and how much of the text stands before it.
    """
    number, _, rest = (part or "").partition(":")
    if not parts or not number.isdecimal() or len(number) > PART_DIGITS:
        return None, text
    answered = int(number)
    if not text.strip():
        in_part = [place for place, (known, _) in enumerate(parts) if known == answered]
        return (in_part or [answered if answered < len(parts) else 0])[0], text
    if any(known is None or before is None for known, before in parts):  # as files of vq 0.1.0 are
        is_slot = rest.partition(":")[2] == "1" and len(text) > 1  # an attachment counts as one character
        return (min(answered, len(parts) - 1) if is_slot else None), text
    begin, end = 0, len(text)
    for place, (known, before) in enumerate(parts):
        if known == answered:
            return place, text
        if known is not None and before is not None:
            begin, end = (max(begin, before), end) if known < answered else (begin, min(end, before))
    return None, text[begin:end] if text[begin:end].strip() else text


def _placeholders(db: Connection, guid: str, redact: Redact, counts: Counter[str] | None = None) -> list[str]:
    rows = db.execute(
        "SELECT mime_type, filename, transcript, kind FROM attachments LEFT JOIN attachment_details "
        "USING (message_guid, position) WHERE message_guid = ? ORDER BY position",
        (guid,),
    )
    placeholders = (
        attachment_placeholder(
            mime_type, filename and redact(filename, counts), transcript and redact(transcript, counts), kind
        )
        for mime_type, filename, transcript, kind in rows.fetchall()
    )
    return [redact(placeholder, counts) for placeholder in placeholders]
