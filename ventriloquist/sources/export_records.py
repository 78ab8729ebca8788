"""What the reader of an export yields: people, chats, messages, reactions, and what is none of these."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ventriloquist.media import MediaKind


class Person(NamedTuple):
    """Somebody who writes, by the id that the source gives them."""

    id: str
    name: str = ""
    number: str = ""  # a telephone number or an address, if the source has one
    is_me: bool = False


class Thread(NamedTuple):
    """A chat. It may be given again: the last one holds."""

    id: str
    type: Literal["dm", "group"]
    title: str = ""
    members: tuple[str, ...] = ()  # ids of people, beside those who write


# kind, MIME type and file name; None is unknown
Media = tuple[tuple[MediaKind | None, str | None, str | None], ...]


class Said(NamedTuple):
    """A message."""

    thread: str
    id: str  # empty: the source has none
    sender: str  # a person's id
    sent_at: int  # Unix ms, UTC
    text: str
    reply_to: str = ""  # a message's id
    edited_at: int = 0  # Unix ms; 1: edited, unknown when
    media: Media = ()


class Reacted(NamedTuple):
    """A reaction to a message that stands."""

    thread: str
    target: str  # a message's id
    sender: str
    sent_at: int
    emoji: str


class Skipped(NamedTuple):
    """A record that is neither."""

    thread: str
    id: str
    reason: str  # a key of records.SKIPPED


Record = Person | Thread | Said | Reacted | Skipped
