"""What a tapback reads like that arrived as a text: `Liked “see you”`, `👍 to “see you”`, in many languages.

An iPhone writes its own language's words to whoever has none, Google Messages writes an emoji with invisible marks
around it. A text of this shape is a tapback only if it quotes something: `text_tapbacks` looks for what.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from ventriloquist.collect.tapback_words import OBJECTS, WORDINGS
from ventriloquist.media import MediaKind
from ventriloquist.records import ReactionKind

MAX_CHARACTERS = 32_768  # of such a text; a longer one was typed, or is an attack
MAX_EMOJI = 40  # characters of one emoji: families and flags take a dozen


class TapbackText(NamedTuple):
    """What a text says, if it quotes something."""

    kind: ReactionKind
    emoji: str
    removed: int
    quote: str  # folded; empty: it names an attachment
    is_cut: bool  # the quote is only how the message begins
    media: MediaKind | None  # the attachment it names


# Marks of quotation and apostrophes, in all their forms, and what is not seen: texts are compared without.
_QUOTES, _APOSTROPHES = '"“”„‟«»‹›「」『』〝〞＂', "'’‘‚‛ʼ`´"
_UNSEEN = "\u00ad\u034f\u180e\u200b\u200c\u200e\u200f\u2060\ufeff\ufffc\ufffd" + "".join(
    map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)
_SPACES = "".join(character for character in map(chr, range(0x3001)) if character.isspace())
_FOLD = str.maketrans(
    {
        **dict.fromkeys(_QUOTES, '"'),
        **dict.fromkeys(_APOSTROPHES, "'"),
        **dict.fromkeys(_UNSEEN + _SPACES),
    }
)
_GOOGLES = re.compile("([\u200b\u200c])([^\u200a-\u200c]{1,40})\\1")  # an emoji that is given, or taken back
_GOOGLES_AT_MOST = 300  # characters before the end of the emoji
_CUT = ("…", "...")


def fold(text: str) -> str:
    """Return a text without white space and what is not seen, its quotation marks and apostrophes alike."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return text.translate(_FOLD)


def comparable(text: str) -> str:
    """Return a text as those are compared that a quote may name: folded, and every emoji as if it had no style."""
    return fold(text).replace("\ufe0f", "").lower()


class _Wording(NamedTuple):
    kind: ReactionKind
    removed: int
    before: str  # all folded, in lower case
    between: str  # the emoji and the quote; empty: there is no emoji
    after: str


def _wording(kind: ReactionKind, removed: int, text: str) -> _Wording:
    folded = fold(text).lower()
    if "%e" not in folded:
        before, _, after = folded.partition("%s")
        return _Wording(kind, removed, before, "", after)
    before, _, rest = folded.partition("%e")
    if before.startswith("%s"):  # the quote comes first
        return _Wording(kind, removed, "", before.removeprefix("%s") + "%e", rest)
    between, _, after = rest.partition("%s")
    return _Wording(kind, removed, before, between, after)


_ALL = [
    _wording(kind, removed, text)
    for kind, both in WORDINGS.items()
    for removed, texts in enumerate(both)
    for text in texts
]
_START = 3  # characters by which wordings are looked up
_BY_START: dict[str, list[_Wording]] = {}
for _each in sorted(_ALL, key=lambda wording: (not wording.between, len(wording.before + wording.after)), reverse=True):
    _BY_START.setdefault(_each.before[:_START], []).append(_each)
_MEDIA = {fold(name).lower(): media for media, names in OBJECTS.items() for name in names}

# How such a text ends: the first look at every message of a file.
LAST_CHARACTERS = frozenset(_QUOTES + _APOSTROPHES + _SPACES + _UNSEEN + ".")
LAST_FOUR = frozenset(
    [text[-4:] for both in WORDINGS.values() for texts in both for text in texts if not text.endswith("%s")]
    + [name[-4:] for names in OBJECTS.values() for name in names]
)


def may_be_tapback(text: str) -> bool:
    """Tell cheaply whether a text ends as one does that `read_tapback` reads."""
    return text[-1:] in LAST_CHARACTERS or text[-4:] in LAST_FOUR


def read_tapback(text: str) -> TapbackText | None:
    """Read a text as a tapback, or return None when no phone writes one like it."""
    if len(text) > MAX_CHARACTERS:
        return None
    if text[-1:] == "." and not may_be_tapback(text[:-1]):  # the end of a sentence
        return None
    googles = _read_googles(text)
    if googles is not None:
        return googles
    folded = fold(text)
    if len(folded) < 3:
        return None
    if folded.endswith(".") and folded[-2] in "\"'":
        folded = folded[:-1]
    lower = folded.lower()
    if len(lower) != len(folded):
        folded = lower
    starts = [lower[:length] for length in range(_START, -1, -1)]
    for start in starts:
        for wording in _BY_START.get(start, ()):
            if lower.startswith(wording.before) and lower.endswith(wording.after):
                found = _fill(wording, folded[len(wording.before) : len(folded) - len(wording.after)])
                if found is not None:
                    return None if found.media and _is_typed(folded) else found
    return None


def _is_typed(folded: str) -> bool:
    """Tell whether a person wrote that they "liked a photo": phones begin with a capital, except in French."""
    return folded[0].islower() and not folded.startswith("a")


def _fill(wording: _Wording, middle: str) -> TapbackText | None:
    """Return what a text says in a wording, whose emoji and quote stand in the middle of it."""
    kind, removed, _, between, _ = wording
    if not between:
        return _quoting(kind, "", removed, middle) if kind != "emoji" else None
    if between.endswith("%e"):  # the quote comes first
        quote, mark, emoji = middle.rpartition(between.removesuffix("%e"))
        return _quoting(kind, emoji, removed, quote) if mark and is_emoji(emoji) else None
    lower = middle[: MAX_EMOJI + len(between) + 1].lower()
    for mark in ('"', "'", ""):
        at = lower.find(between + mark)
        if at > 0:
            emoji = middle[:at].strip("\"'")
            return _quoting(kind, emoji, removed, middle[at + len(between) :]) if is_emoji(emoji) else None
    return None


def _quoting(kind: ReactionKind, emoji: str, removed: int, quoted: str) -> TapbackText | None:
    """Return a tapback on what is quoted, in marks, or on an attachment that is named; None: it is neither."""
    named = quoted.lower()
    media = _MEDIA.get(f"#{named.lstrip('0123456789')}" if named[:1].isdecimal() else named)
    if media is not None:
        return TapbackText(kind, emoji, removed, "", is_cut=False, media=media)
    if len(quoted) < 3 or quoted[0] not in "\"'" or quoted[-1] not in "\"'":
        return None
    return _cut(kind, emoji, removed, quoted[1:-1])


def _cut(kind: ReactionKind, emoji: str, removed: int, quote: str) -> TapbackText | None:
    quote = comparable(quote)
    return TapbackText(kind, emoji, removed, quote, quote.endswith(_CUT), None) if quote else None


def _read_googles(text: str) -> TapbackText | None:
    """Read the invisible marks of Google Messages, which are the same in every language.

    The emoji stands between two zero-width spaces, or non-joiners when it is taken back, and the quote between hair
    spaces.
    """
    found = _GOOGLES.search(text, 0, _GOOGLES_AT_MOST)
    if found is None or not is_emoji(found[2]):
        return None
    pieces = text[found.end() :].rstrip("\n ").split("\u200a")
    quote = "\u200a".join(pieces[1:-2] if not pieces[-1] else pieces[1:-1])
    if not quote:
        return None
    return _cut("emoji", found[2], int(found[1] == "\u200c"), quote)


def is_emoji(text: str) -> bool:
    """Tell whether a text is one emoji or a few: pictures and what joins them, no letters."""
    if not 0 < len(text) <= MAX_EMOJI:
        return False
    is_keycap = "\u20e3" in text
    categories = {unicodedata.category(character) for character in text if character not in "‼⁉〰〽"}
    allowed = {"So", "Sk", "Sm", "Me", "Mn", "Cf"} | ({"Nd", "Po"} if is_keycap else set())
    pictures = {"So", "Sm"} & categories or is_keycap or any(character in "‼⁉〰〽" for character in text)
    return bool(pictures) and categories <= allowed and not text.isascii()
