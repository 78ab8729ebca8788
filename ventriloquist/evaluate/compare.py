"""Two adapters on the same messages: which one is better, worse, or undecided, metric by metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ventriloquist.evaluate.metric import Found, Metric
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.statistics import Difference, Statistic, holm, paired_bootstrap

LEVEL = 0.05  # of the adjusted p


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric's row."""

    first: float
    second: float
    difference: float  # first − second in the metric's own direction: positive is better
    low: float  # 95 %
    high: float
    p: float  # adjusted for the number of metrics (Holm)
    outcome: Literal["better", "worse", "undecided"]  # the first


@dataclass(frozen=True)
class Comparison:
    """A run compared with another one."""

    against: str
    metrics: Mapping[str, Compared]


def compare(
    against: str, first: Mapping[str, Found | None], second: Mapping[str, Found | None], seed: int
) -> Comparison:
    """Compare what was found about two runs, by a paired bootstrap over what both were measured on."""
    differences: dict[str, tuple[Found, Found, Difference]] = {}
    for name, found in first.items():
        other = second.get(name)
        if found is None or other is None or min(found.n, other.n) < METRICS[name].minimum:
            continue
        difference = paired_bootstrap(found.sums, other.sums, _goodness(METRICS[name], found.statistic), seed)
        if difference is not None:
            differences[name] = found, other, difference
    adjusted = holm([difference.p for _, _, difference in differences.values()])
    return Comparison(
        against,
        {
            name: Compared(
                *(found.value, other.value, difference.value, difference.low, difference.high, p),
                outcome="undecided" if p > LEVEL else "better" if difference.value > 0 else "worse",
            )
            for (name, (found, other, difference)), p in zip(differences.items(), adjusted, strict=True)
        },
    )


def _goodness(metric: Metric, statistic: Statistic) -> Statistic:
    """Return a metric's figure, turned so that more is better."""
    if metric.aim == "ceiling":
        target = metric.target
        return lambda sums: -np.abs(statistic(sums) - target)
    return statistic if metric.aim == "more" else lambda sums: -statistic(sums)
