"""What stands in a message of Telegram's export: its text, what was sent with it, and why it is nobody's own words."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from ventriloquist.media import MediaKind
from ventriloquist.sources.export_records import Media
from ventriloquist.sources.json_stream import whole_number
from ventriloquist.transcript import well_formed

# files before 2021 number users from 2^32 on, and groups from 2^33 on
OLD_SHIFT = 32
OLD_PREFIX = {1: "user", 2: "channel"}

_KINDS: dict[str, MediaKind] = {
    "sticker": "sticker", "voice_message": "voice", "audio_file": "voice", "video_message": "video",
    "video_file": "video", "animation": "video",
}  # fmt: skip
# keys of a message that is more than its text; of these with a reason, the message is nobody's own words
_REASONS = {
    "forwarded_from": "forwarded", "forwarded_from_id": "forwarded", "via_bot": "bot", "game_title": "bot",
    "invoice_information": "bot", "poll": "poll",
}  # fmt: skip
MORE = frozenset({
    *_REASONS, "inline_bot_buttons", "edited", "edited_unixtime", "reply_to_message_id", "reactions", "photo", "file",
    "media_type", "contact_information", "paid_stars_amount", "location_information", "place_name",
})  # fmt: skip
LATEST = 253_402_300_800_000  # the year 10000


def unix_ms(seconds: object) -> int | None:
    """Return Unix ms of a number of seconds, which the file has as a string; None if it is no time."""
    try:
        found = int(seconds) * 1000  # type: ignore[call-overload]  # anything may stand there
    except (ValueError, TypeError, OverflowError):
        return None
    return found if 0 < found < LATEST else None


def peer(id: object) -> str:
    """Return an id as newer files have it, such as `user777`, from a number of an older one."""
    if isinstance(id, str) and not id.isdecimal():
        return well_formed(id)
    number = whole_number(id)
    if number is None or number <= 0:
        return ""
    if prefix := OLD_PREFIX.get(number >> OLD_SHIFT):
        return f"{prefix}{number & ((1 << OLD_SHIFT) - 1)}"
    return f"user{number}"


def full_name(about: dict[str, Any]) -> str:
    parts = (about.get("first_name"), about.get("last_name"))
    return well_formed(" ".join(part for part in parts if isinstance(part, str) and part))


def joined_text(message: dict[str, Any]) -> str:
    """Return the text of a message that has parts, such as links: all that is shown, without where a link leads."""
    value = message.get("text")
    if value is None:
        value = message.get("text_entities")
    parts = value if isinstance(value, list) else (value,)
    texts = (part.get("text") if isinstance(part, dict) else part for part in parts)
    return well_formed("".join(text for text in texts if isinstance(text, str)))


def media_of(message: dict[str, Any]) -> Media:
    if photo := message.get("photo"):
        return (("photo", None, _file_name(photo)),)
    media_type = message.get("media_type")
    kind = _KINDS.get(media_type) if isinstance(media_type, str) else None
    if kind or media_type or message.get("file"):
        name, mime = message.get("file_name"), message.get("mime_type")
        name = well_formed(name) if isinstance(name, str) and name else _file_name(message.get("file"))
        return ((kind, well_formed(mime) if isinstance(mime, str) else None, name),)
    if message.get("contact_information") or message.get("paid_stars_amount"):
        return (("file", None, None),)
    return ()


def _file_name(path: object) -> str | None:
    """Return the name of a file; None if the export has a sentence in its place, because it was left out."""
    if not isinstance(path, str) or path.startswith("("):
        return None
    return well_formed(PurePosixPath(path.replace("\0", "")).name) or None


def why_not(message: dict[str, Any], sender: str, sent_at: int | None, text: str, has_media: bool) -> str:
    """Return why a record is no message, empty if it is one."""
    for key, reason in _REASONS.items():
        if key in message:
            return reason
    if "inline_bot_buttons" in message and sender.startswith("user"):
        return "bot"
    if sent_at is None or not sender:
        return "no_date" if sender else "no_sender"
    if text or has_media:
        return ""
    return "location" if "location_information" in message or "place_name" in message else "empty"
