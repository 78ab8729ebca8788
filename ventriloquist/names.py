"""Looking up a name that somebody typed: in any case, with any kind of apostrophe, quote, hyphen and accent."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ventriloquist.errors import UnknownNameError
from ventriloquist.records import APPLICATIONS
from ventriloquist.spelling import fold

__all__ = ["find_name", "fold", "source_called", "without_number"]

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


def source_called(name: str) -> str:
    """Return the source with a name, a key of records.APPLICATIONS; empty if there is none."""
    wanted = fold(name)
    return next((key for key, label in APPLICATIONS.items() if wanted in (key, fold(label))), "")
