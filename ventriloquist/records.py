"""Rows that pass between stages: plain, slotted, immutable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ventriloquist.media import MediaKind

ReactionKind = Literal["love", "like", "dislike", "laugh", "emphasize", "question", "emoji", "sticker"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file sent with a message: what it is, never its bytes."""

    mime_type: str | None
    filename: str | None
    transcript: str | None = None  # of a voice message
    kind: MediaKind | None = None  # None: what its type and its name say
    part: int | None = None  # of the message; None: unknown, or the only one
    text_before: int | None = None  # characters of the message's text that stand before it


# What a source yields, one for every row it has, in its own order. Tuples: there may be millions.


class SourceMessage(NamedTuple):
    """A message that somebody chose to write. Empty texts stand for none."""

    guid: str
    rowid: int
    chat_guid: str
    sender_handle: str  # as the source has it; empty: the owner's, or the source does not say
    is_from_me: int  # numbers, not booleans: sqlite3 binds those three times as fast
    sent_at: int  # Unix milliseconds, UTC
    text: str  # empty: attachments only
    thread_originator_guid: str
    thread_originator_part: str
    edited: int
    revised_at: int  # of the last edit or unsending, Unix milliseconds; 0: never
    service: str
    subject: str
    attachments: tuple[Attachment, ...]
    is_spam: bool
    is_failed: bool  # the owner's, and not sent


class SourceTapback(NamedTuple):
    """A reaction to a message, or the taking back of one. Empty texts stand for none."""

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
    """A row that is neither."""

    guid: str
    reason: str  # a key of SKIPPED


SourceRow = SourceMessage | SourceTapback | SourceSkipped


class SourceChat(NamedTuple):
    """A thread as the source has it; a conversation may be several."""

    guid: str
    type: Literal["dm", "group"]
    title: str | None
    group_id: str | None
    handles: tuple[str, ...]  # of the others in it, as the source has them; a dm's first is whom it is with
    newest_at: int  # of its messages, Unix milliseconds; 0: none
    lookups: tuple[str, ...] = ()  # under which the source finds it: chats that share one are one to it
    is_spam: bool = False  # the source filters all of it


class ContactCard(NamedTuple):
    """A card of an address book."""

    folder: str  # the address book it is from
    store: str  # the store in that folder
    number: int  # the card's number in the store
    first: str
    last: str
    nickname: str
    organization: str
    identifiers: tuple[str, ...]  # numbers and addresses, as the card has them
    is_me: bool


@dataclass(frozen=True, slots=True)
class Source:
    """A source that is open: all that is small, and a generator of its rows."""

    name: str  # what it is and where, for people
    total: int  # rows
    chats: Sequence[SourceChat]
    handles: Sequence[str]  # as the source has them
    person_hints: Sequence[tuple[str, str]]  # (hint, handle): the source takes handles with one hint for one person
    owner_identifiers: Mapping[str, int]  # under which its owner sent and received, and how often each is seen
    cards: Sequence[ContactCard] | None  # None: no contacts were read
    notes: Sequence[str]  # what could not be read, a sentence each
    rows: Callable[[], Iterator[SourceRow]]


# Why a row is not in text_messages, in the words of the summary.
SKIPPED = {
    "event": "joins, leaves, renames and the like: nobody wrote them",
    "reaction_removed": "reactions taken back, and the taking back",
    "reaction_superseded": "reactions replaced by a later one",
    "reaction_without_target": "reactions that do not say to what",
    "unknown_association": "rows attached to a message in a way that is not known",
    "poll_vote": "votes in polls",
    "unsent": "messages that were unsent",
    "recently_deleted": "messages that were deleted lately",
    "one_time_code": "one-time passcodes",
    "no_chat": "rows that belong to no chat",
    "empty": "rows with neither text nor attachment",
    "undecodable": "messages whose body cannot be decoded",
    "echo": "second copies of notes to self",
    "excluded": "left out by --exclude or --only",
    "forgotten": "of people who were forgotten",
    "out_of_range": "left out by --since or --until",
    "no_guid": "rows without an identifier",
    "no_date": "rows without a date, in a source that has none",
    "scheduled": "messages that wait to be sent later",
}

Progress = Callable[[int, int], None]
"""Called as work goes on with (done, total); a total of 0 is unknown."""
