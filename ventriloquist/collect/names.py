"""Ids and names of people. Both stay the same from one collect to the next whenever they can.

Names are unique, because transcripts need that. If several people have one name, the first seen has it bare, and the
others get " (2)", " (3)" …. A number that was given once stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from ventriloquist.collect.handles import one_line
from ventriloquist.collect.identity import Directory, Person
from ventriloquist.names import without_number
from ventriloquist.store.people import MessageKey, StoredIdentities
from ventriloquist.transcript import UNKNOWN

FirstSeen = tuple[MessageKey, MessageKey, str]
"""The first message of their conversations, their own first message, and a handle."""


class PeopleIds:
    """The id of each person: the one in the file, even if people were merged, split or renamed since, or a new one."""

    def __init__(self, stored: StoredIdentities, directory: Directory) -> None:
        self._directory = directory
        self.names = {person.id: person.name for person in stored.people}
        self.of: dict[Person, int] = {}
        self._last = max(self.names, default=0)
        self._new: list[tuple[int, bool]] = []
        if stored.me is not None:
            self.of[directory.me] = stored.me.id
        taken = set(self.of.values())
        claims: dict[int, dict[Person, int]] = {}
        for handle, person_id in stored.owner_of_handle.items():
            counts = claims.setdefault(person_id, {})
            person = directory.person(handle)
            counts[person] = counts.get(person, 0) + 1
        for person_id in sorted(claims.keys() - taken):
            heirs = sorted(
                (person for person in claims[person_id] if person not in self.of),
                # who still has the name, then who has most of the handles, then the first handle
                key=lambda person: (not self._has_name_of(person, person_id), -claims[person_id][person]),
            )
            if heirs:
                self.of[heirs[0]] = person_id

    def _has_name_of(self, person: Person, person_id: int) -> bool:
        name = self.names[person_id]
        return base_name(person, {}, name) in (name, without_number(name))

    def knows(self, handle: str) -> bool:
        """Tell whether the person behind a handle has an id."""
        return self._directory.person(handle) in self.of

    def current_names(self) -> dict[Person, str]:
        """Return the names that people have in the file."""
        return {person: self.names[id_] for person, id_ in self.of.items() if id_ in self.names}

    def get_or_create(self, person: Person) -> int:
        """Return a person's id. A new person gets the next one: insert the rows of `take_new` before it is used."""
        found = self.of.get(person)
        if found is None:
            self._last += 1
            found = self.of[person] = self._last
            self._new.append((found, person.is_me))
        return found

    def take_new(self) -> list[tuple[int, bool]]:
        """Return the ids created since the last call, and whether each is the owner's."""
        new, self._new = self._new, []
        return new


def base_name(person: Person, renamed: Mapping[str, str], current: str | None) -> str:
    """Return a person's name without a number: from a correction, else a card, else a handle.

    If the current name, the one in the file, is one of several handles, it stays.
    """
    for handle in sorted(person.handles):
        if handle in renamed:
            return one_line(renamed[handle])
    if person.card_name:
        return person.card_name
    if current in person.handles:
        return current
    return min(person.handles, key=lambda handle: (not handle.startswith("+"), handle))


def give_names(
    bases: Mapping[int, str],
    current: Mapping[int, str],
    owner: int,
    first_seen: Callable[[Collection[int]], Mapping[int, FirstSeen]],
) -> dict[int, str]:
    """Return the name of every person by id.

    Args:
        bases: each name without a number. The owner gets it as it is.
        current: the names in the file.
        first_seen: returns keys that sort people by when they were first seen. It is called once at most.
    """
    names = {owner: bases[owner]}
    taken = {bases[owner], UNKNOWN}
    rest = []
    for person in sorted(bases.keys() - {owner}):
        name = current.get(person)
        if name is not None and name not in taken and bases[person] in (name, without_number(name)):
            names[person] = name
            taken.add(name)
        else:
            rest.append(person)
    wanted: dict[str, list[int]] = {}
    for person in rest:
        wanted.setdefault(bases[person], []).append(person)
    crowded = [person for people in wanted.values() if len(people) > 1 for person in people]
    seen = first_seen(crowded) if crowded else {}
    wanted = {
        base: sorted(people, key=seen.__getitem__) if len(people) > 1 else people for base, people in wanted.items()
    }
    for base, people in wanted.items():  # bare names first: somebody's own may end in a number
        if base not in taken:
            names[people[0]] = base
            taken.add(base)
    for base, people in wanted.items():
        number = 1
        for person in people:
            while person not in names:
                number += 1
                if (numbered := f"{base} ({number})") not in taken:
                    names[person] = numbered
                    taken.add(numbered)
    return names
