"""Messenger's and Instagram's "Download your information" in JSON, end-to-end encrypted threads too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, BinaryIO

from ventriloquist.errors import SourceError
from ventriloquist.media import MediaKind
from ventriloquist.sources.archive import Person, Reacted, Record, Said, Skipped, Thread
from ventriloquist.sources.json_stream import JsonStream
from ventriloquist.transcript import well_formed

MESSAGE_FILE = re.compile(r"message_(\d+)\.json\Z")
_SENT = re.compile(
    r"(?:.{1,80} sent (?:an attachment|a photo|a video|a sticker|a voice message|a GIF|a live location|a link)\.|"
    r"You sent (?:an attachment|a photo|a video|a sticker|a voice message|a GIF|a link)\.|"
    r"Reacted .{1,40} to your message|Liked a message|.{1,80} liked a message)\s*\Z"
)
_EVENT = re.compile(
    r"(?:.{1,80} (?:changed the theme|set the (?:quick reaction|emoji)|set (?:your|their|his|her|the) (?:own )?nickname|"
    r"named the group|changed the group photo|created the group|added .{1,80} to the group|left the group|"
    r"removed .{1,80} from the group|joined the (?:video )?call|started a (?:video )?(?:call|chat)|pinned a message|"
    r"created a poll|voted for|started sharing|turned on|unsent a message).*|"
    r"You are now connected on Messenger\.?|Say hi to your new .*|.{1,80} is waving at you.*)\Z",
    re.DOTALL,
)
_CALL = re.compile(
    r"(?:You missed a (?:video |voice |audio )?call.*|.{1,80} missed your (?:video |voice |audio )?call.*|"
    r"The (?:video|voice|audio) (?:call|chat) ended\.?|.{1,80} called you\.?|You called .{1,80}\.?|"
    r"(?:Video|Audio|Voice) (?:call|chat) ended)\Z"
)
_MEDIA: dict[str, MediaKind] = {
    "photos": "photo", "gifs": "photo", "videos": "video", "audio_files": "voice", "files": "file",
}  # fmt: skip


def mend(text: object) -> str:
    """Return a string of the download as it was typed: its UTF-8 was read as Latin-1 when it was written."""
    value = text if isinstance(text, str) else ""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return well_formed(value)


def read_thread(file: BinaryIO, path: PurePath, thread: str) -> Iterator[Record]:
    """Yield what one message_N.json holds; ids are made of what is in it, for it has none.

    Args:
        thread: the name of its folder, the same for every part of it.

    Raises:
        SourceError: it is damaged.
    """
    stream = JsonStream(file, path)  # type: ignore[arg-type]  # only shown
    about: dict[str, Any] = {}
    found: list[Said | Skipped] = []
    reactions: dict[str, list[tuple[str, str]]] = {}
    for key in stream.members():
        if key == "messages" and stream.peek() == "[":
            for message in stream.values():
                record, given = _message(thread, message if isinstance(message, dict) else {})
                found.append(record)
                if isinstance(record, Said) and given:
                    reactions[record.id] = given
        else:
            about[key] = stream.value()
    yield from _finished(thread, about, found, reactions)


def _finished(
    thread: str,
    about: dict[str, Any],
    found: list[Said | Skipped],
    reactions: dict[str, list[tuple[str, str]]],
) -> Iterator[Record]:
    """Yield people, the thread, then its messages from the oldest on."""
    listed = about.get("participants") or ()
    is_plain = any(isinstance(one, str) for one in listed)
    names = [one if is_plain else mend(one.get("name")) for one in listed if is_plain or isinstance(one, dict)]
    title = str(about.get("threadName") or "") if is_plain else mend(about.get("title"))
    senders = dict.fromkeys(record.sender for record in found if isinstance(record, Said))
    everybody = dict.fromkeys((*names, *senders))
    for name in everybody:
        yield Person(name, name)
    is_group = len(everybody) > 2 or about.get("thread_type") in ("RegularGroup", "Group")
    yield Thread(thread, "group" if is_group else "dm", title, tuple(names))
    for record in reversed(found):
        yield record
        if isinstance(record, Said):
            for who, emoji in reactions.get(record.id, ()):
                yield Reacted(thread, record.id, who, record.sent_at, emoji)


def _message(thread: str, message: dict[str, Any]) -> tuple[Said | Skipped, list[tuple[str, str]]]:
    """Decide what a record is, and who reacted to it."""
    is_encrypted = "senderName" in message or "timestamp" in message
    clean = well_formed if is_encrypted else mend
    sender = clean(str(message.get("senderName") or "")) if is_encrypted else mend(message.get("sender_name"))
    text = clean(str(message.get("text") or "")) if is_encrypted else mend(message.get("content"))
    at = message.get("timestamp") if is_encrypted else message.get("timestamp_ms")
    sent_at = at if isinstance(at, int) and 0 < at < 1 << 53 else None
    media: list[tuple[MediaKind | None, str | None, str | None]] = []
    for key, kind in _MEDIA.items():
        media += [(kind, None, _file(one)) for one in message.get(key) or ()]
    media += [(None, None, _file(one)) for one in message.get("media") or ()] if is_encrypted else []
    media += [("sticker", None, None)] if message.get("sticker") else []
    share = message.get("share")
    link = mend(share.get("link")) if isinstance(share, dict) else ""
    id = f"{sent_at} {sender} {text} {media}"
    if reason := _why_not(message, sender, sent_at, text, bool(media)):
        return Skipped(thread, f"{id} {reason}", reason), []
    if _SENT.match(text):  # the application's own words for what was sent
        text = ""
    if not text and not media:
        text = link
        if not text:
            return Skipped(thread, id, "empty"), []
    reactions = [
        (clean(str(one.get("actor") or "")), clean(str(one.get("reaction") or "")))
        for one in message.get("reactions") or ()
        if isinstance(one, dict)
    ]
    return Said(thread, id, sender, sent_at or 0, text, "", 0, tuple(media)), [pair for pair in reactions if all(pair)]


def _why_not(message: dict[str, Any], sender: str, sent_at: int | None, text: str, has_media: bool) -> str:
    if message.get("is_unsent") or message.get("isUnsent"):
        return "unsent"
    if sent_at is None or not sender:
        return "no_sender" if sent_at is not None else "no_date"
    if message.get("call_duration") is not None or message.get("type") == "Call" or _CALL.match(text):
        return "call"
    if message.get("type") in ("Subscribe", "Unsubscribe") or message.get("users") or _EVENT.match(text):
        return "event"
    return "event" if (_SENT.match(text) and not has_media and "eacted" in text) or "iked a message" in text else ""


def _file(one: object) -> str | None:
    uri = one.get("uri") if isinstance(one, dict) else None
    return str(uri).rpartition("/")[2] or None if uri else None


def is_encrypted_thread(file: BinaryIO) -> bool:
    """Tell whether a JSON file is a thread of the end-to-end encrypted download."""
    head = file.read(4096).decode("utf-8", "replace")
    return '"threadName"' in head or ('"participants"' in head and '"senderName"' in head)


def check_json(data: bytes, path: PurePath) -> Any:
    """Return a small JSON file's value.

    Raises:
        SourceError: it is damaged.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise SourceError(f"{path} is damaged: it is not JSON.", hint="Download it again.") from None
