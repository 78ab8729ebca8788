"""Where the true one stands among candidates: R@1 and the mean reciprocal rank."""

from __future__ import annotations

from collections.abc import Sequence

from ventriloquist.evaluate.records import Candidates
from ventriloquist.evaluate.statistics import Sums
from ventriloquist.evaluate.tally import tally


def rank_sums(items: Sequence[Candidates]) -> Sums:
    """Return sums of (first, trials, reciprocal ranks); among equals, what chance would give."""
    return tally((item.target.cluster, (*_expected(item.costs, item.true),)) for item in items)


def mean_reciprocal_rank(sums: Sums) -> float:
    _, trials, reciprocal = sum(sums.values())  # type: ignore[misc]  # a sum of arrays
    return float(reciprocal / trials)


def _expected(costs: Sequence[float], true: int) -> tuple[float, float, float]:
    better = sum(cost < costs[true] for cost in costs)
    equal = sum(cost == costs[true] for cost in costs)
    reciprocal = sum(1 / rank for rank in range(better + 1, better + equal + 1)) / equal
    return (1 / equal if better == 0 else 0.0), 1.0, reciprocal
