"""Sums by cluster, and the figures that most metrics make of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ventriloquist.evaluate.statistics import Array, Cluster, Sums


def tally(items: Iterable[tuple[Cluster, Sequence[float] | Array]]) -> Sums:
    """Add up the vectors of each cluster."""
    sums: dict[Cluster, Array] = {}
    for cluster, values in items:
        vector = np.asarray(values, dtype=np.float64)
        sums[cluster] = sums[cluster] + vector if cluster in sums else vector
    return sums


def tally_pair(generated: Iterable[tuple[Cluster, bool]], real: Iterable[tuple[Cluster, bool]]) -> Sums:
    """Add up (successes, trials) of generated messages and of real ones, for `excess`."""
    sums: list[tuple[Cluster, Sequence[float]]] = [(cluster, (marked, 1, 0, 0)) for cluster, marked in generated]
    sums += [(cluster, (0, 0, marked, 1)) for cluster, marked in real]
    return tally(sums)


def ratio(above: Array, below: Array) -> Array:
    """Divide; NaN where there is nothing to divide by."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.nan)


def share(sums: Array) -> Array:
    """Successes over trials."""
    return ratio(sums[..., 0], sums[..., 1])


def gap(successes: Array, trials: Array, others: Array, other_trials: Array) -> Array:
    """Return the squared difference of two shares, 0 where one has no trials."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((trials > 0) & (other_trials > 0), (successes / trials - others / other_trials) ** 2, 0.0)


def excess(sums: Array) -> Array:
    """One share minus another, of (successes, trials, other successes, other trials)."""
    return ratio(sums[..., 0], sums[..., 1]) - ratio(sums[..., 2], sums[..., 3])
