"""Ways of writing the same name: what they have in common, and a pattern that finds any of them in a text."""

from __future__ import annotations

import re
import unicodedata

APOSTROPHES = "'\u2018\u2019\u201a\u201b\u02bc\u02b9\u02bb\u02c8\u2032\u2035`\u00b4\uff07"
HYPHENS = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d"
QUOTES = '"\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02'
_SELECTORS = "\ufe0e\ufe0f"  # they choose how an emoji is drawn
_ALIKE = str.maketrans(
    {
        **dict.fromkeys(APOSTROPHES, "'"),
        **dict.fromkeys(HYPHENS, "-"),
        **dict.fromkeys(QUOTES, '"'),
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


def name_pattern(name: str) -> str:
    """Return a regular expression for a name within a text in NFC; to be compiled with `re.IGNORECASE`.

    It takes any white space between the words, and any kind of apostrophe, quote or hyphen.
    """
    alike = {char: f"[{re.escape(kind)}]" for kind in (APOSTROPHES, HYPHENS, QUOTES) for char in kind}
    words = unicodedata.normalize("NFC", name).split()
    return (
        r"(?<!\w)"
        + r"\s+".join("".join(alike.get(char, re.escape(char)) for char in word) for word in words)
        + (r"(?!\w)")
    )
