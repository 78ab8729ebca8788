"""Find training texts that are held out as well, word for word or nearly.

Two texts are near-duplicates if they have 15 characters or more, the same numbers, and the same words but for one in
each eight. If neither has eight words, one may differ, and four fifths of all their character trigrams must be common
(resemblance; Broder, 1997): so a typo is forgiven, but "do you have a favorite movie" is no copy of "do you have a
favorite song". Reply markers, case, punctuation, emoji and placeholders do not count.

Comparing all pairs would take hours. So texts are compared only if they have a key in common, as all
near-duplicates do:

- up to eight words: the sum of the words' hashes, or that sum without one of them,
- more words: a run of four words. A held-out text is entered under all of its runs. A training text is looked up by as
  many of its runs as words may differ, and one more. These have no word in common, so a changed word changes at most
  one of them.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

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
_MAX_TOKENS = 16_384
_MAX_IN_MEMORY = 5_000_000  # characters of held-out texts; each takes some thirty bytes

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
        self._equal: set[int] = set()  # hashes of 64 bits, with a key of this process: the texts would take more memory
        self._folded: set[str] = set()
        self._short: dict[int, str | list[str]] = {}
        self._long: dict[int, str | list[str]] = {}
        self._hashes = Hashes()
        self._known: dict[str, bool] = {}  # whether a text is near one: a habit repeats itself

    def add(self, row: LongContent) -> None:
        """Enter a held-out line."""
        _, kind, content = row
        self.characters += EQUAL_CHARACTERS
        self._equal.add(hash(content))
        if kind != "text":
            return
        typed = without_reply_marker(content)
        if typed != content and len(typed) >= EQUAL_CHARACTERS:
            self._equal.add(hash(typed))
        text = fold(typed)
        if len(text) < EQUAL_CHARACTERS or text in self._folded:
            return
        self.characters += len(text)
        self._folded.add(text)
        hashes = self._hashes.of(typed)
        if len(hashes) <= WORDS_PER_CHANGE:
            _enter(self._short, _sums(hashes), text)
        if len(hashes) >= WORDS_PER_CHANGE:
            _enter(self._long, _runs(hashes), text)

    def has(self, kind: str, content: str) -> bool:
        """Return whether a line of 15 characters or more is held out, word for word or, if it is a text, nearly."""
        if hash(content) in self._equal:
            return True
        if kind != "text":
            return False
        typed = without_reply_marker(content)
        if typed is not content and len(typed) >= EQUAL_CHARACTERS and hash(typed) in self._equal:
            return True
        hashes = self._hashes.of(typed)
        if not self._has_key_of(hashes):  # nearly always
            return False
        text = fold(typed)
        if len(text) < EQUAL_CHARACTERS:
            return False
        near = self._known.get(text)
        if near is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            near = self._known[text] = text in self._folded or self._is_near(text, hashes)
        return near

    def _has_key_of(self, hashes: Sequence[int]) -> bool:
        """Return whether a held-out text has a key in common with a text: the fast first look."""
        if len(hashes) <= WORDS_PER_CHANGE and not self._short.keys().isdisjoint(_sums(hashes)):
            return True
        return len(hashes) >= WORDS_PER_CHANGE and not self._long.keys().isdisjoint(_runs_apart(hashes))

    def _is_near(self, text: str, hashes: Sequence[int]) -> bool:
        """Return whether a text is a near-duplicate of one that has a key in common with it."""
        asked = _Asked(text)
        keys = _sums(hashes) if len(hashes) <= WORDS_PER_CHANGE else []
        if any(asked.is_near(other) for other in _rarest(_look_up(self._short, keys))):
            return True
        keys = _runs_apart(hashes) if len(hashes) >= WORDS_PER_CHANGE else []
        return any(asked.is_near(other) for other in _rarest(_look_up(self._long, keys)))


class _Asked:
    """A text that is compared with several others. What is needed of it each time is computed once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = split_words(text)
        self._distinct = frozenset(self._words)
        self._trigrams = _trigrams(text) if len(self._words) < WORDS_PER_CHANGE else set()

    def is_near(self, other: str) -> bool:
        """Return whether a text that has a key in common with this one is a near-duplicate of it."""
        others = split_words(other)
        length = max(len(self._words), len(others))
        if length < WORDS_PER_CHANGE:  # their sums say already that one word differs
            return self._resembles(other) and _have_same_numbers(self._text, other)
        may_differ = length // WORDS_PER_CHANGE
        return (
            abs(len(self._words) - len(others)) <= may_differ
            and length - sum(word in self._distinct for word in others) <= may_differ  # no less, and fast
            and length - (Counter(self._words) & Counter(others)).total() <= may_differ
            and _have_same_numbers(self._text, other)
        )

    def _resembles(self, other: str) -> bool:
        """Return whether enough character trigrams of both texts are common (Jaccard's coefficient)."""
        if len(other) - 2 < RESEMBLANCE * len(self._trigrams):  # all of them would not be enough
            return False
        others = _trigrams(other)
        return len(self._trigrams & others) / len(self._trigrams | others) >= RESEMBLANCE


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
    """Return the words of a folded text; each character is one in a script without spaces."""
    if folded.isascii() or not _IS_UNSPACED.search(folded):
        return folded.split(" ")
    return list(_UNSPACED_WORD.findall(folded))


class Hashes(dict[str, tuple[int, ...]]):
    """The hashes of the words of each token of a text. They are kept, since tokens repeat themselves."""

    def of(self, text: str) -> list[int]:
        """Return the hashes of `split_words(fold(text))`."""
        return [*chain.from_iterable(map(self.__getitem__, text[:COMPARED_CHARACTERS].split()))]

    def __missing__(self, token: str) -> tuple[int, ...]:
        if len(self) >= _MAX_TOKENS:
            self.clear()
        folded = fold(token)
        hashes = self[token] = tuple(map(hash, split_words(folded))) if folded else ()
        return hashes


def _sums(hashes: Sequence[int]) -> list[int]:
    """Return the sum of the words' hashes, and the sum without each one of them."""
    whole = sum(hashes)
    return [whole, *[whole - one for one in hashes]]


def _runs(hashes: Sequence[int]) -> Iterator[int]:
    """Yield hashes of all runs of four words."""
    return map(hash, zip(hashes, hashes[1:], hashes[2:], hashes[3:], strict=False))


def _runs_apart(hashes: Sequence[int]) -> list[int]:
    """Return hashes of runs of four words that have no word in common, one more of them than words may differ.

    The longer of two texts decides how many words may differ: of n words to k more, n // 7 at most.
    """
    stop = _RUN * (len(hashes) // (WORDS_PER_CHANGE - 1) + 1)
    return [hash(tuple(hashes[at : at + _RUN])) for at in range(0, stop, _RUN)]


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


def _trigrams(text: str) -> set[str]:
    return {text[index : index + 3] for index in range(len(text) - 2)}
