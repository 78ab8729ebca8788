"""A metric, its measurement of a system, and the verdict on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ventriloquist.evaluate.inputs import EvalContext, Input, System, inputs
from ventriloquist.evaluate.resampling import SCHEMES, Scheme, Statistic, Sums, units
from ventriloquist.evaluate.statistics import (
    Difference,
    Interval,
    bootstrap,
    difference,
    difference_of_squares,
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
FAILS, DIFFERS = "fails: ", "differs: "  # of a guard, of a metric without a floor
TOO_MUCH, TOO_LITTLE = "too much", "too little"  # after either
CLOSE_SHARE = 0.75  # of the way from floor to ceiling


@dataclass(frozen=True)
class Measurement:
    """A metric's measurement of a system: sums by cluster, and the statistic that makes the figure of their total."""

    n: int  # messages
    sums: Sums
    statistic: Statistic
    exact: Callable[[Sums, Scheme], Interval] | None = None  # computes the interval; None: a bootstrap does
    is_square: bool = False  # a mean square: noise is subtracted from it, and the figure is its root
    yardstick: tuple[int, ...] = ()  # which sums belong to the system's own base model
    detail: Mapping[str, Any] = field(default_factory=dict)  # for charts; JSON can hold it

    @property
    def value(self) -> float:
        if self.is_square:  # without the larger of both noises: what either kind of chance explains is no distance
            return min(root_of_square(self.sums, self.statistic, scheme).value for scheme in SCHEMES)
        return float(self.statistic(units(self.sums, "these").total))

    def interval(self, seed: int, scheme: Scheme = "these") -> Interval:
        if self.exact:
            return self.exact(self.sums, scheme)
        if self.is_square:
            return Interval(*root_of_square(self.sums, self.statistic, scheme)[1:])
        return bootstrap(self.sums, self.statistic, seed, scheme)

    def over(self, other: Measurement, seed: int, scheme: Scheme) -> Interval:
        """Return the interval of this figure minus another one, of the squares if they are squares."""
        found = self._over(other, seed, scheme)
        return Interval(-math.inf, math.inf) if found is None else Interval(found.low, found.high)

    def _over(self, other: Measurement, seed: int, scheme: Scheme) -> Difference | None:
        first, second = (self.sums, self.statistic), (other.sums, other.statistic)
        if self.is_square:
            return difference_of_squares(first, second, scheme)
        return difference(first, second, seed, scheme)


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
    low: float | None  # 95 %, for these conversations
    high: float | None
    n: int
    floor: float | None
    ceiling: float | None
    baselines: Mapping[str, float]
    verdict: str  # by the interval for these conversations
    detail: Mapping[str, Any] = field(default_factory=dict)
    reference: float | None = None
    beside_reference: str | None = None  # the paired comparison with it, in words; None if there is not enough data
    other_low: float | None = None  # 95 %, for other conversations; None if there is only one
    other_high: float | None = None
    other_verdict: str | None = None  # by that interval


Ends = tuple[float | None, float | None]
"""The figures of floor and ceiling."""
Apart = tuple[Interval | None, Interval | None]
"""The intervals of a figure minus its floor, and minus its ceiling; None for an end that is known exactly."""


def verdict(metric: Metric, n: int, value: float, interval: Interval, ends: Ends, apart: Apart = (None, None)) -> str:
    """Put a figure into words, by its interval and the metric's bounds, or by how far it is from floor and ceiling."""
    floor, ceiling = ends
    if n < metric.minimum or not all(math.isfinite(number) for number in (value, *interval)):
        return NOT_ENOUGH
    if metric.bounds is not None:
        outside = _side(interval, *metric.bounds)
        return FAILS + outside if outside else "passes"
    over_floor, over_ceiling = (
        Interval(interval.low - (end or 0), interval.high - (end or 0)) if over is None else over
        for end, over in zip(ends, apart, strict=True)
    )
    less = metric.aim == "less"
    if floor is None:
        return NOT_ENOUGH if ceiling is None else _without_floor(metric, over_ceiling)
    spread = 0.0 if ceiling is None else -(ceiling - floor) if less else ceiling - floor
    if ceiling is not None and spread <= 0:
        return NOT_ENOUGH  # real messages are not better than the floor, so nothing can be said here
    low, high = _turned(over_floor, less=less)
    if low <= 0:
        return WORSE if high < 0 else AT_FLOOR
    return BETTER if ceiling is None else _against_ceiling(metric, abs(value - floor) / spread, over_ceiling)


def _without_floor(metric: Metric, over: Interval) -> str:
    """Put a figure beside its ceiling alone, by the interval of the difference."""
    outside = _side(over, 0.0, 0.0)
    if metric.floor is None:
        return DIFFERS + outside if outside else INDISTINGUISHABLE
    if not outside:  # the floor could not be measured: perhaps other people's messages could not be told either
        return NOT_ENOUGH
    better = _turned(over, less=metric.aim == "less").low > 0
    return (CARICATURE if metric.aim == "ceiling" else ABOVE) if better else DIFFERS + outside


def _side(interval: Interval, low: float, high: float) -> str:
    """Return on which side of a range the whole interval lies; empty if they overlap."""
    return TOO_LITTLE if interval.high < low else TOO_MUCH if interval.low > high else ""


def _turned(interval: Interval, *, less: bool) -> Interval:
    """Turn the interval of a difference so that more is better."""
    return Interval(-interval.high, -interval.low) if less else interval


def _against_ceiling(metric: Metric, way: float, over: Interval) -> str:
    """Put a figure that is better than its floor into words, by the share of the way to the ceiling that it is at."""
    low, high = _turned(over, less=metric.aim == "less")
    if low > 0:
        return CARICATURE if metric.aim == "ceiling" else ABOVE
    return INDISTINGUISHABLE if high >= 0 else CLOSE if way >= CLOSE_SHARE else BETWEEN


_SURELY_BETTER = (BETTER, INDISTINGUISHABLE, CLOSE, BETWEEN, CARICATURE, ABOVE)


def only_here(metric: Metric, result: Result) -> bool:
    """Return whether a verdict claims a side of the floor, or of the bounds, that the other interval does not show."""

    def claimed(said: str | None) -> str | None:
        if (
            said is None
            or said in (NOT_ENOUGH, AT_FLOOR, "passes")
            or (said == INDISTINGUISHABLE and metric.floor is None)
        ):
            return None
        return "better" if said in _SURELY_BETTER else said

    claim = claimed(result.verdict)
    return claim is not None and claim != claimed(result.other_verdict)


def assess(metric: Metric, measured: Measurement | None, others: Mapping[str, Measurement | None], seed: int) -> Result:
    """Make a result from the measurements of a system and of its baselines."""
    known = {
        name: other for name, other in others.items() if other is not None and other.sums and math.isfinite(other.value)
    }
    baselines = {name: other.value for name, other in known.items()}
    floor, ceiling = (baselines.get(end) if isinstance(end, str) else end for end in (metric.floor, metric.ceiling))
    if measured is None or not measured.sums or not math.isfinite(measured.value):
        n = 0 if measured is None else measured.n
        return Result(None, None, None, n, floor, ceiling, baselines, NOT_ENOUGH)

    def judged(scheme: Scheme) -> tuple[Interval, str]:
        interval = measured.interval(seed, scheme)
        over_floor, over_ceiling = (
            measured.over(known[end], seed, scheme) if isinstance(end, str) and end in known else None
            for end in (metric.floor, metric.ceiling)
        )
        said = verdict(metric, measured.n, measured.value, interval, (floor, ceiling), (over_floor, over_ceiling))
        return interval, said

    (low, high), said = judged("these")
    other, other_said = judged("other")
    return Result(
        value=measured.value,
        # a square may lose more noise than its interval does
        low=min(low, measured.value) if math.isfinite(low) else None,
        high=max(high, measured.value) if math.isfinite(high) else None,
        n=measured.n,
        floor=floor,
        ceiling=ceiling,
        baselines=baselines,
        verdict=said,
        detail=measured.detail,
        reference=baselines.get(metric.reference) if metric.reference else None,
        beside_reference=_beside_reference(metric, measured, known.get(metric.reference or ""), seed),
        other_low=min(other.low, measured.value) if math.isfinite(other.low) else None,
        other_high=max(other.high, measured.value) if math.isfinite(other.high) else None,
        other_verdict=other_said if math.isfinite(other.low) else None,
    )


def _beside_reference(metric: Metric, measured: Measurement, other: Measurement | None, seed: int) -> str | None:
    """Say in words on which side of its reference a figure is, by a paired comparison; None without enough data."""
    if other is None or min(measured.n, other.n) < metric.minimum:
        return None
    low, high = _turned(measured.over(other, seed, "these"), less=metric.aim == "less")
    if not math.isfinite(low):
        return None
    return ABOVE_REFERENCE if low > 0 else BELOW_REFERENCE if high < 0 else AT_REFERENCE
