"""How Messages writes dates, tapbacks, events and edits into its database, and how to insert a row."""

from __future__ import annotations

import plistlib
import sqlite3
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Literal

from ventriloquist.demo.typedstream import plain_body, utf16_length
from ventriloquist.records import ReactionKind

EPOCH_MS = 978_307_200_000  # 2001-01-01 UTC, in Unix milliseconds
URL_PREVIEW = "com.apple.messages.URLBalloonProvider"
DM, GROUP = 45, 43  # chat.style

Service = Literal["iMessage", "SMS", "RCS"]
EventKind = Literal["added", "removed", "renamed", "left", "icon", "kept audio"]

TAPBACKS: dict[ReactionKind, int] = {
    "love": 2000,
    "like": 2001,
    "dislike": 2002,
    "laugh": 2003,
    "emphasize": 2004,
    "question": 2005,
    "emoji": 2006,
    "sticker": 2007,
}
REMOVED = 1000  # added to a tapback's number when it is taken back
# the English prose that Messages puts into a tapback's text, and into its removal's
_PROSE: dict[ReactionKind, tuple[str, str]] = {
    "love": ("Loved", "Removed a heart from"),
    "like": ("Liked", "Removed a like from"),
    "dislike": ("Disliked", "Removed a dislike from"),
    "laugh": ("Laughed at", "Removed a laugh from"),
    "emphasize": ("Emphasized", "Removed an exclamation from"),
    "question": ("Questioned", "Removed a question mark from"),
    "emoji": ("Reacted {} to", "Removed a {} from"),
    "sticker": ("Reacted with a sticker to", "Removed a sticker from"),
}
# message.item_type and message.group_action_type
EVENTS: dict[EventKind, tuple[int, int]] = {
    "added": (1, 0),
    "removed": (1, 1),
    "renamed": (2, 0),
    "left": (3, 0),
    "icon": (3, 1),
    "kept audio": (5, 0),
}


def schema(name: Literal["chat", "addressbook"]) -> str:
    """Return the SQL that makes one of Apple's databases, empty."""
    return resources.files("ventriloquist.demo").joinpath("schema", f"{name}.sql").read_text(encoding="utf-8")


def insert(connection: sqlite3.Connection, table: str, **columns: object) -> int:
    """Insert a row, and return its ROWID."""
    return connection.execute(_insertion(table, *columns), tuple(columns.values())).lastrowid or 0


@cache
def _insertion(table: str, *columns: str) -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608  # fixed names


def apple_date(unix_ms: int, seconds: bool = False) -> int:
    """Return a time as Messages counts it: in nanoseconds since 2001, or in seconds on old rows."""
    since = unix_ms - EPOCH_MS
    return since // 1000 if seconds else since * 1_000_000


def tapback_prose(kind: ReactionKind, target: str | None, *, emoji: str | None, removed: bool) -> str:
    """Return the text that Messages generates for a tapback. A target without text is taken for a picture."""
    return f"{_PROSE[kind][removed].format(emoji)} {f'“{target}”' if target else 'an image'}"


def edit_summary(versions: Sequence[tuple[int, str]]) -> bytes:
    """Return the summary of an edited message of one part, from the time (Unix ms) and the text of each version."""
    history = [{"d": apple_date(at) / 1e9, "t": plain_body(text)} for at, text in versions]
    return _summary(versions[0][1], ec={"0": history}, ep=[0])


def unsent_summary(text: str) -> bytes:
    """Return the summary of a message whose one part was unsent. It keeps only the part's place."""
    return _summary(text, rp=[0])


def _summary(original: str, **changes: object) -> bytes:
    parts = {"0": {"lo": 0, "le": utf16_length(original)}}
    return plistlib.dumps({"ust": True, "otr": parts, **changes}, fmt=plistlib.FMT_BINARY)
