"""DiscordChatExporter's JSON: one channel a file, or a part of one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from ventriloquist.sources.export_records import Media, Person, Reacted, Record, Said, Skipped, Thread
from ventriloquist.sources.json_stream import JsonStream, as_utf8, whole_number
from ventriloquist.transcript import well_formed

_WRITTEN = ("Default", "Reply", "0", "19")  # a kind that the exporter has no name for is written as its number
_CALLS = ("Call", "3")
_OF_PROGRAMS = ("20", "23", "24", "31", "ChatInputCommand", "ContextMenuCommand", "AutoModerationAction")
_FORWARD = ("Forward", "1")
_DIRECT = ("DirectTextChat", "1")

_MARKS = (b'"guild"', b'"channel"', b'"messages"')
_PART = re.compile(r"\s*\[part (\d+)\]", re.IGNORECASE)
_NUMBERED = re.compile(r"\[(\d{15,20})\]")  # the channel's id in a file's name

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_DISCORD_EPOCH_MS = 1_420_070_400_000  # of the time in an id
_ID_SHIFT = 22
_LATEST = 253_402_300_800_000  # the year 10000


def is_discord(head: bytes) -> bool:
    """Tell whether a JSON file that begins so is one of DiscordChatExporter."""
    head = as_utf8(head)
    return all(mark in head for mark in _MARKS)


def order_of(path: PurePath) -> tuple[str, int]:
    """Return what files are sorted by, so that the parts of a channel come one after the other."""
    part = _PART.search(path.stem)
    return _PART.sub("", str(path.with_suffix(""))), int(part[1]) if part and len(part[1]) < 10 else 1


class DiscordReader:
    """Reads the files of an export. People keep what one file says for the next."""

    def __init__(self) -> None:
        self._people: dict[str, Person] = {}
        self._nameless: set[str] = set()  # of whom a nickname is known only

    def read(self, file: BinaryIO, path: Path) -> Iterator[Record]:
        """Yield what a file holds, one message in memory at a time.

        Raises:
            SourceError: it is damaged.
        """
        stream = JsonStream(file, path)
        channel: dict[str, Any] = {}
        thread: Thread | None = None
        senders: dict[str, set[str]] = {}
        for key in stream.members():
            if key == "channel":
                found = stream.value()
                channel = found if isinstance(found, dict) else {}
            elif key == "messages" and stream.peek() == "[":
                yield (thread := _thread(channel, path))
                yield from self._messages(stream, thread.id, senders)
            else:
                stream.skip()
        if thread is not None:
            if (described := _thread(channel, path)._replace(id=thread.id)) != thread:
                yield described
            if described.type == "dm":
                yield from self._owner(described.title, senders)

    def _messages(self, stream: JsonStream, thread: str, senders: dict[str, set[str]]) -> Iterator[Record]:
        for message in stream.values():
            if not isinstance(message, dict):
                yield Skipped(thread, "", "undecodable")
                continue
            number = whole_number(message.get("id"))
            id = "" if number is None else str(number)
            author = message.get("author")
            sender = _id(author.get("id")) if isinstance(author, dict) else ""
            if isinstance(author, dict) and sender:
                is_bot = author.get("isBot") is True
                if not is_bot:
                    names = senders.get(sender)
                    if names is None:
                        senders[sender] = _names(author)
                    yield from self._meets(sender, author)
            else:
                is_bot = False
            sent_at = _time(message.get("timestamp"))
            if sent_at is None:
                sent_at = _time_in_id(number)
            text = message.get("content")
            text = well_formed(text) if isinstance(text, str) else ""
            media = _media(message)
            if reason := _why_not(message, sender, sent_at, text or media, is_bot=is_bot):
                yield Skipped(thread, id, reason)
            else:
                edited_at = message.get("timestampEdited")
                edited_at = 0 if edited_at is None else _time(edited_at) or 1
                yield Said(thread, id, sender, sent_at or 0, text, _target(message, thread), edited_at, media)
            if reactions := message.get("reactions"):
                yield from self._reactions(thread, id, reactions, sent_at or 0)

    def _reactions(self, thread: str, id: str, reactions: object, sent_at: int) -> Iterator[Record]:
        done: set[tuple[str, str]] = set()
        for reaction in reactions if isinstance(reactions, list) else ():
            if not isinstance(reaction, dict):
                continue
            users, sign = reaction.get("users"), _sign(reaction.get("emoji"))
            for user in users if isinstance(users, list) and sign else ():  # older files have a count only
                sender = _id(user.get("id")) if isinstance(user, dict) else ""
                if not sender or (sender, sign) in done:
                    continue
                done.add((sender, sign))
                if user.get("isBot") is True:
                    yield Skipped(thread, f"{id} {sender} {sign}" if id else "", "bot")
                    continue
                yield from self._meets(sender, user)
                if id:
                    yield Reacted(thread, id, sender, sent_at, sign)
                else:
                    yield Skipped(thread, "", "reaction_without_target")

    def _meets(self, id: str, about: dict[str, Any]) -> Iterator[Record]:
        """Yield a person who is new or called otherwise. A nickname is a server's: it names only who has no name."""
        name = about.get("name")
        known = self._people.get(id)
        if known is not None and known.name == name:
            return
        if isinstance(name, str) and name:
            self._nameless.discard(id)
        elif known is None or id in self._nameless:
            name = about.get("nickname")
            name = name if isinstance(name, str) else ""
            self._nameless.add(id)
        else:
            return
        person = Person(id, well_formed(name))
        if person != known:
            self._people[id] = person
            yield person

    def _owner(self, title: str, senders: dict[str, set[str]]) -> Iterator[Record]:
        """Yield the owner, who is not the one after whom a channel of two is called."""
        others = [id for id, names in senders.items() if title not in names]
        if title and len(senders) == 2 and len(others) == 1:
            person = self._people[others[0]]._replace(is_me=True)
            self._people[person.id] = person
            yield person


def _thread(channel: dict[str, Any], path: Path) -> Thread:
    id = _id(channel.get("id"))
    if not id:
        numbered = _NUMBERED.findall(path.stem)
        id = numbered[-1] if numbered else well_formed(_PART.sub("", path.stem))
    name = channel.get("name")
    title = name if isinstance(name, str) and name else _PART.sub("", path.stem)
    return Thread(id, "dm" if _kind(channel.get("type")) in _DIRECT else "group", well_formed(title))


def _id(value: object) -> str:
    number = whole_number(value)
    return "" if number is None or number < 0 else str(number)


def _kind(value: object) -> str:
    return value if isinstance(value, str) else str(value) if type(value) is int else ""


def _names(about: dict[str, Any]) -> set[str]:
    """Return all that somebody may be called in the name of a channel of two."""
    name, nickname, tag = (about.get(key) for key in ("name", "nickname", "discriminator"))
    return {well_formed(one) for one in (name, nickname, f"{name}#{tag}") if isinstance(one, str)}


def _sign(emoji: object) -> str:
    """Return an emoji, or the name of a server's own between colons, as Discord writes it."""
    name = emoji.get("name") if isinstance(emoji, dict) else None
    if not isinstance(name, str) or not name:
        return ""
    return well_formed(f":{name}:" if isinstance(emoji, dict) and emoji.get("id") else name)


def _media(message: dict[str, Any]) -> Media:
    attachments, stickers = message.get("attachments"), message.get("stickers")
    if not attachments and not stickers:
        return ()
    names = [
        attachment.get("fileName")
        for attachment in (attachments if isinstance(attachments, list) else ())
        if isinstance(attachment, dict)
    ]
    files: Media = tuple((None, None, well_formed(name) if isinstance(name, str) and name else None) for name in names)
    return files + (("sticker", None, None),) * (len(stickers) if isinstance(stickers, list) else 0)


def _target(message: dict[str, Any], thread: str) -> str:
    """Return the id of the message of this channel that a message replies to."""
    reference = message.get("reference")
    if not isinstance(reference, dict):
        return ""
    channel = _id(reference.get("channelId"))
    return _id(reference.get("messageId")) if channel in ("", thread) else ""


def _why_not(message: dict[str, Any], sender: str, sent_at: int | None, content: str | Media, *, is_bot: bool) -> str:
    """Return why a record is no message, empty if it is one."""
    kind, reference = _kind(message.get("type")), message.get("reference")
    if kind not in _WRITTEN:
        return "call" if kind in _CALLS else "bot" if kind in _OF_PROGRAMS else "event"
    if is_bot:
        return "bot"
    if message.get("forwardedMessage") or (isinstance(reference, dict) and _kind(reference.get("type")) in _FORWARD):
        return "forwarded"
    if not sender:
        return "no_sender"
    if sent_at is None:
        return "no_date"
    return "" if content else "empty"


def _time(value: object) -> int | None:
    """Return Unix ms of a time with an offset."""
    if not isinstance(value, str):
        return None
    try:
        found = (datetime.fromisoformat(value) - _EPOCH) // _MS
    except (ValueError, TypeError, OverflowError):  # TypeError: it has no offset
        return None
    return found if 0 <= found < _LATEST else None


def _time_in_id(id: int | None) -> int | None:
    """Return the time that Discord puts into the ids it gives."""
    return None if id is None or id >> _ID_SHIFT <= 0 else (id >> _ID_SHIFT) + _DISCORD_EPOCH_MS
