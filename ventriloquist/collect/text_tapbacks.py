"""Tapbacks that arrived as texts: those that quote an earlier message of their conversation become tapbacks."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from ventriloquist.collect.tapback_texts import (
    LAST_CHARACTERS,
    LAST_FOUR,
    TapbackText,
    comparable,
    may_be_tapback,
    read_tapback,
)
from ventriloquist.media import MediaKind, media_kind

# Messages of a conversation that can be quoted, at least: whole, and by how they begin. Older ones are not found.
MAX_WHOLE = 50_000
MAX_BEGINNINGS = 10_000
MAX_ALIKE = 32  # messages with one head that are looked at for a quote that was cut
HEADS = (32, 8, 2)  # characters of a beginning, of which the longest is used that a quote has
MAX_BEGINNING = 256  # characters of a message that are kept for quotes that were cut

_MESSAGES = """
    SELECT guid, text, EXISTS (SELECT 1 FROM attachments WHERE message_guid = text_messages.guid)
    FROM text_messages WHERE conversation_id = ? ORDER BY sent_at, source_rowid, guid
"""
_MEDIA = """
    SELECT mime_type, filename, kind FROM attachments LEFT JOIN attachment_details USING (message_guid, position)
    WHERE message_guid = ?
"""


class Beginning(NamedTuple):
    """How a message begins."""

    text: str
    guid: str


class Quotable:
    """The latest messages of a conversation that may be quoted: of each two dictionaries, the older one is dropped."""

    def __init__(self) -> None:
        self._whole: dict[int, str] = {}  # by the hash of the text
        self._older_whole: dict[int, str] = {}
        self._by_head: dict[str, list[Beginning]] = {}
        self._older_by_head: dict[str, list[Beginning]] = {}
        self._beginnings = 0
        self._media: dict[MediaKind, str] = {}

    def add(self, guid: str, text: str, media: Iterable[MediaKind]) -> None:
        """Take in a message, later than all before."""
        for kind in media:
            self._media.pop(kind, None)  # the latest is last
            self._media[kind] = guid
        compared = comparable(text)
        if not compared:
            return
        if len(self._whole) >= MAX_WHOLE:
            self._whole, self._older_whole = {}, self._whole
        self._whole[hash(compared)] = guid
        self._beginnings += 1
        if self._beginnings % MAX_BEGINNINGS == 0:
            self._by_head, self._older_by_head = {}, self._by_head
        beginning = Beginning(compared[:MAX_BEGINNING], guid)
        for length in HEADS:
            if len(compared) >= length:
                alike = self._by_head.setdefault(compared[:length], [])
                alike.append(beginning)
                if len(alike) > MAX_ALIKE:
                    del alike[0]

    def find(self, tapback: TapbackText) -> str | None:
        """Return the latest message that a tapback quotes."""
        if tapback.media is not None:
            if tapback.media == "file":  # "an attachment"
                return next(reversed(self._media.values()), None)
            return self._media.get(tapback.media)
        whole = hash(tapback.quote)
        found = self._whole.get(whole) or self._older_whole.get(whole)
        if found is not None or not tapback.is_cut:
            return found
        begins = tapback.quote.rstrip("….")[:MAX_BEGINNING]
        head = next((begins[:length] for length in HEADS if len(begins) >= length), None)
        if head is None:
            return None
        alike = [*self._older_by_head.get(head, ()), *self._by_head.get(head, ())]
        return next((beginning.guid for beginning in reversed(alike) if beginning.text.startswith(begins)), None)


def move_text_tapbacks(connection: sqlite3.Connection, conversations: Collection[int]) -> list[str]:
    """Make tapbacks of the messages in some conversations that are such; return their guids."""
    moved: list[str] = []
    for conversation_id in sorted(conversations):
        found = list(_find(connection, conversation_id))
        connection.executemany(
            "INSERT INTO tapbacks (guid, source_rowid, chat_guid, sender_handle, is_from_me, sent_at, target_guid, "
            "kind, emoji, removed, from_text) SELECT guid, source_rowid, chat_guid, sender_handle, is_from_me, "
            "sent_at, ?, ?, nullif(?, ''), ?, 1 FROM text_messages WHERE guid = ?",
            [(target, tapback.kind, tapback.emoji, tapback.removed, guid) for guid, target, tapback in found],
        )
        connection.executemany("DELETE FROM text_messages WHERE guid = ?", [(guid,) for guid, _, _ in found])
        moved += [guid for guid, _, _ in found]
    return moved


def conversations_with_tapback_texts(connection: sqlite3.Connection) -> set[int]:
    """Return the conversations in which a message reads like a tapback."""
    marks = ", ".join("?" * len(LAST_CHARACTERS)), ", ".join("?" * len(LAST_FOUR))
    rows = connection.execute(
        "SELECT conversation_id, text FROM text_messages "  # noqa: S608  # question marks
        f"WHERE substr(text, -1) IN ({marks[0]}) OR substr(text, -4) IN ({marks[1]})",
        (*LAST_CHARACTERS, *LAST_FOUR),
    )
    return {conversation for conversation, text in rows if read_tapback(text)}


def _find(connection: sqlite3.Connection, conversation_id: int) -> Iterator[tuple[str, str, TapbackText]]:
    """Yield the tapbacks of a conversation that arrived as texts: guid, target and what they say."""
    quotable = Quotable()
    for guid, text, has_attachments in connection.execute(_MESSAGES, (conversation_id,)):
        if not has_attachments and text is not None and may_be_tapback(text):
            tapback = read_tapback(text)
            target = quotable.find(tapback) if tapback is not None else None
            if tapback is not None and target is not None:
                yield guid, target, tapback
                continue
        media = connection.execute(_MEDIA, (guid,)).fetchall() if has_attachments else ()
        quotable.add(guid, text or "", [kind or media_kind(mime, None, name) for mime, name, kind in media])
