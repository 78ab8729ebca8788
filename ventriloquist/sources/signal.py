"""Signal: the phone's plaintext export (main.jsonl), and what signal-export writes of the Desktop (data.json)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from ventriloquist.errors import SourceError
from ventriloquist.media import MediaKind
from ventriloquist.sources.archive import Media, Person, Reacted, Record, Said, Skipped, Thread
from ventriloquist.sources.json_stream import JsonStream
from ventriloquist.transcript import well_formed

MOST_LINE_BYTES = 1 << 26


def read_signal(file: BinaryIO, path: Path) -> Iterator[Record]:
    """Yield what a main.jsonl holds.

    Raises:
        SourceError: it is damaged.
    """
    chats: dict[str, str] = {}
    recipients: dict[str, dict[str, Any]] = {}
    for number, frame in enumerate(_frames(file, path), 1):
        if recipient := _part(frame, "recipient"):
            recipients[str(recipient.get("id"))] = recipient
            yield _person(recipient)
        elif chat := _part(frame, "chat"):
            id, with_whom = str(chat.get("id")), str(chat.get("recipientId"))
            chats[id] = with_whom
            group = _part(recipients.get(with_whom, {}), "group")
            yield Thread(id, "group" if group else "dm", _title(group), () if group else (with_whom,))
        elif item := _part(frame, "chatItem"):
            yield from _item(item, number)


def _frames(file: BinaryIO, path: Path) -> Iterator[dict[str, Any]]:
    while line := file.readline(MOST_LINE_BYTES):
        if not line.strip():
            continue
        try:
            frame = json.loads(line)
        except (ValueError, RecursionError):
            if not line.endswith(b"\n") and len(line) < MOST_LINE_BYTES:
                raise SourceError(f"{path} ends within a line.", hint="Copy it again, whole.") from None
            raise SourceError(f"{path} is damaged: a line is not JSON.", hint="Export it again.") from None
        if isinstance(frame, dict):
            yield frame


def _part(value: Any, key: str) -> dict[str, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _title(group: dict[str, Any]) -> str:
    title = _part(_part(group, "snapshot"), "title").get("title") or group.get("name") or ""
    return well_formed(str(title))


def _person(recipient: dict[str, Any]) -> Person:
    id = str(recipient.get("id"))
    if isinstance(recipient.get("self"), dict):
        return Person(id, "", is_me=True)
    contact = _part(recipient, "contact")
    names = (
        " ".join(str(contact[key]) for key in keys if contact.get(key))
        for keys in (
            ("systemGivenName", "systemFamilyName"), ("nicknameGivenName", "nicknameFamilyName"),
            ("profileGivenName", "profileFamilyName"), ("username",),
        )
    )  # fmt: skip
    number = str(contact.get("e164") or "")
    return Person(id, well_formed(next(filter(None, names), "")), f"+{number.lstrip('+')}" if number else "")


def _item(item: dict[str, Any], number: int) -> Iterator[Record]:
    thread, sender = str(item.get("chatId")), str(item.get("authorId"))
    sent_at = _ms(item.get("dateSent"))
    id = f"{sent_at} {sender}"
    message = _part(item, "standardMessage")
    sticker = _part(item, "stickerMessage")
    contact = _part(item, "contactMessage")
    if not (message or sticker or contact):
        reason = "unsent" if "remoteDeletedMessage" in item else "poll" if "poll" in item else "event"
        if "individualCall" in _part(item, "updateMessage") or "groupCall" in _part(item, "updateMessage"):
            reason = "call"
        yield Skipped(thread, f"{id} {number}", reason)
        return
    body = _part(message, "text").get("body")
    text = well_formed(str(body or ""))
    media: Media = tuple(_file(attachment) for attachment in message.get("attachments") or ())
    media = (("sticker", None, None),) if sticker else (("file", None, None),) if contact else media
    if sent_at is None:
        yield Skipped(thread, f"{id} {number}", "no_date")
    elif not text and not media:
        yield Skipped(thread, id, "empty")
    else:
        quote = _part(message, "quote")
        target = f"{_ms(quote.get('targetSentTimestamp'))} {quote.get('authorId')}" if quote else ""
        revisions = [_ms(revision.get("dateSent")) or 1 for revision in item.get("revisions") or ()]
        yield Said(thread, id, sender, sent_at, text, target, max(sent_at, *revisions) if revisions else 0, media)
        for reaction in (message or sticker or contact).get("reactions") or ():
            if isinstance(reaction, dict) and reaction.get("emoji"):
                at = _ms(reaction.get("sentTimestamp")) or sent_at
                yield Reacted(thread, id, str(reaction.get("authorId")), at, str(reaction["emoji"]))


def _file(attachment: object) -> tuple[MediaKind | None, str | None, str | None]:
    pointer = _part(attachment, "pointer")
    kind: MediaKind | None = (
        "voice" if isinstance(attachment, dict) and attachment.get("flag") == "VOICE_MESSAGE" else None
    )
    mime, name = pointer.get("contentType"), pointer.get("fileName")
    return kind, str(mime) if mime else None, str(name) if name else None


def _ms(value: object) -> int | None:
    try:
        at = int(str(value))
    except ValueError:
        return None
    return at if 0 < at < 1 << 53 else None


def read_signal_export(file: BinaryIO, path: Path) -> Iterator[Record]:
    """Yield what a data.json of signal-export holds: the messages of one chat, whose folder has its name.

    Raises:
        SourceError: it is damaged.
    """
    title = path.parent.name
    senders: set[str] = set()
    stream = JsonStream(file, path)
    for message in stream.values():
        if not isinstance(message, dict):
            yield Skipped(title, "", "undecodable")
            continue
        sender, text = well_formed(str(message.get("sender") or "")), well_formed(str(message.get("body") or ""))
        sent_at = _iso(message.get("date"))
        media = tuple((None, str(file.get("type") or "") or None, str(file.get("name") or "") or None)
                      for file in message.get("attachments") or () if isinstance(file, dict))  # fmt: skip
        if message.get("sticker"):
            media += (("sticker", None, None),)
        if sent_at is None or not sender or sender == "No-Sender":
            yield Skipped(title, "", "no_date" if sent_at is None else "event")
        elif not text.strip() and not media:
            yield Skipped(title, "", "empty")
        else:
            if sender not in senders:
                senders.add(sender)
                yield Person(sender, sender, is_me=sender == "Me")
            id = f"{sent_at} {sender}"
            yield Said(title, id, sender, sent_at, text.removesuffix("\n"), "", 0, media)
            for reaction in message.get("reactions") or ():
                if isinstance(reaction, (list, tuple)) and len(reaction) == 2:
                    who, emoji = map(str, reaction)
                elif isinstance(reaction, dict):
                    who, emoji = str(reaction.get("name") or ""), str(reaction.get("emoji") or "")
                else:
                    continue
                if who and emoji:
                    yield Reacted(title, id, who, sent_at, emoji)
    yield Thread(title, "group" if len(senders) > 2 else "dm", title)


def _iso(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return _ms(value)
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return int(at.timestamp() * 1000)
