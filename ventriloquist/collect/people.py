"""Who is who: which handles are one person, what the person is called, and which of them is the owner.

Cards that share a number or an address are one person when their names do not contradict each other. Where they do,
as on a couple's landline, both stay, and the shared handle belongs to neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

from ventriloquist.collect.cards import card_name, compatible, fullness, words_of
from ventriloquist.collect.corrections import Corrections
from ventriloquist.collect.union_find import UnionFind
from ventriloquist.records import ContactCard

MAX_NAMES = 50  # that share a number before it says nothing of anybody: comparing them all takes their square


@dataclass(slots=True, eq=False)
class Person:
    """Somebody, before an id is given: the handles that are theirs, and the cards that were united."""

    handles: set[str] = field(default_factory=set)
    cards: list[ContactCard] = field(default_factory=list)
    is_me: bool = False

    @property
    def card_name(self) -> str:
        """What the fullest card says, empty without one."""
        return next((name for card in sorted(self.cards, key=fullness) if (name := card_name(card))), "")


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A handle on the cards of several people: it belongs to none of them."""

    handle: str
    names: tuple[str, ...]


class Directory:
    """Finds the person behind a handle. A handle on nobody's card is a person of its own."""

    def __init__(
        self, people: Iterable[Person], me: Person, ambiguous: Iterable[Ambiguous], normalize: Callable[[str], str]
    ) -> None:
        self.me = me
        self.ambiguous = tuple(ambiguous)
        self.normalize = normalize
        self._by_handle = {handle: person for person in people for handle in person.handles}
        self._by_raw: dict[str, Person] = {}

    def person(self, handle: str) -> Person:
        """Return the person behind a handle as a source has it."""
        found = self._by_raw.get(handle)
        if found is None:
            normalized = self.normalize(handle)
            found = self._by_handle.get(normalized)
            if found is None:
                found = self._by_handle[normalized] = Person({normalized})
            self._by_raw[handle] = found
        return found

    def unite(self, people: Sequence[Person]) -> None:
        """Make one person of several; the first one stays."""
        first = people[0]
        for person in people[1:]:
            first.cards += person.cards
            first.handles |= person.handles
        for handle in first.handles:
            self._by_handle[handle] = first
        self._by_raw.clear()

    def __iter__(self) -> Iterator[Person]:
        """Everybody who is known so far."""
        return iter(dict.fromkeys(self._by_handle.values()))


def build_directory(
    cards: Iterable[ContactCard],
    owner_handles: Iterable[str],
    owner_name: str | None,
    corrections: Corrections,
    normalize: Callable[[str], str],
) -> Directory:
    """Unite cards into people.

    Args:
        cards: of every address book.
        owner_handles: the owner's, normalised.
        owner_name: MY_NAME; consulted where no card is marked as the owner's.
    """
    cards = sorted(cards, key=lambda card: (card.folder, card.store, card.number))
    own = frozenset(owner_handles)
    parted = frozenset(map(normalize, corrections.part))
    entries = [
        _Entry("" if any(card.is_me for card in cards) else owner_name or "", own, None),
        *(_Entry(card_name(card), frozenset(map(normalize, card.identifiers)) - parted, card) for card in cards),
        *(_Entry("", frozenset(map(normalize, group)), None) for group in corrections.unite),
    ]
    having: dict[str, list[int]] = {}
    for place, entry in enumerate(entries):
        for handle in entry.handles:
            having.setdefault(handle, []).append(place)
    groups = _unite(entries, having, corrected_from=len(cards) + 1)

    people: dict[int, Person] = {}
    for place, entry in enumerate(entries):
        person = people.setdefault(groups.find(place), Person())
        if entry.card is not None:
            person.cards.append(entry.card)
    me = people[groups.find(0)]
    me.is_me = True
    ambiguous = []
    for handle, places in sorted(having.items()):
        owners = list(dict.fromkeys(people[groups.find(place)] for place in places))
        if handle in own:  # what Messages itself says of its owner is surer than anybody's card
            me.handles.add(handle)
        elif places[-1] > len(cards):  # a correction
            people[groups.find(places[-1])].handles.add(handle)
        elif len(owners) == 1:
            owners[0].handles.add(handle)
        else:
            ambiguous.append(Ambiguous(handle, tuple(sorted(person.card_name for person in owners))))
    return Directory(people.values(), me, ambiguous, normalize)


class _Entry(NamedTuple):
    """What handles go together by: a card, the owner (the first entry), or a correction (the last ones)."""

    name: str
    handles: frozenset[str]
    card: ContactCard | None


def _unite(entries: Sequence[_Entry], having: Mapping[str, list[int]], *, corrected_from: int) -> _Groups:
    """Bring together the entries of one person.

    Args:
        having: for each handle the entries that have it.
        corrected_from: where the corrections begin, which are not argued with.
    """
    groups = _Groups([entry.name for entry in entries])
    for place, entry in enumerate(entries):
        if entry.card is not None and entry.card.is_me:
            groups.unite(0, place)
    # The surest first, so that an empty name cannot bring together two people who are told apart by name.
    for handle in sorted(having):
        latest: dict[str, int] = {}
        for place in having[handle]:
            name = entries[place].name.casefold()
            if name:
                groups.unite_if_compatible(latest.get(name, place), place)
                latest[name] = place
    for only_named in (True, False):
        for handle in sorted(having):
            places = (place for place in having[handle] if entries[place].name or not only_named)
            people = dict.fromkeys(map(groups.find, places))
            if len(people) <= MAX_NAMES:
                for one, other in combinations(people, 2):
                    groups.unite_if_compatible(one, other)
    for place in range(corrected_from, len(entries)):
        for handle in entries[place].handles:
            others = {groups.find(other) for other in having[handle] if other < corrected_from}
            if len(others) == 1:  # on the cards of several people it stays theirs no more, and brings none of them
                groups.unite(others.pop(), place)
    return groups


class _Groups(UnionFind[int]):
    """Places that are one person, and the names that each person has."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self._names = {place: {words_of(name)} for place, name in enumerate(names)}

    def unite(self, one: int, other: int) -> None:
        root, joined = self.find(one), self.find(other)
        if root != joined:
            super().unite(root, joined)
            self._names[root] |= self._names.pop(joined)

    def unite_if_compatible(self, one: int, other: int) -> None:
        """Unite two people when no name of one contradicts a name of the other."""
        first, second = self._names[self.find(one)], self._names[self.find(other)]
        if all(compatible(name, another) for name in first for another in second):
            self.unite(one, other)
