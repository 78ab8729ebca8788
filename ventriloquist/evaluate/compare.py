"""Compare two adapters on the same messages, metric by metric: better, worse, or undecided."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ventriloquist.evaluate.metric import Measurement, Metric
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.resampling import SCHEMES, Cluster, Scheme, Statistic, Sums
from ventriloquist.evaluate.statistics import Difference, difference, difference_of_roots, holm

LEVEL = 0.05  # of the adjusted p

Outcome = Literal["better", "worse", "undecided", "not enough data"]


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric's row. `difference` is None if there is not enough data."""

    first: float | None  # None if nothing could be measured
    second: float | None  # bits saved are measured over the base model of the first run
    difference: float | None  # first − second, turned so that positive is better
    low: float | None  # 95 %, for these conversations
    high: float | None
    p: float | None  # for these conversations, adjusted for the number of metrics (Holm)
    outcome: Outcome  # of the first
    other_low: float | None = None  # 95 %, for other conversations; None if there is only one
    other_high: float | None = None


@dataclass(frozen=True)
class Comparison:
    """A run compared with another one."""

    against: str
    metrics: Mapping[str, Compared]


def compare(
    against: str, first: Mapping[str, Measurement | None], second: Mapping[str, Measurement | None], seed: int
) -> Comparison:
    """Compare the measurements of two runs, paired by the clusters that both have."""
    pairs: dict[str, tuple[Measurement, Measurement, Difference | None, Difference | None]] = {}
    for name, found in first.items():
        other = second.get(name)
        if found is not None and other is not None:
            other = _by_the_yardstick_of(found, other)
            here, elsewhere = (_difference(METRICS[name], found, other, seed, scheme) for scheme in SCHEMES)
            pairs[name] = found, other, here, elsewhere
    known = [here for _, _, here, _ in pairs.values() if here is not None]
    adjusted = iter(holm([here.p for here in known]))
    return Comparison(against, {name: _row(*pair, adjusted) for name, pair in pairs.items()})


def _row(
    found: Measurement,
    other: Measurement,
    here: Difference | None,
    elsewhere: Difference | None,
    adjusted: Iterator[float],
) -> Compared:
    first, second = (one.value if math.isfinite(one.value) else None for one in (found, other))
    if here is None:
        return Compared(first, second, None, None, None, None, "not enough data")
    p = next(adjusted)
    outcome: Outcome = "undecided" if p > LEVEL else "better" if here.value > 0 else "worse"
    beside = (elsewhere.low, elsewhere.high) if elsewhere else (None, None)
    return Compared(first, second, *here[:3], p, outcome, *beside)


def _by_the_yardstick_of(found: Measurement, other: Measurement) -> Measurement:
    """Replace the sums of the second run's base model by those of the first, in the clusters that both have."""
    if not found.yardstick:
        return other
    sums = {cluster: vector.copy() for cluster, vector in other.sums.items() if cluster in found.sums}
    for cluster, vector in sums.items():
        vector[[*found.yardstick]] = found.sums[cluster][[*found.yardstick]]
    return replace(other, sums=sums) if sums else other


def _difference(metric: Metric, found: Measurement, other: Measurement, seed: int, scheme: Scheme) -> Difference | None:
    """Compare two runs on the clusters that both have; None if there are too few, or the people differ."""
    if min(found.n, other.n) < metric.minimum:
        return None
    common = found.sums.keys() & other.sums.keys()
    ours, theirs = (_of_clusters(one.sums, common) for one in (found, other))
    if not common or len({len(vector) for sums in (ours, theirs) for vector in sums.values()}) > 1:
        return None
    if found.is_square:  # all of these aim for less
        return difference_of_roots((theirs, found.statistic), (ours, found.statistic), scheme)
    goodness = _goodness(metric, found.statistic)
    return difference((ours, goodness), (theirs, goodness), seed, scheme)


def _of_clusters(sums: Sums, clusters: Collection[Cluster]) -> Sums:
    return {cluster: vector for cluster, vector in sums.items() if cluster in clusters}


def _goodness(metric: Metric, statistic: Statistic) -> Statistic:
    """Return a metric's statistic, turned so that more is better."""
    if metric.aim == "ceiling":
        target = metric.target
        return lambda sums: -np.abs(statistic(sums) - target)
    return statistic if metric.aim == "more" else lambda sums: -statistic(sums)
