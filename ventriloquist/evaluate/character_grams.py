"""TF-IDF of n-grams of characters, as scikit-learn's TfidfVectorizer computes it, in a third of the time.

That builds each n-gram as a string. Here it is a hash, computed for all characters of many texts at once. The columns
are the most frequent hashes; few of them stand for two n-grams.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ventriloquist.evaluate.resampling import Array

LONGEST = 5  # characters of an n-gram
BITS = 22  # of a hash
TEXTS_AT_ONCE = 10_000  # read at once: bounds the memory
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: spreads neighbouring numbers (Knuth)


@dataclass(frozen=True)
class CharacterGrams:
    """Which n-grams have a column, and how much each of them weighs."""

    columns: NDArray[np.int32]  # of each hash; -1: it has none
    weights: Array  # inverse document frequencies, by column

    def transform(self, texts: Sequence[str]) -> Any:
        """Return a sparse matrix, (texts, columns), of rows of length 1: (1 + log count) · weight."""
        return self._weighted(_counts(texts))

    def _weighted(self, counts: Any) -> Any:
        from scipy.sparse import csr_matrix  # type: ignore[import-untyped]  # it has no stubs

        columns = self.columns[counts.indices]
        kept = columns >= 0
        starts = np.r_[0, np.cumsum(kept)][counts.indptr]
        columns = columns[kept]
        values = (1 + np.log(counts.data[kept])) * self.weights[columns]
        rows = np.repeat(np.arange(counts.shape[0]), np.diff(starts))
        lengths = np.sqrt(np.bincount(rows, weights=values**2, minlength=counts.shape[0]))
        values = (values / lengths[rows]).astype(np.float32)
        return csr_matrix((values, columns, starts), shape=(counts.shape[0], len(self.weights)))


def fit_transform(texts: Sequence[str], most: int) -> tuple[CharacterGrams, Any]:
    """Return the most frequent n-grams of texts, at most so many, and the texts as `transform` would return them."""
    counts = _counts(texts)
    totals = np.bincount(counts.indices, weights=counts.data, minlength=1 << BITS)
    frequent = np.sort(np.argpartition(-totals, most)[:most])
    frequent = frequent[totals[frequent] > 0]
    columns = np.full(1 << BITS, -1, dtype=np.int32)
    columns[frequent] = np.arange(len(frequent))
    with_it = np.bincount(counts.indices, minlength=1 << BITS)[frequent]
    grams = CharacterGrams(columns, np.log((1 + len(texts)) / (1 + with_it)) + 1)
    return grams, grams._weighted(counts)


def _counts(texts: Sequence[str]) -> Any:
    """Return how often each text has each hash: a sparse matrix, (texts, hashes)."""
    from scipy.sparse import csr_matrix, vstack

    parts = [csr_matrix((0, 1 << BITS), dtype=np.float32)]
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        part = texts[start : start + TEXTS_AT_ONCE]
        places = np.sort(np.concatenate(list(_places(part))))
        first = np.flatnonzero(np.r_[True, places[1:] != places[:-1]][: len(places)])
        numbers = np.diff(np.r_[first, len(places)]).astype(np.float32)
        starts = np.searchsorted(places[first] >> BITS, np.arange(len(part) + 1))
        hashes = (places[first] & ((1 << BITS) - 1)).astype(np.int32)
        parts.append(csr_matrix((numbers, hashes, starts), shape=(len(part), 1 << BITS)))
    return vstack(parts, format="csr")


def _places(texts: Sequence[str]) -> Iterator[NDArray[np.int64]]:
    """Yield for each length of n-grams, and each n-gram of that length, row · 2^BITS + hash."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    lengths = [len(text) for text in texts]
    rows = np.repeat(np.arange(len(texts), dtype=np.int64), lengths)
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(codes))  # characters from here to the text's end
    hashes = np.zeros(len(codes), dtype=np.uint64)
    for length in range(1, LONGEST + 1):
        stop = max(0, len(codes) - length + 1)
        hashes = (hashes[:stop] + codes[length - 1 :] + np.uint64(1)) * _MULTIPLIER
        hashes ^= hashes >> np.uint64(29)
        inside = left[:stop] >= length
        yield rows[:stop][inside] << BITS | (hashes[inside] >> np.uint64(64 - BITS)).astype(np.int64)
