"""Every row of chat.db's `message`: a message that somebody wrote, a reaction, or skipped with its reason."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar

from ventriloquist.records import (
    Attachment,
    ReactionKind,
    SourceChat,
    SourceMessage,
    SourceRow,
    SourceSkipped,
    SourceTapback,
)
from ventriloquist.sources.imessage import body as bodies
from ventriloquist.sources.imessage import queries
from ventriloquist.sources.imessage.dates import EPOCH_MS, to_unix_ms
from ventriloquist.sources.imessage.edits import Edits, read_edits
from ventriloquist.transcript import well_formed

_TAPBACKS: dict[int, ReactionKind] = {
    0: "love",
    1: "like",
    2: "dislike",
    3: "laugh",
    4: "emphasize",
    5: "question",
    6: "emoji",
    7: "sticker",
}
_ADDED, _REMOVED = 2000, 3000
_STICKER = 1000
_POLL_VOTE = 4000
_FIRST_ASSOCIATED = 1000  # lower types are messages with something of an app about them

OBJECT_SLOT = "\ufffc"  # where an attachment stood in the text
APP_SLOT = "\ufffd"
_PREVIEW_SUFFIX = ".pluginPayloadAttachment"  # every link preview and app message has one

Value = TypeVar("Value")


def read_messages(
    connection: sqlite3.Connection, handles: Mapping[int, str], chats: Mapping[int, SourceChat]
) -> Iterator[SourceRow]:
    """Yield one record for every row, by ROWID."""
    chat_of = _following(queries.chats_of_messages(connection))
    deleted = _following((message, True) for (message,) in queries.recently_deleted(connection))
    attached = _following(_grouped_attachments(connection))
    for row in queries.messages(connection):
        rowid = row[0]
        chat = chats.get(chat_of(rowid) or 0)
        guid = row[1]
        if not guid:
            yield SourceSkipped(f"ROWID {rowid}", "no_guid")
        elif deleted(rowid):
            yield SourceSkipped(guid, "recently_deleted")
        else:
            yield _record(row, handles.get(row[2]), chat, attached(rowid) or ())


def _record(  # noqa: PLR0911  # a decision a line
    row: tuple[Any, ...], handle: str | None, chat: SourceChat | None, attachments: tuple[Attachment, ...]
) -> SourceRow:  # a decision a line
    """Decide what a row is, in the order in which a later question would be meaningless."""
    rowid, guid, _, from_me, date, column_text, body, item_type, association, *_ = row
    if item_type:
        return SourceSkipped(guid, "event")
    is_from_me = bool(from_me)
    sender = None if is_from_me else handle
    if association is not None and association >= _FIRST_ASSOCIATED:
        return _tapback(row, sender, chat)
    if chat is None:
        return SourceSkipped(guid, "no_chat")

    originator, part, summary, date_edited, date_retracted, service, subject, error, is_spam = row[11:]
    edits = read_edits(summary) if summary else None
    found = bodies.decode(body) if body else None
    if found is not None:
        if body.find(bodies.ONE_TIME_CODE, found.attributes_at) >= 0:
            return SourceSkipped(guid, "one_time_code")
        text = found.text
        if attachments and body.find(bodies.AUDIO_TRANSCRIPTION, found.attributes_at) >= 0:
            attachments = _with_transcripts(attachments, found, body)
    else:
        text = edits.text if edits is not None and edits.text is not None else column_text
    text = _without_slots(text) if text else ""

    revised_at = 0
    if edits is not None or date_edited or date_retracted:
        revised_at = _revised_at(edits, date_edited, date_retracted)
        if _is_unsent(edits, date_retracted, text, len(attachments)):
            return SourceSkipped(guid, "unsent", revised_at)
    if not text and not attachments:
        return SourceSkipped(guid, "undecodable" if body and found is None else "empty", revised_at)
    return SourceMessage(
        guid,
        rowid,
        chat.guid,
        sender,
        is_from_me,
        to_unix_ms(date),
        text or None,
        attachments,
        originator or None,
        part or None,
        edits is not None or bool(date_edited and date_edited > 0),
        revised_at,
        service or None,
        well_formed(subject) if subject else None,
        bool(is_spam),
        is_from_me and bool(error),
    )


def _tapback(row: tuple[Any, ...], sender: str | None, chat: SourceChat | None) -> SourceRow:
    rowid, guid, _, from_me, date, _, _, _, association, target, emoji, *_ = row
    if association == _POLL_VOTE:
        return SourceSkipped(guid, "poll_vote")
    removed = association >= _REMOVED
    kind = "sticker" if association == _STICKER else _TAPBACKS.get(association - (_REMOVED if removed else _ADDED))
    if kind is None:
        return SourceSkipped(guid, "unknown_association")
    target_guid = _target(target or "")
    if not target_guid:
        return SourceSkipped(guid, "reaction_without_target")
    return SourceTapback(
        guid,
        rowid,
        chat.guid if chat else None,
        sender,
        bool(from_me),
        to_unix_ms(date),
        target_guid,
        kind,
        well_formed(emoji) if emoji else None,
        removed,
    )


def _target(associated_guid: str) -> str:
    """Return the message in `p:<part>/GUID` or `bp:GUID`; its GUID is most often the last 36 characters."""
    return associated_guid.rpartition("/")[2].removeprefix("bp:")


def _without_slots(text: str) -> str:
    if OBJECT_SLOT in text or APP_SLOT in text:
        text = text.replace(OBJECT_SLOT, "").replace(APP_SLOT, "")
    return well_formed(text)


def _revised_at(edits: Edits | None, *dates: int | None) -> int:
    """Return when a message was last changed; 1 where that it was is all that is known, 0 where it was not."""
    known = [to_unix_ms(date) for date in dates if date and date > 0]
    if edits is not None:
        known.append(int(edits.at * 1000) + EPOCH_MS if edits.at else 1)
    return max(known, default=0)


def _is_unsent(edits: Edits | None, date_retracted: int | None, text: str, attachments: int) -> bool:
    """Tell whether nothing of a message still stands: every part was unsent, or some were and none is left."""
    if edits is None:
        return bool(date_retracted and date_retracted > 0) and not text and not attachments
    if not edits.unsent_parts:
        return False
    return edits.all_unsent or (not text and edits.unsent_parts.issuperset(range(attachments)))


def _with_transcripts(attachments: tuple[Attachment, ...], found: bodies.Body, body: bytes) -> tuple[Attachment, ...]:
    """Give voice messages what they say, in order."""
    transcripts = bodies.attribute_strings(found, body, bodies.AUDIO_TRANSCRIPTION)
    spoken = [place for place, attachment in enumerate(attachments) if _is_audio(attachment)]
    changed = list(attachments)
    for place, transcript in zip(spoken or [0], transcripts, strict=False):
        changed[place] = replace(changed[place], transcript=well_formed(transcript) or None)
    return tuple(changed)


def _is_audio(attachment: Attachment) -> bool:
    name = (attachment.filename or "").lower()
    return (attachment.mime_type or "").startswith("audio/") or name.endswith((".caf", ".amr", ".m4a"))


def _grouped_attachments(connection: sqlite3.Connection) -> Iterator[tuple[int, tuple[Attachment, ...]]]:
    """Yield each message's attachments, without what Messages attached itself."""
    for message, rows in groupby(queries.attachments(connection), key=itemgetter(0)):
        found = []
        for _, mime_type, transfer_name, path in rows:
            name = transfer_name or (path or "").rpartition("/")[2]
            if not name.endswith(_PREVIEW_SUFFIX) and not (path or "").endswith(_PREVIEW_SUFFIX):
                found.append(Attachment(_clean(mime_type), _clean(name)))
        if found:
            yield message, tuple(found)


def _clean(value: str | None) -> str | None:
    return well_formed(value) if value else None


def _following(pairs: Iterator[tuple[int, Value]]) -> Callable[[int], Value | None]:
    """Return a look-up for keys that are asked for in ascending order, over pairs in the same order.

    A merge join: no index of the source's is relied on, and nothing is held in memory.
    """
    current = next(pairs, None)

    def look_up(key: int) -> Value | None:
        nonlocal current
        while current is not None and current[0] < key:
            current = next(pairs, None)
        return current[1] if current is not None and current[0] == key else None

    return look_up
