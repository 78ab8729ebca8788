"""Openings: who is in a conversation, which messages it continues, and at what time it starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from ventriloquist.chat.clock import parse_period
from ventriloquist.clock import at_hour, load_timezone
from ventriloquist.names import find_conversations
from ventriloquist.store import Connection
from ventriloquist.store.corpus import SentLine, TitledConversation, first_day, last_lines, titled_conversations
from ventriloquist.transcript import ConversationType, order_members

NOON = 12  # o'clock: an empty conversation on another day begins then


@dataclass(frozen=True, slots=True)
class Opening:
    """A conversation before the user writes."""

    type: ConversationType
    members: tuple[str, ...]  # the owner first
    said: tuple[SentLine, ...] = ()  # its last messages, none for a new conversation
    title: str | None = None  # of a group
    begins_at: int | None = None  # Unix milliseconds; None: now
    first_day: str | None = None  # local ISO date of the very first message, if a date was asked for
    zone: ZoneInfo = field(default_factory=load_timezone, compare=False)  # its days begin in this zone


def find_opening(
    db: Connection | None,
    owner: str,
    others: Sequence[str],
    *,
    source: str | None = None,
    date: str | None = None,
    fresh: bool = False,
    limit: int,
    zone: ZoneInfo | None = None,
    stored: Sequence[TitledConversation] | None = None,
) -> Opening:
    """Find the conversation to continue.

    With one other person, this is the one-to-one conversation with them, or else the newest group in which they wrote.
    With several, it is the group with exactly these members. If there is none, the conversation is empty.

    Args:
        db: None if nothing is prepared.
        others: the other members; with `source`, in addition to its own.
        source: a conversation by title, person or number, and optionally `@` with a date.
        date: a day, month or year; the conversation continues after its last message before the end of it.
        limit: messages to begin with at most.
        zone: days begin in it; default the system's.
        stored: the owner's conversations, if they were read already.

    Raises:
        UnknownNameError: no conversation is called `source`.
        SettingsError: a date is not valid.
    """
    if stored is None:
        stored = conversations_of(db, owner) if db else []
    if source is not None:
        name, _, at = source.rpartition("@") if _is_dated(source) else (source, "", "")
        found: TitledConversation | None = _find_source(stored, owner, name)
        date = date or at
    else:
        found = find_members(stored, owner, others)
    # everybody whom the user named takes part, also those who are not in the group
    members = order_members(owner, [*(found.members if found else ()), *others])
    type_: ConversationType = "group" if len(members) > 2 else (found.type if found else "dm")
    title = found.title if found else None
    period = parse_period(date) if date else None
    zone = zone or load_timezone()
    if db and found and not fresh:
        before = (period[1] + timedelta(days=1)).isoformat() if period else None
        said = tuple(last_lines(db, found.id, limit, before=before))
        if said and (period is None or said[-1].day >= period[0].isoformat()):
            goes_on = period is not None or source is not None
            return Opening(type_, members, said, title, begins_at=said[-1].sent_at if goes_on else None, zone=zone)
    begins_at = at_hour(period[0], zone, NOON) if period else None
    day = first_day(db, found.id) if db and found and period and not fresh else None
    return Opening(type_, members, (), title, begins_at, day, zone)


def conversations_of(db: Connection, owner: str) -> list[TitledConversation]:
    """Return the owner's conversations, the one with the newest message first."""
    # after the owner was renamed, the model does not know the conversations under the old name
    return [each for each in titled_conversations(db) if each.members[0] == owner]


def find_members(stored: Sequence[TitledConversation], owner: str, others: Sequence[str]) -> TitledConversation | None:
    """Return the conversation of the owner with others, or with one other: the newest group in which they wrote."""
    wanted = {owner, *others}
    exact = [each for each in stored if set(each.members) == wanted]
    if len(others) == 1:
        exact.sort(key=lambda each: each.type != "dm")  # a group of two comes after the one-to-one conversation
        exact += [each for each in stored if others[0] in each.senders]
    return exact[0] if exact else None


def _find_source(stored: Sequence[TitledConversation], owner: str, name: str) -> TitledConversation:
    def labels(each: TitledConversation) -> Iterator[str | None]:
        yield each.title
        if each.type == "dm":
            yield next((member for member in each.members if member != owner), owner)

    first, *_ = find_conversations(name, ((each.id, labels(each)) for each in stored))
    return next(each for each in stored if each.id == first)


def _is_dated(source: str) -> bool:
    name, at, rest = source.rpartition("@")
    return bool(name and at and rest[:4].isdecimal())
