"""Telegram Desktop's export, result.json: of one chat or of the whole account."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any, BinaryIO

from ventriloquist.sources.export_records import Person, Reacted, Record, Said, Skipped, Thread
from ventriloquist.sources.json_stream import JsonStream, as_utf8, whole_number
from ventriloquist.sources.telegram_message import (
    LATEST,
    MORE,
    OLD_PREFIX,
    OLD_SHIFT,
    full_name,
    joined_text,
    media_of,
    peer,
    unix_ms,
    why_not,
)
from ventriloquist.transcript import well_formed

# What the id of a chat begins with, by its type: ids are unique among users, groups or channels only
_PREFIX = {
    "personal_chat": "user", "bot_chat": "user", "saved_messages": "user", "replies": "user",
    "verification_codes": "user", "private_group": "chat", "private_supergroup": "channel",
    "public_supergroup": "channel", "private_channel": "channel", "public_channel": "channel",
}  # fmt: skip
_DIRECT = ("personal_chat", "bot_chat", "saved_messages", "verification_codes")
_WITH_PROGRAM = ("bot_chat", "verification_codes")
# accounts of Telegram itself: news and login codes
_PROGRAMS = ("user777000", "user42777", "user489000")
_CALLS = ("phone_call", "group_call", "group_call_scheduled", "invite_to_group_call", "conference_call")
_EARLIEST_EDIT = 86_400_000 * 2  # files of 2019 say of what was never edited that it was at time 0, in their zone
_PHONE = re.compile(r"\+?[\d\s()./-]{7,30}")
_ACCOUNT = re.compile(rb'\A\s*\{\s*"about"\s*:')
_ACCOUNT_MARKS = (
    b'"personal_information"', b'"profile_pictures"', b'"stories"', b'"profile_music"', b'"contacts"',
    b'"frequent_contacts"', b'"sessions"', b'"web_sessions"', b'"other_data"', b'"chats"', b'"left_chats"',
)  # fmt: skip
_CHAT_MARKS = (b'"messages"', b'"date', b'"type"', b'"id"')
_BARE_MARKS = (b'"messages"', b'"date_unixtime"', b'"from"', b'"text"')  # of a file that somebody has cut down


def is_telegram(head: bytes) -> bool:
    """Tell whether a JSON file that begins so is an export of Telegram Desktop."""
    head = as_utf8(head)
    if _ACCOUNT.match(head) and any(mark in head for mark in _ACCOUNT_MARKS):
        return True
    if b'"personal_information"' in head or all(mark in head for mark in _BARE_MARKS):
        return True
    return all(mark in head for mark in _CHAT_MARKS) and b'"channel"' not in head and b'"participants"' not in head


class TelegramReader:
    """Reads the files of one export, or of several exports of one account.

    People keep what one file says for the next. Of a message that stands in two files the first one holds:
    give the newest file first.
    """

    def __init__(self, zone: tzinfo) -> None:
        """`zone` is that of times in files that have no `date_unixtime`."""
        self._zone = zone
        self._me = ""  # the owner, if a file says it
        self._owners: set[str] = set()  # as chats of two show
        self._names: dict[str, str] = {}
        self._numbers: dict[str, str] = {}
        self._local = 0  # messages whose time has no zone

    def notes(self) -> list[str]:
        """Say what was decided, in a sentence each."""
        if not self._local:
            return []
        return [f"Times without a zone were read as {self._zone}; name another with --timezone."]

    def read(self, file: BinaryIO, path: Path) -> Iterator[Record]:
        """Yield what a file holds, one message in memory at a time.

        Raises:
            SourceError: it is damaged.
        """
        stream = JsonStream(file, path)
        single = _Chat(self)
        for key in stream.members():
            if key == "messages":
                yield from single.read(stream)
            elif key in ("chats", "left_chats") and stream.peek() == "{":
                yield from self._chats(stream)
            elif key == "personal_information":
                yield from self._owner(stream.value())
            elif key == "contacts" and stream.peek() == "{":
                yield from self._contacts(stream)
            elif stream.peek() in ("[", "{"):
                stream.skip()
            else:
                single.about[key] = stream.value()
        yield from single.finish()

    def _chats(self, stream: JsonStream) -> Iterator[Record]:
        for key in stream.members():
            if key != "list" or stream.peek() != "[":
                stream.skip()
                continue
            for _ in stream.items():
                if stream.peek() != "{":
                    stream.skip()
                    continue
                chat = _Chat(self)
                for inner in stream.members():
                    if inner == "messages":
                        yield from chat.read(stream)
                    else:
                        chat.about[inner] = stream.value()
                yield from chat.finish()

    def _owner(self, about: object) -> Iterator[Record]:
        id = peer(about.get("user_id")) if isinstance(about, dict) else ""
        if isinstance(about, dict) and id:
            self._me = id
            self._note_number(id, about)
            yield self.person(id, full_name(about))

    def _contacts(self, stream: JsonStream) -> Iterator[Record]:
        for key in stream.members():
            if key != "list" or stream.peek() != "[":
                stream.skip()
                continue
            for contact in stream.values():
                id = peer(contact.get("user_id")) if isinstance(contact, dict) else ""
                if id:
                    self._note_number(id, contact)
                    yield self.person(id, full_name(contact))

    def _note_number(self, id: str, about: dict[str, Any]) -> None:
        number = about.get("phone_number")
        if isinstance(number, str) and _PHONE.fullmatch(number):
            self._numbers[id] = number

    def person(self, id: str, name: str = "") -> Person:
        """Return somebody with what is known by now."""
        if name:
            self._names[id] = name
        is_me = id == self._me or id in self._owners
        return Person(id, self._names.setdefault(id, ""), self._numbers.get(id, ""), is_me)

    def meets(self, id: str, name: object) -> Iterator[Record]:
        """Yield a person who is new, or has another name than before."""
        if isinstance(name, str) and name:
            name = well_formed(name)
            if self._names.get(id) != name:
                yield self.person(id, name)
        elif id not in self._names:
            yield self.person(id)

    def owner_is(self, id: str) -> Iterator[Record]:
        """Yield the owner, as one chat tells, unless a file says it itself."""
        if not self._me and id not in self._owners:
            self._owners.add(id)
            yield self.person(id)

    def time(self, message: dict[str, Any], key: str) -> int | None:
        """Return a time in Unix ms; None if there is none."""
        found = unix_ms(message.get(f"{key}_unixtime"))
        if found is None:
            found = self._of_local(message.get(key), self._zone)
            self._local += found is not None and key == "date"
        return found

    def reaction_time(self, value: object, message: dict[str, Any], sent_at: int) -> int:
        """Return when somebody reacted: the file has a local time only, but that of the message in both forms."""
        zone: tzinfo = self._zone
        local = self._of_local(message.get("date"), UTC)
        if local is not None and unix_ms(message.get("date_unixtime")) == sent_at:
            offset = timedelta(milliseconds=local - sent_at)
            if abs(offset) < timedelta(hours=24) and self._of_local(message.get("date"), zone) != sent_at:
                zone = timezone(offset)
        found = self._of_local(value, zone)
        return sent_at if found is None else found

    @staticmethod
    def _of_local(value: object, zone: tzinfo) -> int | None:
        if not isinstance(value, str):
            return None
        try:
            at = datetime.fromisoformat(value)
            found = int((at if at.tzinfo else at.replace(tzinfo=zone)).timestamp()) * 1000
        except (ValueError, OverflowError, OSError):
            return None
        return found if 0 <= found < LATEST else None


class _Chat:
    """A chat while it is read. What stands beside its messages may come before or after them."""

    def __init__(self, reader: TelegramReader) -> None:
        self.about: dict[str, Any] = {}
        self._reader = reader
        self._thread: Thread | None = None
        self._senders: set[str] = set()
        self._programs = frozenset(_PROGRAMS)
        self._topics: set[str] = set()  # ids of the records that open one

    def read(self, stream: JsonStream) -> Iterator[Record]:
        """Yield the messages."""
        if stream.peek() != "[":
            stream.skip()
            return
        reader, senders, new = self._reader, self._senders, tuple.__new__
        programs = self._programs = self._programs_here()
        thread = ""
        names: dict[str, Any] = {}  # who was met in this chat, as they are called
        for message in stream.values():
            if not thread:
                yield self._found(message)
                thread = self._thread.id if self._thread else ""
            if not isinstance(message, dict):
                yield Skipped(thread, "", "undecodable")
                continue
            number = whole_number(message.get("id"))
            id = "" if number is None else str(number)
            if message.get("type") != "message":
                yield from self._other(thread, id, message)
                continue
            sender, name = message.get("from_id"), message.get("from")
            if not isinstance(sender, str) or not sender or not sender.isascii():
                sender = self._sender(sender, name)
            if sender and (sender not in names or names[sender] != name):
                names[sender] = name
                if sender not in programs:
                    senders.add(sender)
                    yield from reader.meets(sender, name)
            text = message.get("text")
            text = well_formed(text) if isinstance(text, str) else joined_text(message)
            sent_at = unix_ms(message.get("date_unixtime"))
            if sent_at is None:
                sent_at = reader.time(message, "date")
            if text and sender and sent_at is not None and sender not in programs and MORE.isdisjoint(message):
                yield new(Said, (thread, id, sender, sent_at, text, "", 0, ()))
            else:
                yield from self._with_more(thread, id, message, sender, sent_at, text)

    def finish(self) -> Iterator[Record]:
        """Yield what is known of the chat and its people when all was read."""
        if self._thread is None:
            return
        if self._thread != (thread := self._described(self._thread.id)):
            yield thread
        kind, partner = self._kind(), self._partner(self._thread.id)
        if partner and kind != "saved_messages":
            yield from self._reader.meets(partner, self.about.get("name"))
        others = self._senders - {partner}
        if kind == "saved_messages":
            yield from self._reader.owner_is(partner)
        elif kind in ("personal_chat", "bot_chat") and partner and len(others) == 1:
            # in a chat of two, who is not the one it is with is its owner
            yield from self._reader.owner_is(next(iter(others)))

    def _kind(self) -> str:
        kind = self.about.get("type")
        return kind if isinstance(kind, str) else ""

    def _found(self, first: object) -> Record:
        """Return the thread, whose id is known once the first record shows how old the file is."""
        kind, id = self._kind(), self.about.get("id")
        number = whole_number(id)
        if number is not None:
            sender = first.get("from_id", first.get("actor_id")) if isinstance(first, dict) else None
            if whole_number(sender) is not None and number >> OLD_SHIFT in OLD_PREFIX:
                number &= (1 << OLD_SHIFT) - 1
            id = f"{_PREFIX.get(kind, '')}{number}"
        elif not isinstance(id, str) or not id:
            name = self.about.get("name")
            id = name if isinstance(name, str) and name else "chat"
        self._thread = self._described(well_formed(id))
        return self._thread

    def _described(self, id: str) -> Thread:
        name, partner = self.about.get("name"), self._partner(id)
        title = well_formed(name) if isinstance(name, str) else ""
        return Thread(id, "dm" if self._kind() in _DIRECT else "group", title, (partner,) if partner else ())

    def _partner(self, id: str) -> str:
        """Return whom a chat of two is with; the owner in saved messages."""
        if self._kind() not in _DIRECT:
            return ""
        return f"user{id}" if id.isdecimal() else id if id.startswith("user") else ""

    def _programs_here(self) -> frozenset[str]:
        id = whole_number(self.about.get("id"))
        return frozenset((*_PROGRAMS, f"user{id}")) if self._kind() in _WITH_PROGRAM else frozenset(_PROGRAMS)

    def _sender(self, id: object, name: object) -> str:
        """Return who wrote, in a file that has numbers for ids, or names alone."""
        found = peer(id)
        own = self._thread.id if self._thread else ""
        if found.startswith("channel") and own == f"chat{found[7:]}":
            return own
        if not found and self._kind().endswith("_channel"):  # older files do not say who posts in a channel
            return own
        return found or (well_formed(name) if isinstance(name, str) else "")

    def _target(self, message: dict[str, Any]) -> str:
        """Return the id of the message of this chat that a message replies to."""
        target = whole_number(message.get("reply_to_message_id"))
        elsewhere = message.get("reply_to_peer_id")
        if not target or (elsewhere and self._thread and elsewhere != self._thread.id):
            return ""
        return "" if str(target) in self._topics else str(target)  # every message of a topic replies to its start

    def _with_more(
        self, thread: str, id: str, message: dict[str, Any], sender: str, sent_at: int | None, text: str
    ) -> Iterator[Record]:
        """Yield a message that is more than its text, or not a person's."""
        media = media_of(message)
        reason = "bot" if sender in self._programs else why_not(message, sender, sent_at, text, bool(media))
        if reason:
            yield Skipped(thread, id, reason)
        else:
            edited = self._reader.time(message, "edited") or 0
            edited = edited if edited > _EARLIEST_EDIT else 0
            yield Said(thread, id, sender, sent_at or 0, text, self._target(message), edited, media)
        if "reactions" in message:
            yield from self._reactions(thread, id, message, sent_at or 0)

    def _other(self, thread: str, id: str, message: dict[str, Any]) -> Iterator[Record]:
        action = message.get("action")
        if message.get("type") != "service":
            yield Skipped(thread, id, "undecodable")
        elif isinstance(action, str) and action in _CALLS:
            yield Skipped(thread, id, "call")
        else:
            if action == "topic_created":
                self._topics.add(id)
            yield Skipped(thread, id, "event")
        if "reactions" in message:
            yield from self._reactions(thread, id, message, self._reader.time(message, "date") or 0)

    def _reactions(self, thread: str, id: str, message: dict[str, Any], sent_at: int) -> Iterator[Record]:
        """Yield the reactions of those whom the file names: not more than the last few."""
        reactions = message.get("reactions")
        done: set[tuple[str, str]] = set()
        for reaction in reactions if isinstance(reactions, list) else ():
            recent = reaction.get("recent") if isinstance(reaction, dict) else None
            for one in recent if isinstance(recent, list) else ():
                if not isinstance(one, dict) or not (sender := peer(one.get("from_id"))):
                    continue
                emoji, document = reaction.get("emoji"), reaction.get("document_id")
                sign = emoji if isinstance(emoji, str) and emoji else ""
                what = sign or (document if isinstance(document, str) else "paid")
                if (sender, what) in done:
                    continue
                done.add((sender, what))
                yield from self._reader.meets(sender, one.get("from"))
                if not id:
                    yield Skipped(thread, "", "reaction_without_target")
                elif not sign:  # an image of one's own, or a paid star
                    yield Skipped(thread, f"{id} {sender} {what}", "unknown_association")
                else:
                    at = self._reader.reaction_time(one.get("date"), message, sent_at)
                    yield Reacted(thread, id, sender, at, well_formed(sign))
