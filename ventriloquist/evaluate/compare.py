"""Compare two adapters on the same messages, metric by metric: better, worse, or undecided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ventriloquist.evaluate.metric import Measurement, Metric
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.statistics import Difference, Statistic, holm, paired_bootstrap, paired_roots

LEVEL = 0.05  # of the adjusted p

Outcome = Literal["better", "worse", "undecided", "not enough data"]


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric's row. `difference` is None if there is not enough data."""

    first: float
    second: float  # bits saved are measured over the base model of the first run
    difference: float | None  # first − second, turned so that positive is better
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
    against: str, first: Mapping[str, Measurement | None], second: Mapping[str, Measurement | None], seed: int
) -> Comparison:
    """Compare the measurements of two runs, paired by the clusters that both have."""
    pairs: dict[str, tuple[Measurement, Measurement, Difference | None]] = {}
    for name, found in first.items():
        other = second.get(name)
        if found is not None and other is not None:
            other = _by_the_yardstick_of(found, other)
            enough = min(found.n, other.n) >= METRICS[name].minimum
            pairs[name] = found, other, _difference(METRICS[name], found, other, seed) if enough else None
    known = [difference for _, _, difference in pairs.values() if difference is not None]
    adjusted = iter(holm([difference.p for difference in known]))
    return Comparison(
        against, {name: _row(found, other, difference, adjusted) for name, (found, other, difference) in pairs.items()}
    )


def _row(found: Measurement, other: Measurement, difference: Difference | None, adjusted: Iterator[float]) -> Compared:
    if difference is None:
        return Compared(found.value, other.value, None, None, None, None, "not enough data")
    p = next(adjusted)
    outcome: Outcome = "undecided" if p > LEVEL else "better" if difference.value > 0 else "worse"
    return Compared(found.value, other.value, *difference[:3], p, outcome)


def _by_the_yardstick_of(found: Measurement, other: Measurement) -> Measurement:
    """Replace the sums of the second run's base model by those of the first, in the clusters that both have."""
    if not found.yardstick:
        return other
    sums = {cluster: vector.copy() for cluster, vector in other.sums.items() if cluster in found.sums}
    for cluster, vector in sums.items():
        vector[[*found.yardstick]] = found.sums[cluster][[*found.yardstick]]
    return replace(other, sums=sums) if sums else other


def _difference(metric: Metric, found: Measurement, other: Measurement, seed: int) -> Difference | None:
    if found.is_square:  # all of these aim for less
        return paired_roots(other.sums, found.sums, found.statistic)
    return paired_bootstrap(found.sums, other.sums, _goodness(metric, found.statistic), seed)


def _goodness(metric: Metric, statistic: Statistic) -> Statistic:
    """Return a metric's statistic, turned so that more is better."""
    if metric.aim == "ceiling":
        target = metric.target
        return lambda sums: -np.abs(statistic(sums) - target)
    return statistic if metric.aim == "more" else lambda sums: -statistic(sums)
