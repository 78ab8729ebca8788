"""Looking up a name that somebody typed: in any case, with any kind of apostrophe, quote, hyphen and accent."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ventriloquist.errors import UnknownNameError
from ventriloquist.records import APPLICATIONS
from ventriloquist.spelling import fold

__all__ = ["find_conversations", "find_name", "fold", "source_called", "without_number"]

NUMBERED = re.compile(r" \((\d+)\)$")


def without_number(name: str) -> str:
    """Return a name without the number that sets it apart from equal names."""
    return NUMBERED.sub("", name)


def find_name(name: str, known: Iterable[str], *, noun: str = "person") -> str:
    """Return the known name that was typed: an exact match, else the only one that folds alike.

    Raises:
        UnknownNameError: no known name folds alike, or several do.
    """
    known = list(known)
    if name in known:
        return name
    alike = [candidate for candidate in known if fold(candidate) == fold(name)]
    if len(alike) != 1:
        raise UnknownNameError(name, known, noun=noun)
    return alike[0]


def find_conversations(typed: str, known: Iterable[tuple[int, Iterable[str | None]]]) -> list[int]:
    """Return the numbers of the conversations that were typed: by number, by a group's title, or by the other person.

    Args:
        known: the number of each conversation, and what it can be called.

    Raises:
        UnknownNameError: none is called so.
    """
    called: dict[str, list[int]] = {}
    for number, labels in known:
        if typed == str(number):
            return [number]
        for label in dict.fromkeys(filter(None, labels)):
            called.setdefault(label, []).append(number)
    return called[find_name(typed, called, noun="conversation")]


def source_called(name: str) -> str:
    """Return the source with a name, a key of records.APPLICATIONS; empty if there is none."""
    wanted = fold(name)
    return next((key for key, label in APPLICATIONS.items() if wanted in (key, fold(label))), "")
