"""Who is meant, and where they are named: as collect reads names and handles, whatever their case and formatting."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

import phonenumbers

from ventriloquist.collect.handles import normalize, region_of
from ventriloquist.collect.identity import card_name
from ventriloquist.errors import SHOWN, UnknownNameError, VentriloquistError
from ventriloquist.names import APOSTROPHES, HYPHENS, fold
from ventriloquist.records import ContactCard
from ventriloquist.store import Connection

SCRUBBED = "[forgotten]"
_BETWEEN_DIGITS = r"[\s().\-/\u00a0\u2010-\u2015\u200b-\u200f\u202a-\u202e]*"
_PATH = re.compile(r"[~/\\]|[A-Za-z]:[\\/]")  # how a path begins


def find_person(db: Connection, name: str) -> tuple[int, str, bool]:
    """Return a person's id, their name, and whether it is the owner, by a name, a card's name or a handle.

    Raises:
        UnknownNameError: nobody is called so.
        VentriloquistError: several people are.
    """
    people = {id: (id, known, bool(is_me)) for id, known, is_me in db.execute("SELECT id, name, is_me FROM people")}
    handles = db.execute("SELECT handle, person_id FROM handles").fetchall()
    cards = [(called, id) for id, called in _card_names(db)]
    names = [(known, id) for id, known, _ in people.values()]
    normalized = {normalize(name, region) for region in (*_regions(db), None)}
    folded = fold(name)
    for found in (
        {id for known, id in names if known == name},
        {id for known, id in names if fold(known) == folded},
        {id for handle, id in handles if handle in normalized or fold(handle) == folded},
        {id for called, id in cards if fold(called) == folded},
    ):
        if len(found) == 1:
            return people[found.pop()]
        if found:
            known_by = {id: [handle for handle, owner in handles if owner == id] for id in found}
            listed = [f"{people[id][1]!r} ({', '.join(known_by[id]) or 'no handle'})" for id in sorted(found)]
            raise VentriloquistError(
                f"Several people are called {name!r}: {', '.join(listed[:SHOWN])}.",
                hint="Name one of them as it is written here, or by a number or address of theirs.",
            )
    raise UnknownNameError(name, [known for _, known, is_me in people.values() if not is_me])


def name_test(db: Connection, names: Iterable[str], handles: Iterable[str]) -> Callable[[str], bool]:
    """Return a function that tells whether a text is a person's name or a handle of theirs, however it is written."""
    folded = {fold(known) for known in (*names, *handles)}
    theirs = frozenset(handles)
    regions = (*_regions(db), None)

    def is_theirs(text: str) -> bool:
        return fold(text) in folded or any(normalize(text, region) in theirs for region in regions)

    return is_theirs


def scrub_runs(db: Connection, names: Iterable[str], handles: Iterable[str]) -> None:
    """Take names and handles out of what was asked of earlier runs, and of what came of them."""
    names, handles = list(names), list(handles)
    is_theirs = name_test(db, names, handles)
    exact = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in (*names, *handles)))
    loose = re.compile("|".join([*map(_name_pattern, names), *map(_handle_pattern, handles)]), re.IGNORECASE)

    def scrub_text(text: str) -> str:
        if is_theirs(text):
            return SCRUBBED
        if _PATH.match(text):  # of a folder that is looked for later: a part of it is not a name in another case
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

    for id, *texts in db.execute("SELECT id, parameters, result FROM runs").fetchall():
        scrubbed = [None if text is None else json.dumps(scrub(json.loads(text)), ensure_ascii=False) for text in texts]
        if scrubbed != texts:
            db.execute("UPDATE runs SET parameters = ?, result = ? WHERE id = ?", (*scrubbed, id))


def names_of(db: Connection, person_id: int, name: str) -> list[str]:
    """Return what a person is called, and what their cards call them."""
    return [name, *(called for id, called in _card_names(db) if id == person_id)]


def _card_names(db: Connection) -> list[tuple[int, str]]:
    cards = db.execute(
        "SELECT person_id, first, last, nickname, organization FROM cards WHERE person_id IS NOT NULL"
    ).fetchall()
    named = [
        (id, card_name(ContactCard("", "", 0, first, last, nickname, organization, (), is_me=False)))
        for id, first, last, nickname, organization in cards
    ]
    return [(id, called) for id, called in named if called]


def _regions(db: Connection) -> list[str]:
    """Return the countries whose numbers may be written without a country code: the owner's, and that of most."""
    rows = db.execute("SELECT handle, is_me FROM handles JOIN people ON id = person_id").fetchall()
    own, everybodys = region_of(handle for handle, is_me in rows if is_me), region_of(handle for handle, _ in rows)
    return [region for region in dict.fromkeys((own, everybodys)) if region]


def _name_pattern(name: str) -> str:
    """Return a pattern for a name within a text: its words, in any case, with any apostrophe and hyphen."""
    alike = {char: f"[{re.escape(kind)}]" for kind in (APOSTROPHES, HYPHENS) for char in kind}
    words = ("".join(alike.get(char, re.escape(char)) for char in word) for word in _composed(name).split())
    return r"(?<!\w)" + r"\s+".join(words) + r"(?!\w)"


def _handle_pattern(handle: str) -> str:
    """Return a pattern for a handle within a text: a number with or without its country code, however it is spaced."""
    if not handle.startswith("+"):
        return _name_pattern(handle)
    try:
        number = phonenumbers.parse(handle)
    except phonenumbers.NumberParseException:
        return _name_pattern(handle)
    national = _BETWEEN_DIGITS.join(phonenumbers.national_significant_number(number))
    return rf"(?<![\w+])(?:(?:(?:\+|00)?{number.country_code}|0){_BETWEEN_DIGITS}|\(?){national}(?!\d)"


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
