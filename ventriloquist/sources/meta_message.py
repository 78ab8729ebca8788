"""A message of a Messenger or Instagram download: what is a person's of it, and why the rest is left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from ventriloquist.media import MediaKind
from ventriloquist.sources.export_records import Media
from ventriloquist.sources.meta_words import is_sent, may_be_sentence, predicate, subjects_of, why_not
from ventriloquist.transcript import well_formed

_NOT_LATIN = re.compile("[^\0-\u00ff]")
_NOT_DOWNLOADED = "Failed to download media"
_SYSTEM_TYPES = ("Subscribe", "Unsubscribe", "Plan")
_MEDIA: dict[str, MediaKind] = {
    "photos": "photo", "videos": "video", "audio_files": "voice", "gifs": "photo", "files": "file",
}  # fmt: skip
_SIMPLE = frozenset((
    "sender_name", "timestamp_ms", "content", "reactions", "ip", "is_geoblocked_for_viewer",
    "is_unsent_image_by_messenger_kid_parent",
))  # fmt: skip  # the fields of a message that is only text
NOTHING: list[Any] = []
_EARLIEST, _LATEST = 100_000_000_000, 1 << 53  # Unix ms; a smaller number counts seconds


def mend(text: object) -> str:
    """Return a string of the download as it was typed: its UTF-8 was read as Latin-1 when it was written."""
    if not isinstance(text, str):
        return ""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return well_formed(text)


def plain(text: object) -> str:
    """Return a string of a file that was written as it should be."""
    return well_formed(text) if isinstance(text, str) else ""


class Found(NamedTuple):
    """A message as it was read."""

    at: int  # Unix ms; 0: unknown
    sender: str
    raw: str  # what the download has as its text
    text: str
    media: Media
    reason: str  # why it is no message; empty: it is one
    beside: bool  # an attachment or a link stands beside the text
    link: str
    reactions: list[Any]


class Messages:
    """Reads the messages of a thread.

    Args:
        owners: those who may be the owner, if something is known of that.
        saying_you: counts of whom the download calls `You`.
    """

    def __init__(self, owners: set[str], saying_you: Counter[str]) -> None:
        self.clean: Callable[[object], str] = mend
        self._owners, self._saying_you = owners, saying_you
        self._known: dict[str, tuple[str, tuple[str, ...]]] = {}  # a sender as written → the name, and `subjects_of`

    def look_at(self, messages: list[Any]) -> None:
        """Find out how an encrypted thread is written."""
        self.clean = plain if self.is_proper(messages) else mend
        self._known.clear()

    def _sender(self, name: object) -> tuple[str, tuple[str, ...]]:
        """Return a sender's name, and what sentences about them begin with."""
        if not isinstance(name, str):
            return "", ()
        known = self._known.get(name)
        if known is None:
            sender = self.clean(name)
            known = self._known[name] = sender, subjects_of(sender)
        return known

    def read(self, message: Any) -> Found:
        """Decide what a record is."""
        if not isinstance(message, dict):
            return Found(0, "", "", "", (), "undecodable", False, "", NOTHING)
        clean, get = self.clean, message.get
        sender, subjects = self._sender(get("sender_name") or get("senderName"))
        raw = get("content")
        if type(raw) is not str or not raw.isascii():
            raw = clean(raw or get("text"))
        text: str = raw
        at = get("timestamp_ms")
        if type(at) is not int or not _EARLIEST < at < _LATEST:
            at = milliseconds(at or get("timestamp"))
        reactions = get("reactions", NOTHING)
        if not isinstance(reactions, list):
            reactions = NOTHING
        media: Media = ()
        reason = link = ""
        beside = False
        if not message.keys() <= _SIMPLE:
            media, share = _media(message, clean), get("share")
            link = clean(share.get("link")) if isinstance(share, dict) else ""
            beside = bool(media) or isinstance(share, dict)
            reason = _why_by_structure(message, text)
        if text and not reason and (beside or text.startswith(subjects) or may_be_sentence(text)):
            text, reason = self._judge(text, sender, subjects, beside=beside)
        if not at:
            reason = reason or "no_date"
        elif not sender:
            reason = reason or "no_sender"
        return tuple.__new__(Found, (at, sender, raw, text, media, reason, beside, link, reactions))

    def _judge(self, text: str, sender: str, subjects: tuple[str, ...], *, beside: bool) -> tuple[str, str]:
        """Return what is a person's of a text, and why it is no message."""
        rest, is_you = predicate(text, subjects)
        if rest and is_sent(rest, beside_it=beside):
            if is_you and beside:
                self._saying_you[sender] += 1
            return "", ""
        if is_you and self._owners and sender not in self._owners:
            rest = ""
        if reason := why_not(text, rest, sender, is_you=is_you):
            return text, reason
        # the application's sentence in another language: nobody names themselves beside a photo
        is_theirs = beside and " " in sender and sender in text and is_sentence(text)
        return "" if is_theirs else text, ""

    def is_proper(self, messages: list[Any]) -> bool:
        """Tell whether an encrypted thread has characters beyond Latin-1: then its strings are as they were typed."""
        if self.clean is plain:
            return True
        texts = (str(one.get("text")) + str(one.get("senderName")) for one in messages if isinstance(one, dict))
        return any(_NOT_LATIN.search(text) for text in texts)


def is_sentence(text: str) -> bool:
    """Tell whether a text may be the application's: words with a full stop, on one line."""
    return text.rstrip().endswith((".", "。", "।")) and "\n" not in text and len(text.split()) > 2


def _why_by_structure(message: dict[str, Any], text: str) -> str:
    """Return why a record is no message, as far as its fields say it."""
    kind = message.get("type")
    if message.get("is_unsent") is True or message.get("isUnsent") is True:
        return "unsent"
    if kind == "Call" or _is_number(message.get("call_duration")) or "missed" in message:
        return "call"
    if kind in _SYSTEM_TYPES or (isinstance(message.get("users"), list) and message["users"]):
        return "event"
    if kind == "placeholder":
        return "unsent" if "unsent" in text else "event"
    bumped = message.get("bumped_message_metadata")
    if not text and isinstance(bumped, dict) and bumped.get("is_bumped") is True:
        return "forwarded"
    return ""


def _media(message: dict[str, Any], clean: Callable[[object], str]) -> Media:
    media: list[tuple[MediaKind | None, str | None, str | None]] = []
    for key, kind in _MEDIA.items():
        if isinstance(found := message.get(key), list):
            media += [(kind, None, _file(one, clean)) for one in found]
    if isinstance(found := message.get("media"), list):
        media += [(None, None, _file(one, clean)) for one in found]
    if isinstance(message.get("sticker"), dict):
        media.append(("sticker", None, _file(message["sticker"], clean)))
    return tuple(media)


def _file(one: object, clean: Callable[[object], str]) -> str | None:
    uri = clean(one.get("uri")) if isinstance(one, dict) else ""
    return uri.rpartition("/")[2] or None if uri != _NOT_DOWNLOADED else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def milliseconds(value: object) -> int:
    """Return a time in Unix ms, 0 if it is none. The oldest downloads, and reactions, have seconds."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 17:
        value = int(value)
    if type(value) is float and 0 < value < _LATEST:
        value = int(value)
    if type(value) is not int or not 0 < value < _LATEST:
        return 0
    return value if value > _EARLIEST else value * 1000  # 1973 in ms, year 5138 in seconds
