"""What a collect knows before it reads the first message."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from ventriloquist.collect.conversations import Conversation
from ventriloquist.collect.evidence import Evidence
from ventriloquist.collect.people import Directory, Person
from ventriloquist.records import SourceMessage, SourceTapback


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is who, which chats are one conversation, and what is wanted."""

    evidence: Evidence
    owner_name: str
    directory: Directory
    hinted: Sequence[tuple[str, ...]]  # handles of people whom the source itself united
    of_chat: Mapping[str, Conversation]  # by the chat's guid
    renamed: Mapping[str, str]  # corrections of names, by normalised handle
    leave_out: Callable[[SourceMessage | SourceTapback], str | None] | None  # why a row is not wanted; None: all are
    gone: frozenset[Person]  # who was forgotten
    notes: Sequence[str]  # for the user
    zone: ZoneInfo  # in which days begin
