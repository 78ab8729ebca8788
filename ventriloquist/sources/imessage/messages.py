"""Reading the rows of `message` in chat.db: each becomes a message, a reaction, or is skipped with a reason."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

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
from ventriloquist.sources.imessage.attachments import File, grouped_files, placed
from ventriloquist.sources.imessage.dates import EPOCH_MS, FIRST_NS, LAST_NS, to_unix_ms
from ventriloquist.sources.imessage.edits import Edits, read_edits
from ventriloquist.sources.imessage.flags import SCHEDULED, SPAM
from ventriloquist.sources.imessage.texts import clean, decode_text, is_visible
from ventriloquist.sources.imessage.timestamps import Timestamps
from ventriloquist.transcript import well_formed

_KINDS: tuple[ReactionKind, ...] = ("love", "like", "dislike", "laugh", "emphasize", "question", "emoji", "sticker")


# associated_message_type; lower ones are ordinary messages that belong to an app
_FIRST_ASSOCIATED = 1000
_TAPBACKS: dict[int, tuple[ReactionKind, int]] = {  # the kind, and 1 if it is taken back
    1000: ("sticker", 0),
    **{2000 + number: (kind, 0) for number, kind in enumerate(_KINDS)},
    **{3000 + number: (kind, 1) for number, kind in enumerate(_KINDS)},
}
_POLL_VOTE = 4000

_new = tuple.__new__  # twice as fast as the named tuple's constructor

_NO_MORE: tuple[int, tuple[File, ...]] = (1 << 63, ())  # larger than every ROWID
NO_GUID = "ROWID "  # rows without a usable guid are named by their ROWID


def read_messages(
    connection: sqlite3.Connection, handles: Mapping[int, str], chats: Mapping[int, SourceChat]
) -> Iterator[SourceRow]:
    """Yield one record for every row, in the order of ROWID."""
    chat_of = queries.chat_of_each_message(connection, chats)
    deleted = queries.recently_deleted(connection)
    filtered = queries.filtered_by_join(connection)
    times = Timestamps(connection)
    done: int | None = None
    for text_factory in (str, decode_text):  # the second accepts invalid UTF-8, but is five times slower
        connection.text_factory = text_factory
        attached = grouped_files(connection)
        try:
            attached_to, files = next(attached, _NO_MORE)
            for row in queries.messages(connection, after=done):
                rowid, guid, handle, _, date = row[:5]
                flags = row[-1]
                while attached_to < rowid:
                    attached_to, files = next(attached, _NO_MORE)
                # nearly all rows take the fast path
                if flags < SCHEDULED and date is not None and FIRST_NS <= date < LAST_NS:
                    times.previous = at = date // 1_000_000 + EPOCH_MS
                else:
                    at = times.find(rowid, date, is_scheduled=flags >= SCHEDULED)
                if not guid or not guid.isascii() or guid.startswith(NO_GUID):
                    yield SourceSkipped(f"{NO_GUID}{rowid}", "no_guid")
                elif rowid in deleted:
                    yield SourceSkipped(guid, "recently_deleted")
                elif at is None:
                    yield SourceSkipped(guid, "scheduled" if flags >= SCHEDULED else "no_date")
                else:
                    attached_here = files if attached_to == rowid else ()
                    is_spam = flags & SPAM or rowid in filtered
                    yield _record(row, at, is_spam, handles.get(handle, ""), chat_of(rowid), attached_here)
                done = rowid
        except sqlite3.OperationalError as error:
            if text_factory is decode_text or "UTF-8" not in str(error):
                raise
        else:
            return


def _record(  # noqa: PLR0911  # one return for each decision
    row: tuple[Any, ...],
    sent_at: int,
    is_spam: bool,
    handle: str,
    chat: SourceChat | None,
    files: tuple[File, ...],
) -> SourceRow:
    """Decide what a row is. The order matters: each test relies on the ones before it."""
    (
        rowid, guid, _, from_me, _, column_text, body, item_type, association, target, emoji,
        originator, part, summary, date_edited, date_retracted, service, subject, error, _,
    ) = row  # fmt: skip
    if item_type:
        return SourceSkipped(guid, "event")
    is_from_me = 1 if from_me else 0
    sender = "" if is_from_me else handle
    if association and association >= _FIRST_ASSOCIATED:
        if association == _POLL_VOTE:
            return SourceSkipped(guid, "poll_vote")
        if association not in _TAPBACKS:
            return SourceSkipped(guid, "unknown_association")
        target_guid = (target or "").rpartition("/")[2].removeprefix("bp:")  # of `p:PART/GUID` or `bp:GUID`
        if not target_guid:
            return SourceSkipped(guid, "reaction_without_target")
        kind, removed = _TAPBACKS[association]
        of_whom = (guid, rowid, chat.guid if chat else "", sender, is_from_me, sent_at)
        return SourceTapback(*of_whom, target_guid, kind, well_formed(emoji or ""), removed)
    if chat is None:
        return SourceSkipped(guid, "no_chat")

    edits = read_edits(summary) if summary else None
    found = bodies.decode(body) if body else None
    if body and body.find(bodies.ONE_TIME_CODE, found[1] if found is not None else 0) >= 0:
        return SourceSkipped(guid, "one_time_code")
    text = found[0] if found is not None else None
    if text is None or ((column_text or edits) and not is_visible(text)):
        text = _text_elsewhere(text, edits, column_text, date_retracted)
    attachments: tuple[Attachment, ...] = ()
    if files:
        attachments = placed(files, found, body, column_text or "", text, edits.unsent_parts if edits else ())

    edited = revised_at = 0
    if edits is not None or date_edited or date_retracted:
        edited = 1 if edits is not None or (date_edited or 0) > 0 else 0
        revised_at = _revised_at(edits, date_edited, date_retracted)
        if _is_unsent(edits, date_retracted, text, len(attachments)):
            return SourceSkipped(guid, "unsent")
    if not text and not attachments:
        return SourceSkipped(guid, "undecodable" if body and found is None else "empty")
    return _new(SourceMessage, (
        guid, rowid, chat.guid, sender, is_from_me, sent_at, text, originator or "", part or "", edited, revised_at,
        service or "", well_formed(subject) if subject else "", attachments, bool(is_spam or chat.is_spam),
        bool(error and is_from_me),
    ))  # fmt: skip


def _text_elsewhere(in_body: str | None, edits: Edits | None, column_text: str | None, retracted: int | None) -> str:
    """Return the text of a message whose body has no visible one: that of the last edit, else of the column.

    If the message was unsent, in whole or in part, its empty body is right.
    """
    if in_body is not None and (retracted or (edits and edits.unsent_parts)):
        return in_body
    edited = edits.text if edits is not None else None
    texts = [text for text in (edited, clean(column_text or ""), in_body) if text is not None]
    return next(filter(is_visible, texts), texts[0] if in_body is None else in_body)


def _revised_at(edits: Edits | None, *dates: int | None) -> int:
    """Return when a message was last changed, in Unix milliseconds: 1 if the time is unknown, 0 if it was not."""
    known = [to_unix_ms(date) for date in dates if date and date > 0]
    if edits is not None:
        known.append(int(edits.at * 1000) + EPOCH_MS if edits.at else 1)
    return max(known, default=0)


def _is_unsent(edits: Edits | None, date_retracted: int | None, text: str, attachments: int) -> bool:
    """Tell whether nothing of a message is left: all its parts were unsent, or the others are empty."""
    if edits is None:
        return bool(date_retracted and date_retracted > 0) and not text and not attachments
    if not edits.unsent_parts:
        return False
    return edits.all_unsent or (not text and edits.unsent_parts.issuperset(range(attachments)))
