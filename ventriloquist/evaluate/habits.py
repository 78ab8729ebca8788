"""Small habits of writing: each message shows one or does not."""

from __future__ import annotations

import re

_EMOJI = "[\U0001f000-\U0001faff\u2600-\u27bf\u2b50\u2764]"
_ABBREVIATIONS = (
    "u|ur|r|n|k|kk|lol|lmao|omg|idk|tbh|rn|btw|imo|ngl|thx|pls|plz|ppl|bc|cuz|gonna|wanna|gotta|tmrw|nvm|ttyl|haha+"
)

HABITS: dict[str, re.Pattern[str]] = {
    "begins in lower case": re.compile(r"[^\w]*[a-zß-öø-ÿ]"),
    "a word in capitals": re.compile(r".*\b[A-ZÀ-Þ]{3,}\b"),
    "ends with a full stop": re.compile(r".*[^.]\.\s*$"),
    "ends with nothing": re.compile(r".*\w\s*$"),
    "exclamation mark": re.compile(r".*!"),
    "several !!": re.compile(r".*[!?]{2}"),
    "question mark": re.compile(r".*\?"),
    "ellipsis": re.compile(r".*(\.\.|…)"),
    "comma": re.compile(r".*,"),
    "apostrophe": re.compile(r".*\w['’]\w"),
    "apostrophe left out": re.compile(
        r".*\b(dont|cant|wont|im|ive|id|thats|didnt|doesnt|isnt|youre|whats)\b", re.IGNORECASE
    ),
    "emoji": re.compile(rf".*{_EMOJI}"),
    "emoticon": re.compile(r".*(?<!\w)[:;=]['-]?[)(DPp/|]"),
    "stretched letters": re.compile(r".*([A-Za-z])\1\1"),
    "abbreviation": re.compile(rf".*\b({_ABBREVIATIONS})\b", re.IGNORECASE),
    "digit": re.compile(r".*\d"),
    "at most 10 characters": re.compile(r".{0,10}$"),
    "over 80 characters": re.compile(r".{81}"),
    "letters beyond ASCII": re.compile(r".*[À-ɏͰ-῿぀-鿿]"),
}
MAX_CHARACTERS = 1000  # of a message


def habits(content: str) -> list[bool]:
    """Return which habits a message shows, in the order of HABITS."""
    folded = content[:MAX_CHARACTERS].replace("\n", " ")
    return [pattern.match(folded) is not None for pattern in HABITS.values()]
