"""Who is who: which cards and handles are one person's, who the owner is, and what cards call people.

Cards that share a number or an address are one person's if their names do not contradict each other. If they do, as
with a couple's landline, both people stay, and the shared handle belongs to neither. What an application calls
somebody, such as a name in WhatsApp, contradicts nothing: it only names people who have no card in an address book.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Generic, NamedTuple, TypeVar

from ventriloquist.collect.corrections import Corrections
from ventriloquist.collect.handles import one_line, region_of
from ventriloquist.errors import SettingsError
from ventriloquist.records import APPLICATIONS, ContactCard
from ventriloquist.store.people import Evidence
from ventriloquist.transcript import UNKNOWN

MAX_NAMES = 50  # on cards with one number; with more, the number says nothing, and comparing all pairs takes long
MAX_HANDLES = 8  # of one person; a hint that more handles share is a default value
_NOBODY = {"null", "nil", "none", "nan", "undefined", "unknown", "default"}

Item = TypeVar("Item", bound=Hashable)


class UnionFind(Generic[Item]):
    """Sets of items. An item that was never merged is a set by itself."""

    def __init__(self) -> None:
        self._parent: dict[Item, Item] = {}

    def find(self, item: Item) -> Item:
        """Return the item that stands for the whole set."""
        root = item
        while (parent := self._parent.get(root, root)) != root:
            root = parent
        while item != root:  # so that the next look-up takes one step
            self._parent[item], item = root, self._parent[item]
        return root

    def merge(self, one: Item, other: Item) -> None:
        """Make one set of two; the first one's root stands for both."""
        root, joined = self.find(one), self.find(other)
        if root != joined:
            self._parent[joined] = root


def card_name(card: ContactCard) -> str:
    """Return first and last name, else the nickname, else the organization, else an empty string."""
    return one_line(f"{card.first} {card.last}") or one_line(card.nickname) or one_line(card.organization)


def is_from_application(card: ContactCard) -> bool:
    """Tell whether an application's export names somebody so, and no address book."""
    return card.folder in APPLICATIONS


def fullness(card: ContactCard) -> tuple[bool, int, str, str, int]:
    """Return a key that sorts cards by how well they name somebody, best first; those of address books come first."""
    full_name = (bool(one_line(card.first)), bool(one_line(card.last)))
    if any(full_name):
        rank = 0 if all(full_name) else 1
    elif one_line(card.nickname):
        rank = 2
    else:
        rank = 3 if one_line(card.organization) else 4
    return is_from_application(card), rank, card.folder, card.store, card.number


def words_of(name: str) -> frozenset[str]:
    """Return the words of a name, whatever their case."""
    return frozenset(name.casefold().split())


def compatible(one: frozenset[str], other: frozenset[str]) -> bool:
    """Tell whether two names, as words, can be one person's: one holds all words of the other."""
    return one <= other or other <= one


@dataclass(slots=True, eq=False)
class Person:
    """Somebody who may have no id yet: their handles, and the cards that were merged."""

    handles: set[str] = field(default_factory=set)
    cards: list[ContactCard] = field(default_factory=list)
    is_me: bool = False

    @property
    def card_name(self) -> str:
        """The name on the fullest card, empty without a card."""
        return next((name for card in sorted(self.cards, key=fullness) if (name := card_name(card))), "")


class Directory:
    """Finds the person behind a handle. A handle without a card is a person of its own."""

    def __init__(
        self,
        people: Iterable[Person],
        me: Person,
        ambiguous: Mapping[str, Sequence[str]],
        normalize: Callable[[str], str],
    ) -> None:
        self.me = me
        self.ambiguous = ambiguous  # handles on the cards of several people, with their names: they belong to nobody
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

    def merge(self, people: Sequence[Person]) -> None:
        """Make one person of several; the first one stays."""
        first = people[0]
        for person in people[1:]:
            first.cards += person.cards
            first.handles |= person.handles
        for handle in first.handles:
            self._by_handle[handle] = first
        self._by_raw.clear()

    def __iter__(self) -> Iterator[Person]:
        """Return everybody who is known so far."""
        return iter(dict.fromkeys(self._by_handle.values()))


def build_directory(
    cards: Iterable[ContactCard],
    owner_handles: Iterable[str],
    owner_name: str | None,
    corrections: Corrections,
    normalize: Callable[[str], str],
) -> Directory:
    """Merge the cards of all address books into people.

    The owner's handles are normalised. The owner's name is MY_NAME, or the one that is stored, used if no card with a
    name is marked as theirs.
    """
    cards = sorted(cards, key=lambda card: (card.folder, card.store, card.number))
    own = frozenset(owner_handles)
    split = frozenset(map(normalize, corrections.handles_to_split))
    entries = [
        _Entry(
            ""
            if any(card.is_me and card_name(card) and not is_from_application(card) for card in cards)
            else owner_name or "",
            own,
            None,
        ),
        *(_entry(card, frozenset(map(normalize, card.identifiers)), split) for card in cards),
        *(_Entry("", frozenset(map(normalize, group)), None) for group in corrections.handles_to_merge),
    ]
    having: dict[str, list[int]] = {}
    for place, entry in enumerate(entries):
        for handle in entry.handles:
            having.setdefault(handle, []).append(place)
    groups = _merge_entries(entries, having, corrected_from=len(cards) + 1)

    people: dict[int, Person] = {}
    for place, entry in enumerate(entries):
        person = people.setdefault(groups.find(place), Person())
        if entry.card is not None:
            person.cards.append(entry.card)
    me = people[groups.find(0)]
    me.is_me = True
    ambiguous: dict[str, tuple[str, ...]] = {}
    for handle, places in sorted(having.items()):
        owners = list(dict.fromkeys(people[groups.find(place)] for place in places))
        if handle in own:  # what Messages says about its owner is surer than a card
            me.handles.add(handle)
        elif places[-1] > len(cards):  # a correction
            people[groups.find(places[-1])].handles.add(handle)
        elif len(owners) == 1:
            owners[0].handles.add(handle)
        else:
            ambiguous[handle] = tuple(sorted(person.card_name for person in owners))
    return Directory(people.values(), me, ambiguous, normalize)


class _Entry(NamedTuple):
    """Handles of one person: the owner's (the first entry), a card's, or a correction's (the last entries)."""

    name: str
    handles: frozenset[str]
    card: ContactCard | None


def _entry(card: ContactCard, handles: frozenset[str], split: frozenset[str]) -> _Entry:
    if is_from_application(card):  # it names one handle, whoever that belongs to
        return _Entry("", handles, card)
    return _Entry(card_name(card), handles - split, card)


def _merge_entries(entries: Sequence[_Entry], having: Mapping[str, list[int]], *, corrected_from: int) -> _Groups:
    """Group the entries by person.

    Args:
        having: for each handle the entries that have it.
        corrected_from: the first correction among the entries. A correction needs no names that fit.
    """
    groups = _Groups([entry.name for entry in entries])
    for place, entry in enumerate(entries):
        if entry.card is not None and entry.card.is_me:
            groups.merge(0, place)
    # The surest first, so that an empty name cannot merge two people whose names differ.
    for handle in sorted(having):
        latest: dict[str, int] = {}
        for place in having[handle]:
            name = entries[place].name.casefold()
            if name:
                groups.merge_if_compatible(latest.get(name, place), place)
                latest[name] = place
    for only_named in (True, False):
        for handle in sorted(having):
            places = (place for place in having[handle] if entries[place].name or not only_named)
            people = dict.fromkeys(map(groups.find, places))
            if len(people) <= MAX_NAMES:
                for one, other in combinations(people, 2):
                    groups.merge_if_compatible(one, other)
    _merge_corrected(groups, entries, having, corrected_from)
    return groups


def _merge_corrected(
    groups: _Groups, entries: Sequence[_Entry], having: Mapping[str, list[int]], corrected_from: int
) -> None:
    """Merge each correction with those that share a handle with it, and with the person on whose cards a handle is."""
    handles = [(place, handle) for place in range(corrected_from, len(entries)) for handle in entries[place].handles]
    for place, handle in handles:
        for other in having[handle]:
            if other >= corrected_from:
                groups.merge(other, place)
    for place, handle in handles:
        others = {groups.find(other) for other in having[handle] if other < corrected_from}
        if len(others) == 1:  # on several people's cards it merges none of them: only the handle moves
            groups.merge(others.pop(), place)


class _Groups(UnionFind[int]):
    """Entries by person, as places in their list, and the names that each person has."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self._names = {place: {words_of(name)} for place, name in enumerate(names)}

    def merge(self, one: int, other: int) -> None:
        root, joined = self.find(one), self.find(other)
        if root != joined:
            super().merge(root, joined)
            self._names[root] |= self._names.pop(joined)

    def merge_if_compatible(self, one: int, other: int) -> None:
        """Merge two people if no name of one contradicts a name of the other."""
        first, second = self._names[self.find(one)], self._names[self.find(other)]
        if all(compatible(name, another) for name in first for another in second):
            self.merge(one, other)


def merge_by_hints(directory: Directory, evidence: Evidence, split: Collection[str]) -> list[tuple[str, ...]]:
    """Merge people whose handles the source takes for one person's, unless a card, correction or owner contradicts.

    Returns:
        For each such person the handles by which they were merged, normalised. None is in `split`.
    """
    alike: UnionFind[Person] = UnionFind()
    found: list[tuple[Person, list[str]]] = []
    kept_apart = {*split, *directory.ambiguous}
    for hinted in _hinted(evidence, directory.normalize):
        handles = [handle for handle in hinted if handle not in kept_apart]
        if 1 < len(handles) <= MAX_HANDLES:
            first, *rest = map(directory.person, handles)
            for person in rest:
                alike.merge(first, person)
            found.append((first, handles))
    together: dict[Person, dict[str, None]] = {}
    for person, handles in found:  # several hints may meet in a person
        together.setdefault(alike.find(person), {}).update(dict.fromkeys(handles))
    return [tuple(sorted(handles)) for handles in together.values() if _merge_people(directory, handles)]


def _hinted(evidence: Evidence, normalize: Callable[[str], str]) -> Iterable[Mapping[str, None]]:
    """Return sets of normalised handles. The source takes each set for one person's."""
    found: dict[Hashable, dict[str, None]] = {}
    for hint, handle in evidence.person_hints:
        if _is_specific(hint):
            found.setdefault(("person", hint), {})[normalize(handle)] = None
    one_to_one = [chat for chat in evidence.chats.values() if chat.type == "dm" and chat.lookups and chat.handles]
    known = set(map(normalize, evidence.handles)) if one_to_one else set()
    for chat in one_to_one:
        for identifier in chat.lookups:
            handles = found.setdefault(("chat", identifier), {})
            handles[normalize(chat.handles[0])] = None
            address = normalize(identifier.rpartition(";")[2].removeprefix("tel:").removeprefix("mailto:"))
            if address in known:
                handles[address] = None
    return found.values()


def _is_specific(hint: str) -> bool:
    """Tell whether a hint can name a person: some programs write a word or zeros if they have none."""
    word = "".join(filter(str.isalnum, hint)).casefold()
    return word not in _NOBODY and bool(word.strip("0")) and hint != "-1"


def _merge_people(directory: Directory, handles: Collection[str]) -> bool:
    """Merge the people with these handles, unless one is the owner or their cards name several people."""
    people = list(dict.fromkeys(map(directory.person, handles)))
    cards = [card for person in people for card in person.cards if not is_from_application(card)]
    names = {words_of(card_name(card)) for card in cards}
    if len(handles) > MAX_HANDLES or len(people) < 2 or directory.me in people:
        return False
    if not all(compatible(one, other) for one, other in combinations(names, 2)):
        return False
    directory.merge(people)
    return True


def owner_name(my_name: str | None, cards: Iterable[ContactCard], stored: str | None) -> str:
    """Return the owner's name: MY_NAME, else the name on the owner's card, else the name in the file.

    What an application calls the owner counts last, so that a second application does not rename them.

    Raises:
        SettingsError: there is none of these, or it is the name for unknown senders.
    """
    marked = sorted((card for card in cards if card.is_me and card_name(card)), key=fullness)
    on_card, in_application = (
        next((card_name(card) for card in marked if is_from_application(card) is of_application), "")
        for of_application in (False, True)
    )
    name = one_line(my_name or "") or on_card or one_line(stored or "") or in_application
    if not name:
        raise SettingsError(
            "Your own name is not known: MY_NAME is not set, and no contact card is marked as yours.",
            hint="Set MY_NAME, in .env or as in: MY_NAME='Your Name' vq collect. "
            "Or name the AddressBook folder that has your card: --contacts DIR.",
        )
    if name == UNKNOWN:
        raise SettingsError(
            f"You cannot be called {UNKNOWN!r}: that is the name of unknown senders.",
            hint="Set MY_NAME, in .env or as in: MY_NAME='Your Name' vq collect",
        )
    return name


def region(
    user_identifiers: Sequence[str],
    owner_identifiers: Mapping[str, int],
    cards: Iterable[ContactCard],
    handles: Iterable[str],
) -> str | None:
    """Return the region for numbers without a country code: the owner's number's, else that of most numbers."""
    most_seen = sorted(owner_identifiers, key=lambda identifier: (-owner_identifiers[identifier], identifier))
    own_cards = [identifier for card in cards if card.is_me for identifier in card.identifiers]
    for number in (*user_identifiers, *most_seen, *own_cards):
        found = region_of([number])
        if found is not None:
            return found
    return region_of(handles)
