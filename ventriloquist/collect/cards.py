"""What a card calls somebody, and whether two names can be one person's."""

from __future__ import annotations

from ventriloquist.records import ContactCard
from ventriloquist.transcript import well_formed


def card_name(card: ContactCard) -> str:
    """Return first and last name, else the nickname, else the organization, else nothing."""
    return fold(f"{card.first} {card.last}") or fold(card.nickname) or fold(card.organization)


def fullness(card: ContactCard) -> tuple[int, str, str, int]:
    """Return a key that orders cards by how well they name somebody, best first."""
    full_name = (bool(fold(card.first)), bool(fold(card.last)))
    if any(full_name):
        rank = 0 if all(full_name) else 1
    elif fold(card.nickname):
        rank = 2
    else:
        rank = 3 if fold(card.organization) else 4
    return rank, card.folder, card.store, card.number


def words_of(name: str) -> frozenset[str]:
    """Return the words of a name, whatever their case."""
    return frozenset(name.casefold().split())


def compatible(one: frozenset[str], other: frozenset[str]) -> bool:
    """Tell whether two names, as words, can be one person's: one is empty, or all of it is in the other."""
    return one <= other or other <= one


def fold(name: str) -> str:
    """Put a name on one line, single-spaced, without NUL, which begins our own placeholders."""
    return " ".join(well_formed(name).replace("\x00", "").split())
