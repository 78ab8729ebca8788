"""What is drawn again to see how certain a figure is: two schemes over the same sums.

- *these*: the conversations stay, and the stretches of neighbouring messages within each are drawn. Each conversation
  is a stratum. This is how far the figure is from the long-run figure of the same conversations.
- *other*: whole conversations are drawn, as clusters. This is how far it may be for other conversations of the kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Cluster = tuple[int, int]
"""A conversation, and the number of a stretch of neighbouring messages in it."""
Sums = Mapping[Cluster, Array]
"""One vector of sums for each cluster, all of the same length."""
Statistic = Callable[[Array], Array]
"""Computes figures, (…), from summed vectors, (…, sums)."""
Scheme = Literal["these", "other"]
SCHEMES: tuple[Scheme, Scheme] = ("these", "other")

RESAMPLES = 2000
BLOCK = 4_000_000  # counts that are drawn at a time


@dataclass(frozen=True)
class Units:
    """What is drawn: (units, sums), and the stratum of each unit. A stratum has at least two, or is the only one."""

    matrix: Array
    strata: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.matrix)

    @property
    def total(self) -> Array:
        return np.asarray(self.matrix.sum(axis=0))

    def members(self) -> Iterator[NDArray[np.int64]]:
        """Yield the places of each stratum's units."""
        order = np.argsort(self.strata, kind="stable")
        yield from np.split(order, np.flatnonzero(np.diff(self.strata[order])) + 1)

    def totals(self, seed: int) -> Array:
        """Return resampled totals, (RESAMPLES, sums).

        Of n units in a stratum n − 1 are drawn, and each counts n / (n − 1) times (Rao and Wu, 1988). So the variance
        has no bias, however small the strata are.
        """
        generator = np.random.default_rng(seed)
        totals = np.zeros((RESAMPLES, self.matrix.shape[1]))
        for members in self.members():
            count = len(members)
            for start in range(0, RESAMPLES, block := max(1, BLOCK // count)):
                size = min(block, RESAMPLES - start)
                drawn = generator.multinomial(count - 1, np.full(count, 1 / count), size=size)
                totals[start : start + size] += drawn @ self.matrix[members] * (count / (count - 1))
        return totals

    def without_each(self) -> Array:
        """Return the total without each unit, (units, sums): the others of its stratum stand in for it."""
        left, total = np.empty_like(self.matrix), self.total
        for members in self.members():
            own = self.matrix[members]
            left[members] = total - (own - own.mean(axis=0)) * (len(own) / (len(own) - 1))
        return left

    def influences(self, statistic: Statistic) -> Array:
        """Return what each unit adds to a figure, (units,): the sum of their squares is its variance (jackknife)."""
        return self.spread(statistic(self.without_each()))

    def linear(self, values: Array) -> Array:
        """Return the same for a figure that is the sum of the units' values, (units,)."""
        apart = np.empty_like(values)
        for members in self.members():
            own = values[members]
            apart[members] = (own - own.mean()) * np.sqrt(len(own) / (len(own) - 1))
        return apart

    def bias(self, without: Array, value: float) -> float:
        """Return the bias of a figure by its leave-one-out figures (jackknife)."""
        summed = 0.0
        for members in self.members():
            known = without[members][np.isfinite(without[members])]
            summed += (len(known) - 1) * (float(known.mean()) - value) if len(known) else 0.0
        return summed

    def spread(self, without: Array) -> Array:
        """Return the distances of leave-one-out figures from their stratum's mean, scaled as in `influences`."""
        apart = np.zeros(len(without))
        for members in self.members():
            known = members[np.isfinite(without[members])]
            if len(known) > 1:
                scale = np.sqrt((len(known) - 1) / len(known))
                apart[known] = (without[known] - without[known].mean()) * scale
        return apart

    def degrees_of_freedom(self, influences: Array) -> float:
        """Return the degrees of freedom of the variance Σ u², to which some units contribute much more than others.

        They are the smaller of two numbers. (Σ u²)² / Σ u⁴ is the effective number of units (Kish, 1965, for squares):
        Satterthwaite's (1946) are three times as many, which is right for normal u; those of messages have heavy
        tails. (Σ v)² / Σ (v² / (n − 1)), with the variance v and the n units of each stratum, is Satterthwaite's for
        strata: both units of a pair are as far from its mean, so they are one degree.
        """
        squares = influences**2
        if not squares.any():
            return max(1.0, self._most())
        by_stratum = [(squares[members].sum(), len(members) - 1) for members in self.members()]
        of_units = squares.sum() ** 2 / (squares**2).sum()
        of_strata = squares.sum() ** 2 / sum(variance**2 / free for variance, free in by_stratum)
        return float(np.clip(min(of_units, of_strata), 1, max(1.0, self._most())))

    def _most(self) -> float:
        return float(len(self) - len(np.unique(self.strata)))


def units(sums: Sums, scheme: Scheme, kinds: Mapping[Cluster, Hashable] | None = None) -> Units:
    """Return what the scheme draws, in an order that does not depend on that of the sums.

    Args:
        kinds: stretches that differ in it are drawn separately within a conversation.
    """
    kinds = kinds or {}
    if scheme == "other":
        conversations: dict[int, Array] = {}
        for cluster in sorted(sums):
            conversations[cluster[0]] = conversations.get(cluster[0], np.zeros_like(sums[cluster])) + sums[cluster]
        return Units(_stack(list(conversations.values())), np.zeros(len(conversations), dtype=np.int64))
    clusters = sorted(sums)
    strata = _strata([(conversation, kinds.get((conversation, place))) for conversation, place in clusters])
    return Units(_stack([sums[cluster] for cluster in clusters]), strata)


def _strata(of: Sequence[Hashable]) -> NDArray[np.int64]:
    """Number the strata. Those of a single unit become one stratum, together with the smallest other if there is one.

    The variance of collapsed strata is on average too large, never too small (Cochran, 1977, 5A.12; Wolter, 2007, 2.5).
    """
    counts = Counter(of)
    numbers = {stratum: number for number, stratum in enumerate(counts, 1)}
    single = [stratum for stratum, count in counts.items() if count == 1]
    if len(single) == 1 and len(counts) > 1:
        single.append(min((stratum for stratum in counts if stratum != single[0]), key=counts.__getitem__))
    for stratum in single:
        numbers[stratum] = 0
    return np.array([numbers[stratum] for stratum in of], dtype=np.int64)


def _stack(vectors: Sequence[Array]) -> Array:
    return np.stack(vectors).astype(np.float64) if vectors else np.zeros((0, 2))
