"""What a metric is, what it finds, and what that means in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ventriloquist.evaluate.records import Subject, World
from ventriloquist.evaluate.statistics import Interval, Statistic, Sums, bootstrap, root_of_square

Aim = Literal["more", "less", "ceiling"]  # "ceiling": as much as real people, neither more nor less
Need = Literal["scores", "written", "messages", "names", "ranked", "swapped"]
Unit = Literal["share", "points", "bits", "ratio"]

NOT_ENOUGH = "not enough data"
INDISTINGUISHABLE = "indistinguishable at this n"
CLOSE = "close"
BETWEEN = "between"
CARICATURE = "caricature"
AT_FLOOR = "no better than the floor"
BETTER = "better than the floor"  # where there is no ceiling that anybody knows
WORSE = "worse than the floor"
ABOVE = "above the ceiling"  # better than what bounds it elsewhere
TOO_MUCH, TOO_LITTLE = "too much", "too little"  # after "fails: " of a guard, after "differs: " of what has no floor
CLOSE_SHARE = 0.75  # of the way from floor to ceiling


@dataclass(frozen=True)
class Found:
    """What a metric finds about a subject: sums by cluster, and the figure that follows from their total."""

    n: int  # messages
    sums: Sums
    statistic: Statistic
    exact: Callable[[Sums], Interval] | None = None  # an interval of its own; None: a bootstrap
    is_square: bool = False  # a mean square, to which noise adds: that is taken off, and the figure is the root
    yardstick: tuple[int, ...] = ()  # of the sums: what the subject is measured against that is its own, as its base
    detail: Mapping[str, Any] = field(default_factory=dict)  # what charts show; JSON can hold it

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
    """One row of the METRICS table. `measure` is pure; None where the subject cannot be measured so."""

    title: str
    question: str  # that its figure answers, as a card asks it
    unit: Unit
    aim: Aim
    minimum: int  # messages under which the verdict is "not enough data"
    needs: Need  # of the subject
    measure: Callable[[Subject, World], Found | None]
    floor: str | float | None = None  # a subject's name, or a constant that is known
    ceiling: str | float | None = None  # the same; None: nothing bounds it
    baselines: tuple[str, ...] = ()  # further subjects that are shown
    target: float = 1.0  # where the aim is "ceiling": what is exactly right
    bounds: tuple[float, float] | None = None  # a guard: it fails where the interval lies outside
    by_person: bool = True

    @property
    def compared(self) -> tuple[str, ...]:
        """Return the subjects that the figure stands between or beside."""
        ends = (end for end in (self.floor, self.ceiling) if isinstance(end, str))
        return tuple(dict.fromkeys((*ends, *self.baselines)))


@dataclass(frozen=True)
class Result:
    """A figure as it is reported. `value` is None where there is nothing to measure."""

    value: float | None
    low: float | None  # 95 %
    high: float | None
    n: int
    floor: float | None
    ceiling: float | None
    baselines: Mapping[str, float]
    verdict: str
    detail: Mapping[str, Any] = field(default_factory=dict)


def verdict(metric: Metric, n: int, value: float, interval: Interval, ends: tuple[float | None, float | None]) -> str:
    """Say in words what a figure means: on which side of its bounds, or of its floor and ceiling, its interval lies."""
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
    """Say on which side of a range all of an interval lies; nothing where it reaches into it."""
    return TOO_LITTLE if interval.high < low else TOO_MUCH if interval.low > high else ""


def _against_floor(metric: Metric, floor: float, interval: Interval) -> str:
    """Say which side of the floor an interval lies on."""
    low, high, edge = (
        (interval.low, interval.high, floor) if metric.aim != "less" else (-interval.high, -interval.low, -floor)
    )
    return BETTER if low > edge else WORSE if high < edge else AT_FLOOR


def _between(metric: Metric, value: float, interval: Interval, floor: float, ceiling: float) -> str:
    """Say where an interval lies on the way from other people (0) to real messages (1)."""
    spread = ceiling - floor
    if spread == 0 or (spread < 0) != (metric.aim == "less"):
        return NOT_ENOUGH  # real messages do not stand apart from the floor: nothing can be told here
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


def assess(metric: Metric, found: Found | None, others: Mapping[str, Found | None], seed: int) -> Result:
    """Make a result of what was found about a subject and about its baselines."""
    baselines = {
        name: other.value for name, other in others.items() if other is not None and math.isfinite(other.value)
    }
    floor = baselines.get(metric.floor) if isinstance(metric.floor, str) else metric.floor
    ceiling = baselines.get(metric.ceiling) if isinstance(metric.ceiling, str) else metric.ceiling
    if found is None or not found.sums or not math.isfinite(found.value):
        return Result(None, None, None, 0 if found is None else found.n, floor, ceiling, baselines, NOT_ENOUGH)
    interval = found.interval(seed)
    said = verdict(metric, found.n, found.value, interval, (floor, ceiling))
    low, high = (value if math.isfinite(value) else None for value in interval)
    if low is None or high is None:
        said = NOT_ENOUGH
    return Result(found.value, low, high, found.n, floor, ceiling, baselines, said, found.detail)
