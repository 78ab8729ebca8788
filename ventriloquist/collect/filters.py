"""Which rows to take: people, conversations and sources by --only and --exclude, days by --since and --until."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from ventriloquist.clock import at_hour
from ventriloquist.collect.conversations import Conversation
from ventriloquist.collect.identity import Directory, Person
from ventriloquist.errors import UnknownNameError
from ventriloquist.names import fold, source_called
from ventriloquist.records import APPLICATIONS, SourceMessage, SourceTapback

_FIRST_DAY, _LAST_DAY = dt.date(2, 1, 1), dt.date(9998, 12, 31)  # so that the day before and after exists in every zone

RowFilter = Callable[[SourceMessage | SourceTapback], str | None]
"""Returns why a row is left out, a key of `records.SKIPPED`; None if it is wanted."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What to take. A name is a person's, a handle, a conversation's title, or a source's."""

    only: Sequence[str] = ()  # the one-to-one conversations with these people, and the groups they are in
    exclude: Sequence[str] = ()  # the one-to-one conversations with these people, and what they wrote anywhere
    since: dt.date | None = None  # the first day, local
    until: dt.date | None = None  # the last day, local


@dataclass(frozen=True, slots=True)
class _Chosen:
    people: frozenset[Person]
    conversations: frozenset[Conversation]
    sources: frozenset[str]  # keys of records.APPLICATIONS

    def has(self, conversation: Conversation) -> bool:
        """Tell whether a conversation or its source was named, or it is one-to-one with somebody who was."""
        return (
            conversation in self.conversations
            or conversation.other in self.people
            or conversation.source in self.sources
        )


def row_filter(
    choice: Choice,
    directory: Directory,
    of_chat: Mapping[str, Conversation],
    names: Mapping[Person, str],
    renamed: Mapping[str, str],
    gone: Collection[Person],
    zone: ZoneInfo,
    *,
    elsewhere: Collection[str] = (),
    notes: list[str],
) -> RowFilter | None:
    """Return a filter of rows, None if everything is wanted.

    People have the names in the file so far, and those from corrections (`renamed`, by normalised handle).

    Args:
        elsewhere: names that other sources of the same command know.
        notes: gets a sentence for each name that is a person's or a conversation's, and a source's too.

    Raises:
        UnknownNameError: no person, source and no conversation has a name in `choice`.
    """
    if choice == Choice() and not gone:
        return None
    known = _known_names(directory, of_chat, names, renamed)
    lookup = _Lookup(known, directory, elsewhere, notes)
    exclude, only = lookup.find(choice.exclude), lookup.find(choice.only)
    after = _midnight(choice.since, zone) if choice.since else None
    before = _midnight(choice.until, zone, days_later=1) if choice.until else None
    excluded = {"": bool(choice.only)}  # by chat; tapbacks may have none
    for guid, conversation in of_chat.items():
        wanted = not choice.only or only.has(conversation) or not only.people.isdisjoint(conversation.people)
        excluded[guid] = exclude.has(conversation) or not wanted
    of_gone = {guid for guid, conversation in of_chat.items() if conversation.other in gone}

    def leave_out(row: SourceMessage | SourceTapback) -> str | None:
        if gone and (row.chat_guid in of_gone or _sender(row, directory) in gone):
            return "forgotten"
        if excluded[row.chat_guid] or (exclude.people and _sender(row, directory) in exclude.people):
            return "excluded"
        if (after is not None and row.sent_at < after) or (before is not None and row.sent_at >= before):
            return "out_of_range"
        return None

    return leave_out


def _sender(row: SourceMessage | SourceTapback, directory: Directory) -> Person | None:
    if row.is_from_me:
        return directory.me
    return directory.person(row.sender_handle) if row.sender_handle else None


def _known_names(
    directory: Directory,
    of_chat: Mapping[str, Conversation],
    names: Mapping[Person, str],
    renamed: Mapping[str, str],
) -> dict[str, list[Person | Conversation]]:
    known: dict[str, list[Person | Conversation]] = {}
    for person in directory:
        corrected = (renamed[handle] for handle in person.handles if handle in renamed)
        for name in {names.get(person, ""), person.card_name, *person.handles, *corrected} - {""}:
            known.setdefault(name, []).append(person)
    for conversation in dict.fromkeys(of_chat.values()):
        for title in {chat.title for chat in conversation.chats if chat.title}:
            known.setdefault(title, []).append(conversation)
    return known


class _Lookup:
    """Finds what a name stands for: a person or a conversation, else a source."""

    def __init__(
        self,
        known: Mapping[str, list[Person | Conversation]],
        directory: Directory,
        elsewhere: Collection[str],
        notes: list[str],
    ) -> None:
        self._known = known
        self._normalize = directory.normalize
        self._elsewhere = {fold(name) for name in elsewhere}
        self._notes = notes
        self._folded: dict[str, list[Person | Conversation]] = {}
        for name, found in known.items():
            self._folded.setdefault(fold(name), []).extend(found)

    def find(self, wanted: Sequence[str]) -> _Chosen:
        """Return everything that has one of these names.

        Raises:
            UnknownNameError: nothing has a name.
        """
        people: set[Person] = set()
        conversations: set[Conversation] = set()
        sources: set[str] = set()
        for name in wanted:
            named = self._known.get(name) or self._folded.get(fold(name)) or self._known.get(self._normalize(name), [])
            source = source_called(name)
            if named and source:
                self._notes.append(f"{name!r} is taken as a person or conversation here, not as the source {source}.")
            elif source:
                sources.add(source)
            elif not named and fold(name) not in self._elsewhere:
                raise UnknownNameError(name, [*APPLICATIONS, *self._known], noun="person, conversation or source")
            people.update(one for one in named if isinstance(one, Person))
            conversations.update(one for one in named if isinstance(one, Conversation))
        return _Chosen(frozenset(people), frozenset(conversations), frozenset(sources))


def _midnight(day: dt.date, zone: ZoneInfo, *, days_later: int = 0) -> int:
    """Return when a day begins, or the day so many days later, in Unix milliseconds."""
    return at_hour(min(max(day, _FIRST_DAY), _LAST_DAY) + dt.timedelta(days=days_later), zone, 0)
