"""The records that sources yield and stages exchange."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ventriloquist.media import MediaKind

# The applications that messages come from, by the name of the source, as the file and the command line have it.
APPLICATIONS = {
    "imessage": "Messages",
    "android": "Android SMS",
    "discord": "Discord",
    "instagram": "Instagram",
    "messenger": "Messenger",
    "signal": "Signal",
    "telegram": "Telegram",
    "whatsapp": "WhatsApp",
}
MESSAGES = "imessage"

ReactionKind = Literal["love", "like", "dislike", "laugh", "emphasize", "question", "emoji", "sticker"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that was sent with a message, without its content."""

    mime_type: str | None
    filename: str | None
    transcript: str | None = None  # of a voice message
    kind: MediaKind | None = None  # None: decided by its type and name
    part: int | None = None  # part of the message; None: unknown, or the only one
    text_before: int | None = None  # characters of the message's text before it


# A source yields one of these for each of its rows, in its own order. They are tuples because there may be millions.


class SourceMessage(NamedTuple):
    """A message that a person chose to write. An empty string means that there is no value."""

    guid: str
    rowid: int
    chat_guid: str
    sender_handle: str  # as the source has it; empty: the owner's, or unknown
    is_from_me: int  # 0 or 1: sqlite3 binds numbers three times as fast as booleans
    sent_at: int  # Unix milliseconds, UTC
    text: str  # empty: attachments only
    thread_originator_guid: str
    thread_originator_part: str
    edited: int
    revised_at: int  # last edit or unsending, Unix milliseconds; 0: never
    service: str
    subject: str
    attachments: tuple[Attachment, ...]
    is_spam: bool
    is_failed: bool  # it is the owner's and could not be sent


class SourceTapback(NamedTuple):
    """A reaction to a message, or its removal. An empty string means that there is no value."""

    guid: str
    rowid: int
    chat_guid: str
    sender_handle: str
    is_from_me: int
    sent_at: int  # Unix milliseconds, UTC
    target_guid: str
    kind: ReactionKind
    emoji: str
    removed: int


class SourceSkipped(NamedTuple):
    """A row that is neither a message nor a reaction."""

    guid: str
    reason: str  # a key of SKIPPED


SourceRow = SourceMessage | SourceTapback | SourceSkipped


class SourceChat(NamedTuple):
    """A chat of the source. Several chats may be one conversation."""

    guid: str
    type: Literal["dm", "group"]
    title: str | None
    group_id: str | None
    handles: tuple[str, ...]  # of the other members, as the source has them; the first of a dm is the other person
    newest_at: int  # time of its newest message, Unix milliseconds; 0: none
    lookups: tuple[str, ...] = ()  # identifiers by which the source finds it: chats that share one are the same
    is_spam: bool = False  # the source filters the whole chat
    source: str = MESSAGES  # a key of APPLICATIONS: chats of two applications are never one conversation


class ContactCard(NamedTuple):
    """A card of an address book."""

    folder: str  # the address book it is from; a key of APPLICATIONS if an application's export names somebody
    store: str  # the store in that folder; the chat of an export
    number: int  # the card's number in the store
    first: str
    last: str
    nickname: str
    organization: str
    identifiers: tuple[str, ...]  # numbers and addresses, as the card has them
    is_me: bool


@dataclass(frozen=True, slots=True)
class Source:
    """An open source: its chats, handles and contacts, and a generator of its rows."""

    name: str  # for people: what it is and its path
    total: int  # rows
    chats: Sequence[SourceChat]
    handles: Sequence[str]  # as the source has them
    person_hints: Sequence[tuple[str, str]]  # (hint, handle): handles with the same hint are one person's
    owner_identifiers: Mapping[str, int]  # the owner's numbers and addresses, and how often each occurs
    cards: Sequence[ContactCard] | None  # None: no contacts were read
    notes: Sequence[str]  # one sentence for each thing that could not be read
    rows: Callable[[], Iterator[SourceRow]]


def application_of(handle: str) -> str:
    """Return the application of a handle that only it knows, such as `telegram:user777`; empty for any other handle."""
    name, colon, _ = handle.partition(":")
    return name if colon and name in APPLICATIONS and name != MESSAGES else ""


# Why a row is not in text_messages, as the summary says it.
SKIPPED = {
    "event": "joins, leaves, renames and other events",
    "reaction_removed": "removed reactions and their removals",
    "reaction_superseded": "reactions replaced by a later one",
    "reaction_without_target": "reactions without the message that they belong to",
    "unknown_association": "rows of an unknown kind that belong to a message",
    "poll_vote": "votes in polls",
    "unsent": "messages that were unsent",
    "recently_deleted": "messages in Recently Deleted",
    "one_time_code": "one-time passcodes",
    "no_chat": "rows that belong to no chat",
    "empty": "rows without text and attachments",
    "undecodable": "messages whose body cannot be decoded",
    "echo": "second copies of notes to self",
    "excluded": "left out by --exclude or --only",
    "forgotten": "messages of people who were forgotten",
    "out_of_range": "left out by --since or --until",
    "no_guid": "rows without an identifier",
    "no_date": "rows without a date, in a source without dates",
    "scheduled": "scheduled messages that were not sent yet",
    "failed": "messages that were not sent",
    "call": "calls",
    "poll": "polls",
    "location": "places that were shared",
    "forwarded": "messages of others, forwarded",
    "bot": "written by programs",
    "no_sender": "messages that do not say who wrote them",
    "repeated": "records that this export, or another one, holds already",
}

Progress = Callable[[int, int], None]
"""A callback for progress: (done, total). A total of 0 means unknown."""
Stage = Callable[[str], Progress]
"""Called with the name of each part of the work; returns its progress callback."""
