"""Two adapters on the same messages: which one is better, worse, or undecided, metric by metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ventriloquist.evaluate.metric import Found, Metric
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.statistics import Difference, Statistic, holm, paired_bootstrap, paired_roots

LEVEL = 0.05  # of the adjusted p

Outcome = Literal["better", "worse", "undecided", "not enough data"]


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric's row. Without enough data there is no difference."""

    first: float
    second: float  # by the first one's yardstick: its bits are those saved over the first one's base
    difference: float | None  # first − second in the metric's own direction: positive is better
    low: float | None  # 95 %
    high: float | None
    p: float | None  # adjusted for the number of metrics (Holm)
    outcome: Outcome  # of the first


@dataclass(frozen=True)
class Comparison:
    """A run compared with another one."""

    against: str
    metrics: Mapping[str, Compared]


def compare(
    against: str, first: Mapping[str, Found | None], second: Mapping[str, Found | None], seed: int
) -> Comparison:
    """Compare what was found about two runs, paired by the clusters that both were measured on."""
    pairs: dict[str, tuple[Found, Found, Difference | None]] = {}
    for name, found in first.items():
        other = second.get(name)
        if found is not None and other is not None:
            other = _by_the_yardstick_of(found, other)
            enough = min(found.n, other.n) >= METRICS[name].minimum
            pairs[name] = found, other, _difference(METRICS[name], found, other, seed) if enough else None
    known = [difference for _, _, difference in pairs.values() if difference is not None]
    adjusted = iter(holm([difference.p for difference in known]))
    return Comparison(
        against,
        {name: _row(found, other, difference, adjusted) for name, (found, other, difference) in pairs.items()},
    )


def _row(found: Found, other: Found, difference: Difference | None, adjusted: Iterator[float]) -> Compared:
    if difference is None:
        return Compared(found.value, other.value, None, None, None, None, "not enough data")
    p = next(adjusted)
    outcome: Outcome = "undecided" if p > LEVEL else "better" if difference.value > 0 else "worse"
    return Compared(found.value, other.value, *difference[:3], p, outcome)


def _by_the_yardstick_of(found: Found, other: Found) -> Found:
    """Measure the other one against what the first is measured against, where both have something to do with it."""
    if not found.yardstick:
        return other
    sums = {cluster: vector.copy() for cluster, vector in other.sums.items() if cluster in found.sums}
    for cluster, vector in sums.items():
        vector[[*found.yardstick]] = found.sums[cluster][[*found.yardstick]]
    return replace(other, sums=sums) if sums else other


def _difference(metric: Metric, found: Found, other: Found, seed: int) -> Difference | None:
    if found.is_square:  # less is better of all of them
        return paired_roots(other.sums, found.sums, found.statistic)
    return paired_bootstrap(found.sums, other.sums, _goodness(metric, found.statistic), seed)


def _goodness(metric: Metric, statistic: Statistic) -> Statistic:
    """Return a metric's figure, turned so that more is better."""
    if metric.aim == "ceiling":
        target = metric.target
        return lambda sums: -np.abs(statistic(sums) - target)
    return statistic if metric.aim == "more" else lambda sums: -statistic(sums)
