"""Looking up a name that somebody typed: in any case, with any kind of apostrophe, quote, hyphen and accent."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from ventriloquist.errors import UnknownNameError

APOSTROPHES = "'\u2018\u2019\u201a\u201b\u02bc\u02b9\u02bb\u02c8\u2032\u2035`\u00b4\uff07"
HYPHENS = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d"
_QUOTES = '"\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02'
_SELECTORS = "\ufe0e\ufe0f"  # of how an emoji is drawn
_ALIKE = str.maketrans(
    {
        **dict.fromkeys(APOSTROPHES, "'"),
        **dict.fromkeys(HYPHENS, "-"),
        **dict.fromkeys(_QUOTES, '"'),
        **dict.fromkeys(_SELECTORS),
    }
)


def fold(name: str) -> str:
    """Return what two ways of writing a name have in common.

    Case, white space and invisible characters do not matter, nor whether an accent stands apart from its letter, nor
    which kind of apostrophe, quote or hyphen it is.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name.translate(_ALIKE)).casefold())
    visible = (char for char in folded.translate(_ALIKE) if unicodedata.category(char) != "Cf")
    return " ".join("".join(visible).split())


def find_name(name: str, known: Iterable[str], *, noun: str = "person") -> str:
    """Return the known name that was typed: the same to the letter, else the only one that folds alike.

    Raises:
        UnknownNameError: there is none, or several fold alike.
    """
    known = list(known)
    if name in known:
        return name
    alike = [candidate for candidate in known if fold(candidate) == fold(name)]
    if len(alike) != 1:
        raise UnknownNameError(name, known, noun=noun)
    return alike[0]
