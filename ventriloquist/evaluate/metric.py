"""A metric, its measurement of a system, and the verdict on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ventriloquist.evaluate.inputs import EvalContext, Input, System, inputs
from ventriloquist.evaluate.statistics import (
    Interval,
    Statistic,
    Sums,
    bootstrap,
    paired_bootstrap,
    paired_roots,
    root_of_square,
)

Aim = Literal["more", "less", "ceiling"]  # "ceiling": as much as real people, neither more nor less
Unit = Literal["share", "points", "bits", "ratio"]

NOT_ENOUGH = "not enough data"
INDISTINGUISHABLE = "indistinguishable at this n"
CLOSE = "close"
BETWEEN = "between"
CARICATURE = "caricature"
AT_FLOOR = "no better than the floor"
BETTER = "better than the floor"  # of a metric without a known ceiling
WORSE = "worse than the floor"
ABOVE = "above the ceiling"  # better than the ceiling's baseline
ABOVE_REFERENCE = "above the reference at this n"  # better than it
AT_REFERENCE = "at the reference at this n"
BELOW_REFERENCE = "below the reference at this n"
TOO_MUCH, TOO_LITTLE = "too much", "too little"  # after "fails: " of a guard, "differs: " of a metric without a floor
CLOSE_SHARE = 0.75  # of the way from floor to ceiling


@dataclass(frozen=True)
class Measurement:
    """A metric's measurement of a system: sums by cluster, and the statistic that makes the figure of their total."""

    n: int  # messages
    sums: Sums
    statistic: Statistic
    exact: Callable[[Sums], Interval] | None = None  # computes the interval; None: a bootstrap does
    is_square: bool = False  # a mean square: noise is subtracted from it, and the figure is its root
    yardstick: tuple[int, ...] = ()  # which sums belong to the system's own base model
    detail: Mapping[str, Any] = field(default_factory=dict)  # for charts; JSON can hold it

    @property
    def value(self) -> float:
        if self.is_square:
            return root_of_square(self.sums, self.statistic).value
        return float(self.statistic(np.sum(list(self.sums.values()), axis=0)))

    def interval(self, seed: int) -> Interval:
        if self.exact:
            return self.exact(self.sums)
        if self.is_square:
            return Interval(*root_of_square(self.sums, self.statistic)[1:])
        return bootstrap(self.sums, self.statistic, seed)


@dataclass(frozen=True)
class Metric:
    """One row of the METRICS table."""

    title: str
    question: str  # that the figure answers; shown on its card
    aim: Aim
    takes: type[Input]
    compute: Callable[[Any], Measurement | None]  # pure; returns None if its input is too small
    unit: Unit = "share"
    minimum: int = 50  # messages; with fewer the verdict is "not enough data"
    floor: str | float | None = None  # the name of a baseline, or a known constant
    ceiling: str | float | None = None  # likewise; None: there is no known ceiling
    baselines: tuple[str, ...] = ()  # further ones that are shown
    reference: str | None = None  # the name of a baseline to compare with; it has no effect on the verdict
    target: float = 1.0  # the ideal value if the aim is "ceiling"
    bounds: tuple[float, float] | None = None  # of a guard: it fails if the whole interval lies outside
    by_person: bool = True

    @property
    def ends(self) -> tuple[str, ...]:
        """Return the names of the baselines that are floor and ceiling."""
        return tuple(end for end in (self.floor, self.ceiling) if isinstance(end, str))

    @property
    def compared(self) -> tuple[str, ...]:
        """Return the names of all baselines."""
        return tuple(dict.fromkeys((*self.ends, *([self.reference] if self.reference else []), *self.baselines)))

    def measure(self, system: System, context: EvalContext) -> Measurement | None:
        """Measure a system; None if it has not enough outputs of the type that this metric takes."""
        return next((self.compute(one) for one in inputs(system, context) if isinstance(one, self.takes)), None)


@dataclass(frozen=True)
class Result:
    """A figure as it is reported. `value` is None if nothing could be measured."""

    value: float | None
    low: float | None  # 95 %
    high: float | None
    n: int
    floor: float | None
    ceiling: float | None
    baselines: Mapping[str, float]
    verdict: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    reference: float | None = None
    beside_reference: str | None = None  # the paired comparison with it, in words; None if there is not enough data


def verdict(metric: Metric, n: int, value: float, interval: Interval, ends: tuple[float | None, float | None]) -> str:
    """Put a figure into words, by its interval and the metric's bounds, or its floor and ceiling."""
    floor, ceiling = ends
    if n < metric.minimum or not all(math.isfinite(number) for number in (value, *interval)):
        return NOT_ENOUGH
    if metric.bounds is not None:
        outside = _side(interval, *metric.bounds)
        return f"fails: {outside}" if outside else "passes"
    if floor is None and ceiling is not None:
        outside = _side(interval, ceiling, ceiling)
        return f"differs: {outside}" if outside else INDISTINGUISHABLE
    if floor is None:
        return NOT_ENOUGH
    if ceiling is None:
        return _against_floor(metric, floor, interval)
    return _between(metric, value, interval, floor, ceiling)


def _side(interval: Interval, low: float, high: float) -> str:
    """Return on which side of a range the whole interval lies; empty if they overlap."""
    return TOO_LITTLE if interval.high < low else TOO_MUCH if interval.low > high else ""


def _against_floor(metric: Metric, floor: float, interval: Interval) -> str:
    low, high, edge = (
        (interval.low, interval.high, floor) if metric.aim != "less" else (-interval.high, -interval.low, -floor)
    )
    return BETTER if low > edge else WORSE if high < edge else AT_FLOOR


def _between(metric: Metric, value: float, interval: Interval, floor: float, ceiling: float) -> str:
    """Return where an interval lies between other people (0) and real messages (1)."""
    spread = ceiling - floor
    if spread == 0 or (spread < 0) != (metric.aim == "less"):
        return NOT_ENOUGH  # real messages are not better than the floor, so nothing can be said here
    low, high = sorted(((interval.low - floor) / spread, (interval.high - floor) / spread))
    if high < 0:
        return WORSE
    if low <= 0:
        return AT_FLOOR
    if low > 1:
        return CARICATURE if metric.aim == "ceiling" else ABOVE
    if high >= 1:
        return INDISTINGUISHABLE
    return CLOSE if (value - floor) / spread >= CLOSE_SHARE else BETWEEN


def assess(metric: Metric, measured: Measurement | None, others: Mapping[str, Measurement | None], seed: int) -> Result:
    """Make a result from the measurements of a system and of its baselines."""
    baselines = {
        name: other.value for name, other in others.items() if other is not None and math.isfinite(other.value)
    }
    floor = baselines.get(metric.floor) if isinstance(metric.floor, str) else metric.floor
    ceiling = baselines.get(metric.ceiling) if isinstance(metric.ceiling, str) else metric.ceiling
    if measured is None or not measured.sums or not math.isfinite(measured.value):
        n = 0 if measured is None else measured.n
        return Result(None, None, None, n, floor, ceiling, baselines, NOT_ENOUGH)
    interval = measured.interval(seed)
    said = verdict(metric, measured.n, measured.value, interval, (floor, ceiling))
    low, high = (value if math.isfinite(value) else None for value in interval)
    if low is None or high is None:
        said = NOT_ENOUGH
    reference, beside = None, None
    if metric.reference is not None:
        reference = baselines.get(metric.reference)
        beside = beside_reference(metric, measured, others.get(metric.reference), seed)
    return Result(
        measured.value, low, high, measured.n, floor, ceiling, baselines, said, measured.detail, reference, beside
    )


def beside_reference(metric: Metric, measured: Measurement, other: Measurement | None, seed: int) -> str | None:
    """Say in words on which side of its reference a figure is, by a paired comparison; None without enough data."""
    if other is None or min(measured.n, other.n) < metric.minimum:
        return None
    if measured.is_square:
        difference = paired_roots(measured.sums, other.sums, measured.statistic)
    else:
        difference = paired_bootstrap(measured.sums, other.sums, measured.statistic, seed)
    if difference is None:
        return None
    low, high = difference.low, difference.high
    if metric.aim == "less":
        low, high = -high, -low
    return ABOVE_REFERENCE if low > 0 else BELOW_REFERENCE if high < 0 else AT_REFERENCE
