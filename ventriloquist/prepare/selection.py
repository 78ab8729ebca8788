"""Decide which messages are left out of training, and why. A message that is left out is not quoted either."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from ventriloquist.clock import day_begins
from ventriloquist.errors import SettingsError
from ventriloquist.names import find_name, fold, source_called
from ventriloquist.prepare.options import UNWANTED_FLAGS, PrepareOptions
from ventriloquist.store import Connection, collected
from ventriloquist.store.collected import CollectedConversation
from ventriloquist.store.people import StoredPerson

REASONS = ("conversation", "person", *UNWANTED_FLAGS, "before", "after", "few_messages", "blank")


@dataclass(frozen=True, slots=True)
class Selection:
    """The options, resolved against the people and conversations of one database."""

    people: frozenset[int]  # left out wherever they write
    conversations: dict[int, str]  # left out whole, by reason
    flags: tuple[str, ...]
    since: int | None  # Unix milliseconds, included
    until: int | None  # Unix milliseconds, not included

    def reason(self, conversation_id: int, sender_id: int | None, sent_at: int, flags: str) -> str | None:
        """Return why a message is left out, or None."""
        if self.conversations and conversation_id in self.conversations:
            return self.conversations[conversation_id]
        if self.people and sender_id in self.people:
            return "person"
        if flags and (unwanted := _unwanted(flags, self.flags)):
            return unwanted
        if self.since is not None and sent_at < self.since:
            return "before"
        if self.until is not None and sent_at >= self.until:
            return "after"
        return None


def select(
    db: Connection,
    options: PrepareOptions,
    zone: ZoneInfo,
    people: Sequence[StoredPerson],
    conversations: Sequence[CollectedConversation],
) -> Selection:
    """Resolve the options.

    Raises:
        UnknownNameError: nobody, or no conversation, has a name that is to be left out.
        SettingsError: a flag or a date is not one, or the owner is to be left out.
    """
    for flag in options.keep:
        if flag not in UNWANTED_FLAGS:
            raise SettingsError(f"There is no flag {flag!r}.", hint=f"Choose from: {', '.join(UNWANTED_FLAGS)}.")
    excluded = _find_people(people, options.exclude_people)
    flags = tuple(flag for flag in UNWANTED_FLAGS if flag not in options.keep)
    small = [one.id for one in conversations if one.messages < options.min_messages]
    theirs = [one.id for one in conversations if one.type == "dm" and not excluded.isdisjoint(one.members)]
    named = _find_conversations(people, conversations, options.exclude_conversations)
    return Selection(
        people=excluded,
        conversations={
            **dict.fromkeys(small, "few_messages"),
            **_unwanted_conversations(db, flags),
            **dict.fromkeys(theirs, "person"),
            **dict.fromkeys(named, "conversation"),
        },
        flags=flags,
        since=None if options.since is None else day_begins(options.since, zone, "--since"),
        until=None if options.until is None else day_begins(options.until, zone, "--until", days_later=1),
    )


def _find_people(people: Sequence[StoredPerson], names: Iterable[str]) -> frozenset[int]:
    known = {person.name: person for person in people}
    found = [known[find_name(name, known)] for name in names]
    if any(person.is_me for person in found):
        raise SettingsError(
            "Your own messages cannot be left out: every conversation has them.",
            hint="Name other people with --exclude.",
        )
    return frozenset(person.id for person in found)


def _find_conversations(
    people: Sequence[StoredPerson], conversations: Sequence[CollectedConversation], names: Iterable[str]
) -> set[int]:
    """Return the conversations with these ids, titles, or names of the other person, or of these sources."""
    others = {person.id: person.name for person in people if not person.is_me}
    known: dict[str, set[int]] = {}
    sources: dict[str, set[int]] = {}
    for id, type, title, members, _, source, _ in conversations:
        sources.setdefault(source, set()).add(id)
        with_whom = [others[member] for member in members if member in others] if type == "dm" else []
        for name in (str(id), title, *with_whom):
            if name:
                known.setdefault(name, set()).add(id)
    called = [name for name in known if not name.isdecimal()]
    folded = set(map(fold, called))
    found: set[int] = set()
    for name in names:
        source = source_called(name)
        if name not in known and fold(name) not in folded and source:
            found |= sources.get(source, set())
        else:
            found |= known[name if name in known else find_name(name, called, noun="conversation")]
    return found


def _unwanted_conversations(db: Connection, flags: tuple[str, ...]) -> dict[int, str]:
    """Return the conversations in which everything received is unwanted; the owner's answers go with it."""
    found: dict[int, str] = {}
    for id, received in collected.received_flags(db).items():
        reasons = {_unwanted(one, flags) for one in received}
        if None not in reasons:
            found[id] = next(flag for flag in flags if flag in reasons)
    return found


def _unwanted(flags: str, unwanted: tuple[str, ...]) -> str | None:
    present = flags.split(",")
    return next((flag for flag in unwanted if flag in present), None)
