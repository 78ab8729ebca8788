"""The person to forget: finding them by what was typed, and recognising their names and handles in any text."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import phonenumbers

from ventriloquist.collect.handles import normalize, region_of
from ventriloquist.errors import SHOWN, UnknownNameError, VentriloquistError
from ventriloquist.names import fold
from ventriloquist.paths import found_path
from ventriloquist.spelling import HYPHENS, name_pattern
from ventriloquist.store import Connection, people

SCRUBBED = "[forgotten]"
_BETWEEN_DIGITS = rf"[\s().{re.escape(HYPHENS)}/\u00a0\u200b-\u200f\u202a-\u202e]*"
_PATH = re.compile(r"[~/\\]|[A-Za-z]:[\\/]")  # how a path begins, unless it is inside VQ_HOME


@dataclass(frozen=True, slots=True)
class Person:
    """A person, and everything they can be recognised by."""

    id: int
    name: str
    is_me: bool
    handles: tuple[str, ...]  # normalised
    names: tuple[str, ...]  # the name, and what their cards call them
    folded: frozenset[str]  # names and handles
    region: str | None  # the owner's country
    regions: tuple[str | None, ...]  # countries whose numbers may be written without a country code

    def is_called(self, text: str) -> bool:
        """Tell whether a text is one of their names or handles, however it is written."""
        return fold(text) in self.folded or any(normalize(text, region) in self.handles for region in self.regions)


def find_person(db: Connection, typed: str) -> Person:
    """Find a person by their name, by what a card calls them, or by a handle, in any case and formatting.

    Raises:
        UnknownNameError: nobody has this name or handle.
        VentriloquistError: several people have it.
    """
    everybody = people.people_with_handles(db)
    cards = people.names_on_cards(db)
    own = region_of(handle for person in everybody if person.is_me for handle in person.handles)
    most = region_of(handle for person in everybody for handle in person.handles)
    regions = (*filter(None, dict.fromkeys((own, most))), None)
    normalized = {normalize(typed, region) for region in regions}
    wanted = fold(typed)
    ways: tuple[Callable[[people.PersonRow], bool], ...] = (
        lambda person: person.name == typed,
        lambda person: fold(person.name) == wanted,
        lambda person: any(handle in normalized or fold(handle) == wanted for handle in person.handles),
        lambda person: any(fold(name) == wanted for name in cards.get(person.id, ())),
    )
    found = next(filter(None, ([*filter(way, everybody)] for way in ways)), [])
    if not found:
        raise UnknownNameError(typed, [person.name for person in everybody if not person.is_me])
    if len(found) > 1:
        found.sort(key=lambda person: person.id)
        listed = [f"{person.name!r} ({', '.join(person.handles) or 'no handle'})" for person in found[:SHOWN]]
        raise VentriloquistError(
            f"Several people are called {typed!r}: {', '.join(listed)}.",
            hint="Name one of them as it is written here, or by a number or address of theirs.",
        )
    id, name, is_me, handles, _ = found[0]
    names = (name, *cards.get(id, ()))
    folded = frozenset(map(fold, (*names, *handles)))
    return Person(id, name, is_me, tuple(handles), names, folded, own, regions)


def scrubber(person: Person, home: Path) -> Callable[[Any], Any]:
    """Return a function that takes a person's names and handles out of a value that JSON can hold.

    A path stays as it is while something is there, because a later forget must find it. From the path of something
    that is gone, only names with this exact spelling are taken.
    """
    known = (*person.names, *person.handles)
    exact = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in known))
    patterns = (*map(name_pattern, person.names), *map(_handle_pattern, person.handles))
    loose = re.compile("|".join(patterns), re.IGNORECASE)

    def scrub_text(text: str) -> str:
        if person.is_called(text):
            return SCRUBBED
        if ("/" in text or os.sep in text) and os.path.exists(found_path(text, home)):  # noqa: PTH110
            return text
        if _PATH.match(text):
            return exact.sub(SCRUBBED, text)
        composed = unicodedata.normalize("NFC", text)
        return loose.sub(SCRUBBED, composed) if loose.search(composed) else text

    def scrub(value: Any) -> Any:
        if isinstance(value, str):
            return scrub_text(value)
        if isinstance(value, list):
            return [scrub(item) for item in value]
        if isinstance(value, dict):
            return {scrub_text(key): scrub(item) for key, item in value.items()}
        return value

    return scrub


def _handle_pattern(handle: str) -> str:
    """Return a pattern for a handle within a text: a number with or without its country code, however it is spaced."""
    if not handle.startswith("+"):
        return name_pattern(handle)
    try:
        number = phonenumbers.parse(handle)
    except phonenumbers.NumberParseException:
        return name_pattern(handle)
    national = _BETWEEN_DIGITS.join(phonenumbers.national_significant_number(number))
    return rf"(?<![\w+])(?:(?:(?:\+|00)?{number.country_code}|0){_BETWEEN_DIGITS}|\(?){national}(?!\d)"
