"""What each person is called: unique, as transcripts need it, and never changed without need.

Of several people with one name the first seen keeps it bare and later ones get " (2)", " (3)" …; who has a number
keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from ventriloquist.collect.cards import fold
from ventriloquist.collect.first_seen import FirstSeen
from ventriloquist.collect.people import Person
from ventriloquist.transcript import UNKNOWN

_NUMBERED = re.compile(r" \((\d+)\)$")


def base_name(person: Person, renamed: Mapping[str, str], current: str | None) -> str:
    """Return what a person is called but for the number: a correction, a card, else a handle.

    Args:
        renamed: corrections, by normalised handle.
        current: the name the person has so far; of several handles it stays the one.
    """
    for handle in sorted(person.handles):
        if handle in renamed:
            return fold(renamed[handle])
    if person.card_name:
        return person.card_name
    if current in person.handles:
        return current
    return min(person.handles, key=lambda handle: (not handle.startswith("+"), handle))


def without_number(name: str) -> str:
    """Return a name without the number that tells it from its like."""
    return _NUMBERED.sub("", name)


def give_names(
    bases: Mapping[int, str],
    current: Mapping[int, str],
    owner: int,
    first_seen: Callable[[Collection[int]], Mapping[int, FirstSeen]],
) -> dict[int, str]:
    """Return the name of every person by id.

    Args:
        bases: what each is called but for the number; the owner's is taken as it is.
        current: the names they have so far.
        owner: the owner's id.
        first_seen: returns keys that order people by when they were first seen; asked once, of those who are new.
    """
    names = {owner: bases[owner]}
    taken = {bases[owner], UNKNOWN}
    rest = []
    for person in sorted(bases):
        name = current.get(person)
        if person == owner:
            continue
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
