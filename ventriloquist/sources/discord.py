"""DiscordChatExporter's JSON: one channel a file, or a part of one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from ventriloquist.sources.archive import Media, Person, Reacted, Record, Said, Skipped, Thread
from ventriloquist.sources.json_stream import JsonStream
from ventriloquist.transcript import well_formed

_WRITTEN = ("Default", "Reply", "0", "19")
_CALLS = ("Call", "3")
_FORWARD = ("Forward", "1")


def read_discord(file: BinaryIO, path: Path) -> Iterator[Record]:
    """Yield what a file holds, one message in memory at a time.

    Raises:
        SourceError: it is damaged.
    """
    stream = JsonStream(file, path)
    channel: dict[str, Any] = {}
    for key in stream.members():
        if key == "channel":
            found = stream.value()
            channel = found if isinstance(found, dict) else {}
        elif key == "messages":
            id = str(channel.get("id") or path.stem)
            is_direct = str(channel.get("type")) in ("DirectTextChat", "1")
            yield Thread(id, "dm" if is_direct else "group", well_formed(str(channel.get("name") or path.stem)))
            known: dict[str, str] = {}
            for message in stream.values():
                if isinstance(message, dict):
                    yield from _message(id, message, known)
                else:
                    yield Skipped(id, "", "undecodable")
        else:
            stream.skip()


def _message(thread: str, message: dict[str, Any], known: dict[str, str]) -> Iterator[Record]:
    id = str(message.get("id", ""))
    author = message.get("author")
    author = author if isinstance(author, dict) else {}
    sender = str(author.get("id") or "")
    name = well_formed(str(author.get("nickname") or author.get("name") or ""))
    if sender and known.get(sender) != name:
        known[sender] = name
        yield Person(sender, name)
    sent_at, edited_at = _time(message.get("timestamp")), _time(message.get("timestampEdited"))
    text = well_formed(str(message.get("content") or ""))
    media: Media = tuple(
        (None, None, str(attachment.get("fileName") or "") or None)
        for attachment in message.get("attachments") or ()
        if isinstance(attachment, dict)
    ) + (("sticker", None, None),) * len(message.get("stickers") or ())
    reference = message.get("reference")
    reference = reference if isinstance(reference, dict) else {}
    is_forward = str(reference.get("type")) in _FORWARD or bool(message.get("forwardedMessage"))
    kind = str(message.get("type"))
    if kind not in _WRITTEN:
        yield Skipped(thread, id, "call" if kind in _CALLS else "event")
    elif author.get("isBot"):
        yield Skipped(thread, id, "bot")
    elif is_forward:
        yield Skipped(thread, id, "forwarded")
    elif sent_at is None or not sender:
        yield Skipped(thread, id, "no_date" if sender else "no_sender")
    elif not text and not media:
        yield Skipped(thread, id, "empty")
    else:
        reply = str(reference.get("messageId") or "")
        yield Said(thread, id, sender, sent_at, text, reply, edited_at or 0, media)
        for reaction in message.get("reactions") or ():
            emoji = reaction.get("emoji") if isinstance(reaction, dict) else None
            sign = str(emoji.get("name") or "") if isinstance(emoji, dict) else ""
            for user in (reaction.get("users") or ()) if sign else ():
                if isinstance(user, dict) and user.get("id") and not user.get("isBot"):
                    yield Reacted(thread, id, str(user["id"]), sent_at, sign)


def _time(value: object) -> int | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return int(at.timestamp() * 1000) if at.tzinfo else None
