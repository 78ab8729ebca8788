"""Telegram Desktop's export, result.json: of one chat or of the whole account."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, BinaryIO

from ventriloquist.media import MediaKind
from ventriloquist.sources.archive import Media, Person, Reacted, Record, Said, Skipped, Thread
from ventriloquist.sources.json_stream import JsonStream
from ventriloquist.transcript import well_formed

_DIRECT = ("personal_chat", "bot_chat", "saved_messages", "replies", "verification_codes")
_KINDS: dict[str, MediaKind] = {
    "sticker": "sticker", "voice_message": "voice", "audio_file": "voice", "video_message": "video",
    "video_file": "video", "animation": "video",
}  # fmt: skip


def read_telegram(file: BinaryIO, path: Path, zone: tzinfo, notes: list[str]) -> Iterator[Record]:
    """Yield what an export holds, one message in memory at a time.

    Args:
        zone: of the times in files that have no `date_unixtime`.

    Raises:
        SourceError: it is damaged.
    """
    reader = _Reader(zone)
    stream = JsonStream(file, path)
    about: dict[str, Any] = {}
    for key in stream.members():
        if key == "messages":
            yield from reader.chat(stream, about)
        elif key in ("chats", "left_chats") and stream.peek() == "{":
            for inner in stream.members():
                if inner != "list" or stream.peek() != "[":
                    stream.skip()
                    continue
                for _ in stream.items():
                    yield from reader.thread(stream)
        elif key == "personal_information":
            found = stream.value()
            if isinstance(found, dict) and (user := found.get("user_id")):
                name = " ".join(str(found[key]) for key in ("first_name", "last_name") if found.get(key))
                reader.me = f"user{user}"
                yield Person(reader.me, well_formed(name), is_me=True)
        elif stream.peek() in "[{":
            stream.skip()
        else:
            about[key] = stream.value()
    if reader.is_local:
        notes.append(f"{path.name}: times without a zone were read as {zone}; name another with --timezone.")


class _Reader:
    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self.me = ""
        self.is_local = False
        self._people: dict[str, str] = {}

    def thread(self, stream: JsonStream) -> Iterator[Record]:
        """Read one chat of an account's export."""
        about: dict[str, Any] = {}
        for key in stream.members():
            if key == "messages":
                yield from self.chat(stream, about)
            else:
                about[key] = stream.value()

    def chat(self, stream: JsonStream, about: dict[str, Any]) -> Iterator[Record]:
        """Read the messages of a chat whose name, type and id stood before them."""
        id, name = str(about.get("id") or about.get("name") or "chat"), well_formed(str(about.get("name") or ""))
        is_direct = about.get("type", "personal_chat") in _DIRECT
        partner = f"user{id}" if is_direct and about.get("type") != "saved_messages" else ""
        yield Thread(id, "dm" if is_direct else "group", name, (partner,) if partner else ())
        if partner and name:
            self._people[partner] = name
            yield Person(partner, name)
        for message in stream.values():
            if isinstance(message, dict):
                yield from self._message(id, message, partner)
            else:
                yield Skipped(id, "", "undecodable")

    def _message(self, thread: str, message: dict[str, Any], partner: str) -> Iterator[Record]:
        id = str(message.get("id", ""))
        sender = message.get("from_id")
        sender = f"user{sender}" if isinstance(sender, int) else str(sender or message.get("from") or "")
        name = message.get("from")
        if isinstance(name, str) and self._people.get(sender) != name:
            self._people[sender] = well_formed(name)
            # in a chat of two, who is not the one it is with is its owner
            yield Person(sender, well_formed(name), is_me=sender == self.me or bool(partner and sender != partner))
        sent_at = self._time(message, "date")
        text = _text(message.get("text"))
        media = _media(message)
        if reason := _why_not(message, sender, sent_at, text, bool(media)):
            yield Skipped(thread, id, reason)
        else:
            edited = self._time(message, "edited") if message.get("edited") or message.get("edited_unixtime") else 0
            reply = message.get("reply_to_message_id")
            elsewhere = message.get("reply_to_peer_id")
            target = str(reply) if reply and not elsewhere else ""
            yield Said(thread, id, sender, sent_at or 0, text, target, edited or 0, media)
        for reaction in message.get("reactions") or ():
            emoji = reaction.get("emoji") if isinstance(reaction, dict) else None
            for recent in (reaction.get("recent") or ()) if emoji else ():
                who = str(recent.get("from_id") or "")
                if who:
                    yield Reacted(thread, id, who, self._local(recent.get("date")) or sent_at or 0, str(emoji))

    def _time(self, message: dict[str, Any], key: str) -> int | None:
        try:
            if message.get(f"{key}_unixtime"):
                return int(message[f"{key}_unixtime"]) * 1000
        except ValueError:
            return None
        at = self._local(message.get(key))
        self.is_local = self.is_local or (at is not None and message.get("type") == "message")
        return at

    def _local(self, value: object) -> int | None:
        try:
            return int(datetime.fromisoformat(str(value)).replace(tzinfo=self.zone).timestamp()) * 1000
        except (ValueError, OverflowError, OSError):
            return None


def _text(value: object) -> str:
    parts = value if isinstance(value, list) else [value]
    texts = (part.get("text") if isinstance(part, dict) else part for part in parts)
    return well_formed("".join(text for text in texts if isinstance(text, str)))


def _media(message: dict[str, Any]) -> Media:
    if message.get("photo"):
        return (("photo", None, None),)
    kind = _KINDS.get(str(message.get("media_type")))
    if kind or message.get("file"):
        name = message.get("file_name")
        mime = message.get("mime_type")
        return ((kind, mime if isinstance(mime, str) else None, name if isinstance(name, str) else None),)
    return (("file", None, None),) if message.get("contact_information") else ()


def _why_not(  # noqa: PLR0911  # a reason a line
    message: dict[str, Any], sender: str, sent_at: int | None, text: str, has_media: bool
) -> str:
    """Return why a record is no message, empty if it is one."""
    kind = message.get("type")
    if kind == "service":
        return "call" if message.get("action") == "phone_call" else "event"
    if kind != "message":
        return "undecodable"
    if message.get("forwarded_from") is not None or message.get("forwarded_from_id") is not None:
        return "forwarded"
    if message.get("via_bot"):
        return "bot"
    if message.get("poll"):
        return "poll"
    if message.get("location_information") and not text:
        return "location"
    if sent_at is None:
        return "no_date"
    if not sender:
        return "no_sender"
    return "" if text or has_media else "empty"
