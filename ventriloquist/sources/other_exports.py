"""Files that are an application's and cannot be read: what they are, and what to do instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from ventriloquist.errors import SourceError
from ventriloquist.sources.export_files import SQLITE, Item


class Other(NamedTuple):
    """A kind of file that cannot be read."""

    is_found: Callable[[str, bytes], bool]  # in a name, in lower case, and the first bytes
    what: str
    hint: str


def _is_html(name: str, head: bytes) -> bool:
    return name.endswith((".html", ".htm")) or head[:200].lstrip().lower().startswith((b"<!doctype html", b"<html"))


# The first that fits is shown.
OTHERS = (
    Other(
        lambda name, _: re.search(r"\.crypt\d*\Z", name) is not None,
        "is WhatsApp's encrypted backup",
        "Decrypt it with its 64-digit key (wa-crypt-tools) and give the msgstore.db, or export each chat in WhatsApp: "
        "Chat > More > Export chat.",
    ),
    Other(
        lambda name, head: name == "wa.db" and head.startswith(SQLITE),
        "holds only WhatsApp's contacts",
        "Put it beside the msgstore.db, and give that one.",
    ),
    Other(
        lambda name, _: name.endswith(".backup"),
        "is Signal's encrypted backup",
        "Export the chats in Signal on the phone (Settings > Chats > Export chat history), or use signal-export.",
    ),
    Other(
        lambda name, _: name in ("db.sqlite", "signal.sqlite"),
        "is Signal Desktop's encrypted database",
        "Export it with signal-export, and give the folder that it writes.",
    ),
    Other(
        lambda name, head: name in ("chat.db", "sms.db") and head.startswith(SQLITE),
        "is a database of Messages",
        "Read it with vq collect --chat-db PATH.",
    ),
    Other(
        lambda name, _: name == "manifest.db",
        "belongs to an iPhone's backup",
        "Read the backup with vq collect --backup DIR.",
    ),
    Other(
        lambda _, head: b"<calls" in head[:4096],
        "is a log of calls and holds no messages",
        "Give the file of the same backup named sms-….xml.",
    ),
    Other(
        lambda name, head: _is_html(name, head) and b"page_wrap" in head,
        "is Telegram's export as HTML",
        "Export it again in Telegram Desktop, and choose the format JSON (machine-readable).",
    ),
    Other(
        lambda name, head: _is_html(name, head) and (b"preamble__" in head or b"chatlog" in head),
        "is DiscordChatExporter's export as HTML",
        "Export it again as JSON: --format Json.",
    ),
    Other(
        lambda name, head: name.endswith(".csv") and b"AuthorID" in head[:16],
        "is DiscordChatExporter's export as CSV",
        "Export it again as JSON: --format Json.",
    ),
    Other(
        lambda name, head: name.endswith(".txt") and head[:8].endswith(b"=====") and b"\nGuild: " in head[:200],
        "is DiscordChatExporter's export as plain text",
        "Export it again as JSON: --format Json.",
    ),
    Other(
        lambda name, head: name == "messages.json" and b'"Contents"' in head and b'"ID"' in head,
        "is Discord's own data package, which holds only what you wrote",
        "Export the chats with DiscordChatExporter as JSON.",
    ),
    Other(
        lambda name, head: _is_html(name, head) and re.fullmatch(r"message_\d+\.html", name) is not None,
        "is a download of Messenger or Instagram as HTML",
        "Request the download again, and choose the format JSON.",
    ),
    Other(
        lambda name, _: name.endswith(".zip"),
        "lies in another zip",
        "Unpack the outer one, and name the folder.",
    ),
)  # fmt: skip


def explain(path: Path, items: Iterable[Item]) -> SourceError | None:
    """Return the error for a place in which no export can be read, if it holds something else that is known."""
    best: tuple[int, Item] | None = None
    for item in items:
        name, head = item.path.name.lower(), item.head()
        item.forget_head()
        place = next((place for place, other in enumerate(OTHERS) if other.is_found(name, head)), None)
        if place is not None and (best is None or place < best[0]):
            best = place, item
    if best is None:
        return None
    other, item = OTHERS[best[0]], best[1]
    where = path if item.path.name.startswith(path.name) else path / item.path
    return SourceError(f"{where} {other.what}.", hint=other.hint)
