"""What a source itself says of whose a handle is: it unites people where no card, correction or owner contradicts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from itertools import combinations

from ventriloquist.collect.cards import card_name, compatible, words_of
from ventriloquist.collect.evidence import Evidence
from ventriloquist.collect.people import Directory, Person
from ventriloquist.collect.union_find import UnionFind

MAX_HANDLES = 8  # of one person; what more of them share is a default, not a person
_NOBODY = {"null", "nil", "none", "nan", "undefined", "unknown", "default"}


def unite_by_hints(directory: Directory, evidence: Evidence, parted: Collection[str]) -> list[tuple[str, ...]]:
    """Unite the people whose handles the source takes for one person's.

    Args:
        parted: handles that a correction keeps apart.

    Returns:
        The handles that each such person was united by, normalised.
    """
    alike: UnionFind[Person] = UnionFind()
    found: list[tuple[Person, list[str]]] = []
    kept_apart = {*parted, *(one.handle for one in directory.ambiguous)}
    for hinted in _hinted(evidence, directory.normalize):
        handles = [handle for handle in hinted if handle not in kept_apart]
        if 1 < len(handles) <= MAX_HANDLES:
            first, *rest = map(directory.person, handles)
            for person in rest:
                alike.unite(first, person)
            found.append((first, handles))
    together: dict[Person, dict[str, None]] = {}
    for person, handles in found:  # several hints may meet in a person
        together.setdefault(alike.find(person), {}).update(dict.fromkeys(handles))
    return [tuple(sorted(handles)) for handles in together.values() if _unite(directory, handles)]


def _hinted(evidence: Evidence, normalize: Callable[[str], str]) -> Iterable[Mapping[str, None]]:
    """Return sets of handles, normalised, each of which the source takes for one person's."""
    found: dict[Hashable, dict[str, None]] = {}
    for hint, handle in evidence.person_hints:
        if _says_something(hint):
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


def _says_something(hint: str) -> bool:
    """Tell whether a hint can be anybody's: some programs write a word or zeros where there is none."""
    word = "".join(filter(str.isalnum, hint)).casefold()
    return word not in _NOBODY and bool(word.strip("0")) and hint != "-1"


def _unite(directory: Directory, handles: Collection[str]) -> bool:
    """Make one person of whoever has these handles, unless one is the owner or their cards name several people."""
    if len(handles) > MAX_HANDLES:
        return False
    people = list(dict.fromkeys(map(directory.person, handles)))
    names = {words_of(card_name(card)) for person in people for card in person.cards}
    if len(people) < 2 or directory.me in people:
        return False
    if not all(compatible(one, other) for one, other in combinations(names, 2)):
        return False
    directory.unite(people)
    return True
