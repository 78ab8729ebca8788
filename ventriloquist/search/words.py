"""Words: how a text is split for the index, how a query is read, and where a text has what was searched for.

The index only narrows the search. `Query.spans` decides, so that punctuation counts as it was typed.

A word is found at its beginning: `tomorrow` is found by `tom`. A phrase in quotes is found as whole words. Case,
accents, kinds of apostrophes, skin tones and invisible characters do not matter. Characters of scripts that are written
without spaces, and emoji, are words of their own, so that `東京` is found within a sentence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ventriloquist.spelling import APOSTROPHES, HYPHENS, QUOTES
from ventriloquist.transcript import well_formed

VERSION = f"1, Unicode {unicodedata.unidata_version}"  # an index with another one is made anew

MAX_PARTS = 32  # words of a query that the index is asked for
MAX_CHARACTERS = 1000  # of each

Span = tuple[int, int]
"""[begin, end) in characters (Unicode code points) of a text."""

Kind = Literal["letter", "alone", "space", "mark", "nothing"]

# scripts that are written without spaces between words
_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x1950, 0x19DF), (0x1A20, 0x1AAF), (0x2E80, 0x2FDF),
    (0x3005, 0x3007), (0x3021, 0x3029), (0x3031, 0x303C), (0x3040, 0x312F), (0x31A0, 0x31BF), (0x31F0, 0x31FF),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF), (0x1AFF0, 0x1B16F),
    (0x20000, 0x3FFFF),
)  # fmt: skip
_ALIKE = {ord(char): kind for kind, chars in (("'", APOSTROPHES), ("-", HYPHENS), ('"', QUOTES)) for char in chars}
_TERM = re.compile(r'(?<!\S)"([^"]*)"(?!\S)|(\S+)')


def _kind(char: str) -> Kind:
    code, category, combining = ord(char), unicodedata.category(char), unicodedata.combining(char)
    if category in ("Cf", "Me") or 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF or 0x1F3FB <= code <= 0x1F3FF:
        return "nothing"  # invisible, or it only changes how an emoji is drawn
    if category == "Mn" and (combining == 8 or 10 <= combining <= 36 or combining >= 200):
        return "nothing"  # an accent. Marks of other classes are letters: they tell words of Hindi or Thai apart
    if category[0] == "Z" or category == "Cc":
        return "space"
    if any(first <= code <= last for first, last in _UNSPACED) or category in ("So", "Co", "Cn"):
        return "alone"
    return "letter" if category[0] in "LNM" else "mark"


class _Table(dict[int, str]):
    """What `str.translate` puts in place of each character, worked out when it first occurs."""

    def __init__(self, *, for_index: bool) -> None:
        super().__init__()
        self._for_index = for_index

    def __missing__(self, code: int) -> str:
        plain = unicodedata.normalize("NFKD", _ALIKE.get(code, chr(code))).casefold()
        found = self[code] = "".join(map(self._shown, unicodedata.normalize("NFKD", plain)))
        return found

    def _shown(self, char: str) -> str:
        kind = _kind(char)
        if kind == "nothing":
            return ""
        if kind == "space" or (self._for_index and kind == "mark"):
            return " "
        return f" {char} " if self._for_index and kind == "alone" else char


_FOLDED, _INDEXED = _Table(for_index=False), _Table(for_index=True)
_IS_LETTER: dict[str, bool] = {}


def index_words(text: str) -> str:
    """Return the words of a text for the index, separated by spaces."""
    return text.translate(_INDEXED)


@dataclass(frozen=True, slots=True)
class Term:
    """A word or a phrase to search for, folded."""

    text: str
    is_phrase: bool

    def places(self, folded: str) -> Iterator[int]:
        """Yield where a folded text has it."""
        length, at = len(self.text), folded.find(self.text)
        while at >= 0:
            end = at + length
            if not _within_word(folded, at) and not (self.is_phrase and _within_word(folded, end)):
                yield at
            at = folded.find(self.text, at + 1)


@dataclass(frozen=True, slots=True)
class Query:
    """What to search for: a text has to have all of the terms."""

    terms: tuple[Term, ...]

    def spans(self, text: str) -> list[Span]:
        """Return where a text has the terms, in order and without overlaps; nothing if it lacks one."""
        folded = " ".join(text.translate(_FOLDED).split())
        if not all(any(True for _ in term.places(folded)) for term in self.terms):
            return []
        folded, places = _with_places(text)
        found = sorted(
            (places[at], places[at + len(term.text) - 1] + 1) for term in self.terms for at in term.places(folded)
        )
        merged: list[Span] = []
        for begin, end in found:
            while end < len(text) and not text[end].translate(_FOLDED):  # an accent or a skin tone after it
                end += 1  # noqa: PLW2901
            if merged and begin <= merged[-1][1]:
                begin, last = merged.pop()  # noqa: PLW2901
                end = max(end, last)  # noqa: PLW2901
            merged.append((begin, end))
        return merged

    def for_index(self) -> str | None:
        """Return the query for FTS5, which finds every message that has the terms; None if it cannot narrow them."""
        parts = [part for term in self.terms if (part := _part(term))]
        return " AND ".join(sorted(set(parts), key=len, reverse=True)[:MAX_PARTS]) or None


def parse(typed: Sequence[str]) -> Query:
    """Read a query. Nothing in it is an operator but quotes around a phrase."""
    folded = " ".join(" ".join(well_formed(part).translate(_FOLDED) for part in typed).split())
    terms = [Term(word or phrase.strip(), not word) for phrase, word in _TERM.findall(folded)]
    return Query(tuple(dict.fromkeys(term for term in terms if term.text)))


def _part(term: Term) -> str:
    words = index_words(term.text).split()
    whole = words[:MAX_PARTS]
    cut = next((place for place, word in enumerate(whole) if len(word) > MAX_CHARACTERS), None)
    if cut is not None:
        whole = [*whole[:cut], whole[cut][:MAX_CHARACTERS]]
    is_beginning = cut is not None or (len(whole) == len(words) and not term.is_phrase and _is_letter(term.text[-1]))
    return f'"{" ".join(whole)}"{"*" * is_beginning}' if whole else ""


def _with_places(text: str) -> tuple[str, list[int]]:
    """Fold a text; return it with the place in the text from which each character is."""
    folded: list[str] = []
    places: list[int] = []
    for place, char in enumerate(text):
        for part in char.translate(_FOLDED):
            if part != " " or (folded and folded[-1] != " "):
                folded.append(part)
                places.append(place)
    return "".join(folded), places


def _within_word(folded: str, at: int) -> bool:
    return 0 < at < len(folded) and _is_letter(folded[at - 1]) and _is_letter(folded[at])


def _is_letter(char: str) -> bool:
    found = _IS_LETTER.get(char)
    if found is None:
        found = _IS_LETTER[char] = _kind(char) == "letter"
    return found
