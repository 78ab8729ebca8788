"""Find training texts that are held out as well, word for word or nearly.

Two texts are near-duplicates if they have 15 characters or more, the same numbers, and the same words but for one in
each eight. If neither has eight words, one may differ, and four fifths of all their character trigrams must be common
(resemblance; Broder, 1997): so a typo is forgiven, but "do you have a favorite movie" is no copy of "do you have a
favorite song". Reply markers, case, punctuation, emoji and placeholders do not count.

Comparing all pairs would take hours. So a held-out text is entered under keys of which every near-duplicate has one:

- up to eight words: the sum of the words' hashes, and that sum without each one of them,
- more words: as many runs of four words as may change, and one more. They have no word in common, so a changed word
  changes at most one of them.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice

import regex

from ventriloquist.store import Connection, corpus
from ventriloquist.store.corpus import LongContent
from ventriloquist.transcript import without_reply_marker

EQUAL_CHARACTERS = 15  # shorter texts are common: "good morning" twice is style, not a leak
RESEMBLANCE = 0.8
WORDS_PER_CHANGE = 8
COMPARED_CHARACTERS = 4000  # of a longer text, the beginning

_RUN = 4  # words; the runs of a text of eight words or more fit into it
_MAX_TEXTS = 64  # under a key: more texts with the same words in it are copies of each other, or formulas
_MAX_COMPARED = 16  # with a text, those under the rarest keys first
_MAX_KNOWN = 4096
_MAX_IN_MEMORY = 8_000_000  # characters of held-out texts

_PLACEHOLDER = regex.compile(r"\[[a-z][a-z0-9_-]{0,30}\]")
_NUMBER = regex.compile(r"\d+")
# Thai, Lao, Burmese, Khmer, Chinese and Japanese have no spaces between words
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_UNSPACED_WORD = regex.compile(rf"[{_UNSPACED}]\p{{M}}*|[^\s{_UNSPACED}]+")


def drop_duplicates(db: Connection) -> int:
    """Make training lines context only if their long text is also held out, word for word or nearly; return how many.

    Lines that are no texts, such as a file's name, leave only if they are equal.
    """
    dropped = 0
    for held_out in _read_held_out(db):
        training = corpus.long_contents(db, ("train",), EQUAL_CHARACTERS)
        ids = array("q", (id for id, kind, content in training if held_out.has(kind, content)))
        corpus.make_context_only(db, ids)
        dropped += len(ids)
    return dropped


def _read_held_out(db: Connection) -> Iterator[HeldOut]:
    """Yield the held-out texts, so many at once as fit in memory."""
    held_out = HeldOut()
    for row in corpus.long_contents(db, ("validation", "test"), EQUAL_CHARACTERS):
        held_out.add(row)
        if held_out.characters > _MAX_IN_MEMORY:
            yield held_out
            held_out = HeldOut()
    if held_out.characters:
        yield held_out


class HeldOut:
    """Held-out texts, found again by texts that are equal or nearly equal."""

    def __init__(self) -> None:
        self.characters = 0  # roughly, of what is in memory
        self._equal: set[bytes] = set()
        self._folded: set[str] = set()
        self._short: dict[int, str | list[str]] = {}
        self._long: dict[int, str | list[str]] = {}
        self._known: dict[str, bool] = {}  # whether a text is near one: a habit repeats itself

    def add(self, row: LongContent) -> None:
        """Enter a held-out line."""
        _, kind, content = row
        self.characters += EQUAL_CHARACTERS
        self._equal.add(_digest(content))
        if kind != "text":
            return
        typed = without_reply_marker(content)
        if typed != content and len(typed) >= EQUAL_CHARACTERS:
            self._equal.add(_digest(typed))
        text = fold(typed)
        if len(text) < EQUAL_CHARACTERS or text in self._folded:
            return
        self.characters += len(text)
        self._folded.add(text)
        words = split_words(text)
        if len(words) <= WORDS_PER_CHANGE:
            _enter(self._short, _sums(words), text)
        if len(words) >= WORDS_PER_CHANGE:
            # the longer of two texts decides how many words may change: of n words to k more, n // 7 at most
            runs = len(words) // (WORDS_PER_CHANGE - 1) + 1
            _enter(self._long, islice(_runs(words), 0, runs * _RUN, _RUN), text)

    def has(self, kind: str, content: str) -> bool:
        """Return whether a line of 15 characters or more is held out, word for word or, if it is a text, nearly."""
        if _digest(content) in self._equal:
            return True
        if kind != "text":
            return False
        typed = without_reply_marker(content)
        if typed is not content and len(typed) >= EQUAL_CHARACTERS and _digest(typed) in self._equal:
            return True
        text = fold(typed)
        if len(text) < EQUAL_CHARACTERS:
            return False
        if text in self._folded:
            return True
        near = self._known.get(text)
        if near is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            near = self._known[text] = self._is_near(text)
        return near

    def _is_near(self, text: str) -> bool:
        words = split_words(text)
        if len(words) <= WORDS_PER_CHANGE:
            found = _look_up(self._short, _sums(words))
            if any(_differ_by_one(text, words, other) for other in _rarest(found)):
                return True
        # nearly always nothing is there: the first look is the fast one
        if len(words) < WORDS_PER_CHANGE or self._long.keys().isdisjoint(_runs(words)):
            return False
        return any(_differ_by_few(text, words, other) for other in _rarest(_look_up(self._long, _runs(words))))


def _differ_by_one(text: str, words: Sequence[str], other: str) -> bool:
    """Return whether two texts that have the same sum are near-duplicates."""
    if max(len(words), len(split_words(other))) < WORDS_PER_CHANGE:
        return _resemblance(text, other) >= RESEMBLANCE and _have_same_numbers(text, other)
    return _differ_by_few(text, words, other)


def _differ_by_few(text: str, words: Sequence[str], other: str) -> bool:
    """Return whether two texts, one of eight words or more, are near-duplicates."""
    others = split_words(other)
    length = max(len(words), len(others))
    may_differ = length // WORDS_PER_CHANGE
    return (
        abs(len(words) - len(others)) <= may_differ
        and length - (Counter(words) & Counter(others)).total() <= may_differ
        and _have_same_numbers(text, other)
    )


def _have_same_numbers(text: str, other: str) -> bool:
    return _NUMBER.findall(text) == _NUMBER.findall(other)


def fold(text: str) -> str:
    """Return the beginning of a text in lower case, without punctuation, emoji and placeholders, single-spaced."""
    text = text[:COMPARED_CHARACTERS]
    if "[" in text:
        text = _PLACEHOLDER.sub(" ", text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().translate(_FOLDING).split())


class _Folding(dict[int, int | None]):
    """What becomes of a character: letters, marks and digits stay, invisible ones vanish, others separate words."""

    def __missing__(self, code: int) -> int | None:
        category = unicodedata.category(chr(code))
        kept = None if category == "Cf" else code if category[0] in "LMN" else ord(" ")
        self[code] = kept
        return kept


# apostrophes vanish, too, and the marks that make emoji of characters
_FOLDING = _Folding(dict.fromkeys([*map(ord, "'\u2018\u2019\u02bc\u20e3"), *range(0xFE00, 0xFE10)]))


def split_words(folded: str) -> list[str]:
    """Return the words; each character is one in a script without spaces."""
    if folded.isascii() or not _IS_UNSPACED.search(folded):
        return folded.split(" ")
    return list(_UNSPACED_WORD.findall(folded))


def _sums(words: Sequence[str]) -> list[int]:
    """Return the sum of the words' hashes, and the sum without each one of them."""
    hashes = [hash(word) for word in words]
    whole = sum(hashes)
    return [whole, *[whole - one for one in hashes]]


def _runs(words: Sequence[str]) -> Iterator[int]:
    """Yield hashes of all runs of four words."""
    return map(hash, zip(words, words[1:], words[2:], words[3:], strict=False))


def _look_up(index: dict[int, str | list[str]], keys: Iterable[int]) -> list[str | list[str]]:
    return [index[key] for key in keys if key in index]


def _enter(index: dict[int, str | list[str]], keys: Iterable[int], text: str) -> None:
    for key in keys:
        there = index.setdefault(key, text)  # nearly always alone: a list for each would take much memory
        if isinstance(there, list):
            if len(there) < _MAX_TEXTS:
                there.append(text)
        elif there is not text:
            index[key] = [there, text]


def _rarest(found: Sequence[str | list[str]]) -> list[str]:
    """Return different texts that were found, those under keys of few texts first."""
    lists = sorted(([one] if isinstance(one, str) else one for one in found), key=len)
    texts: dict[str, None] = {}
    for each in lists:
        texts.update(dict.fromkeys(each))
        if len(texts) >= _MAX_COMPARED:
            break
    return list(texts)[:_MAX_COMPARED]


def _resemblance(text: str, other: str) -> float:
    """Return the share of common ones among the character trigrams of two texts (Jaccard's coefficient)."""
    one, two = _trigrams(text), _trigrams(other)
    return len(one & two) / len(one | two)


def _trigrams(text: str) -> set[str]:
    return {text[index : index + 3] for index in range(len(text) - 2)}


def _digest(content: str) -> bytes:
    """Return a digest of a text: the digests of all held-out texts fit in memory, the texts would not."""
    return blake2b(content.encode(), digest_size=16).digest()
