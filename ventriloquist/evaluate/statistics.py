"""Confidence intervals and comparisons, for these conversations and for other ones (see `resampling`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ventriloquist.evaluate.resampling import Cluster, Scheme, Statistic, Sums, Units, units

Z_95 = 1.959964  # the normal's 97.5 % quantile
EVERYTHING = (-math.inf, math.inf)
ENOUGH_RESAMPLES = 0.95  # must have a figure: without it for more of them, no 95 % interval is known


class Interval(NamedTuple):
    low: float
    high: float


def wilson(successes: float, trials: float) -> Interval:
    """Return the 95 % interval of a share (Wilson, 1927); (0, 1) without trials."""
    if trials <= 0:
        return Interval(0.0, 1.0)
    share = successes / trials
    scale = 1 + Z_95**2 / trials
    centre = (share + Z_95**2 / (2 * trials)) / scale
    half = Z_95 / scale * math.sqrt(share * (1 - share) / trials + Z_95**2 / (4 * trials**2))
    # by the formula the interval reaches 0 or 1; rounding may prevent it
    return Interval(max(0.0, centre - half) if successes else 0.0, min(1.0, centre + half) if share < 1 else 1.0)


def share_interval(sums: Sums, scheme: Scheme = "these") -> Interval:
    """Return the 95 % interval of a share from clusters of (successes, trials); infinite for others of one cluster.

    This is Wilson's interval at the effective sample size (Korn and Graubard, 1998), with a t quantile, since the
    design effect is estimated. A bootstrap of a share of 0 or 1 would have no width.
    """
    return _share_interval(sums, 0, scheme)


def excess_interval(sums: Sums, scheme: Scheme = "these") -> Interval:
    """Return the 95 % interval of one share minus another, from clusters of both (successes, trials).

    It is made of two Wilson intervals (Newcombe, 1998, method 10), each as in `share_interval`.
    """
    totals = units(sums, scheme).total
    if not totals[1] or not totals[3]:
        return Interval(-1.0, 1.0)
    first, second = _share_interval(sums, 0, scheme), _share_interval(sums, 2, scheme)
    one, other = float(totals[0] / totals[1]), float(totals[2] / totals[3])
    below = math.hypot(one - first.low, second.high - other)
    above = math.hypot(first.high - one, other - second.low)
    return Interval(one - other - below, one - other + above)


def _share_interval(sums: Sums, column: int, scheme: Scheme) -> Interval:
    """Return the interval of a share, of the successes in a column and the trials in the next one."""
    drawn = units({key: vector[column : column + 2] for key, vector in sums.items() if vector[column + 1] > 0}, scheme)
    successes, trials = (float(total) for total in drawn.total)
    if scheme == "other" and len(drawn) < 2:
        return Interval(*EVERYTHING)
    if trials == 0 or len(drawn) < 2 or successes in (0.0, trials):
        return wilson(successes, trials)
    share = successes / trials
    influences = drawn.linear((drawn.matrix[:, 0] - share * drawn.matrix[:, 1]) / trials)
    independent = _variance_of_independent(drawn, share)
    alone = share * (1 - share) / independent  # as many independent messages are as certain as those of the strata
    design_effect = float((influences**2).sum()) / independent
    if design_effect <= 1:  # messages of a cluster are no more alike than others
        return wilson(share * alone, alone)
    degrees = drawn.degrees_of_freedom(influences)
    if scheme == "these":  # the less clustering adds to the variance, the less the number of clusters matters
        degrees *= design_effect / (design_effect - 1)
    alike = float((drawn.matrix[:, 1] ** 2).sum()) / trials  # the effect if all messages of a cluster were alike
    design_effect = max(design_effect, min(alike, design_effect * (t_95(degrees) / Z_95) ** 2))
    return wilson(share * alone / design_effect, alone / design_effect)


def _variance_of_independent(drawn: Units, share: float) -> float:
    """Return the variance of a share if the messages of a stratum were independent of each other.

    A stratum's own share may be 0 or 1 by chance. So of two estimates the larger is used: the one without bias, and one
    with two messages of the overall share added.
    """
    if len(np.unique(drawn.strata)) == 1:
        return share * (1 - share) / float(drawn.total[1])
    summed = 0.0
    for members in drawn.members():
        successes, trials = drawn.matrix[members].sum(axis=0)
        own, added = successes / trials, (successes + 2 * share) / (trials + 2)
        summed += trials * max(own * (1 - own) * trials / max(1.0, trials - 1), added * (1 - added))
    return float(summed / drawn.total[1] ** 2)


def bootstrap(sums: Sums, statistic: Statistic, seed: int, scheme: Scheme = "these") -> Interval:
    """Return the 95 % interval of a statistic under a bootstrap of clusters (Efron, 1979).

    This is a t interval with the bootstrap's standard error (Efron and Tibshirani, 1993, 12.4). Few or unequal clusters
    leave few degrees of freedom. With one cluster the interval is infinite, and also if the statistic has no value for
    more than a twentieth of the resamples, as a ratio whose divisor may be 0 or of either sign.
    """
    drawn = units(sums, scheme)
    if len(drawn) < 2:
        return Interval(*EVERYTHING)
    value, error, degrees = _standard_error(drawn, statistic, seed)
    half = error * t_95(degrees)
    return Interval(value - half, value + half) if math.isfinite(half) else Interval(*EVERYTHING)


def _standard_error(drawn: Units, statistic: Statistic, seed: int) -> tuple[float, float, float]:
    """Return a statistic, its standard error by a bootstrap, and the degrees of freedom."""
    drawn_again = statistic(drawn.totals(seed))
    values = drawn_again[np.isfinite(drawn_again)]
    error = float(values.std(ddof=1)) if len(values) >= ENOUGH_RESAMPLES * len(drawn_again) else math.inf
    return float(statistic(drawn.total)), error, drawn.degrees_of_freedom(drawn.influences(statistic))


def t_95(degrees: float) -> float:
    """Return the 97.5 % quantile of Student's t."""
    from scipy import stats  # type: ignore[import-untyped]  # it has no stubs

    return float(stats.t.ppf(0.975, degrees))


class Estimate(NamedTuple):
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float


def root_of_square(sums: Sums, statistic: Statistic, scheme: Scheme = "these") -> Estimate:
    """Return the root of a mean square, minus its noise. It is negative if the noise is larger than the square.

    The interval is a t interval of the square.

    Args:
        sums: the first half of each vector is of generated messages, and the other half of real ones.
    """
    square = _square(units(sums, scheme, _sides(sums)), statistic)
    half = t_95(square.degrees) * square.error if math.isfinite(square.error) else math.inf
    return Estimate(*(_signed_root(one) for one in (square.value, square.value - half, square.value + half)))


class _Square(NamedTuple):
    value: float
    error: float
    degrees: float


def _square(drawn: Units, statistic: Statistic, parts: Sequence[Statistic] = ()) -> _Square:
    """Return a mean square without its noise, and its standard error.

    Squaring adds variance bias; a bootstrap would add it again. So the bias is estimated by leaving out each cluster in
    turn (jackknife; Quenouille, 1956; Tukey, 1958; for strata Jones, 1974).

    Args:
        parts: the squares that it is made of, if it is a difference.
    """
    value = float(statistic(drawn.total))
    if len(drawn) < 2:
        return _Square(value, math.inf, 1)
    left = drawn.without_each()
    influences = drawn.spread(statistic(left))
    noise = drawn.bias(statistic(left), value)
    # near 0 the jackknife misses the spread of squared noise, which has a variance of at most twice its square
    noises = [drawn.bias(part(left), float(part(drawn.total))) for part in parts] or [noise]
    error = math.sqrt(float((influences**2).sum()) + 2 * sum(one**2 for one in noises))
    return _Square(value - noise, error, drawn.degrees_of_freedom(influences))


def _sides(sums: Sums) -> dict[Cluster, tuple[bool, bool]]:
    """Return for each stretch whether it has generated messages, and whether it has real ones.

    Those that have the same are drawn together. Otherwise a habit of a whole conversation would count as noise,
    although both sides have it.
    """
    return {
        cluster: (bool(vector[: len(vector) // 2].any()), bool(vector[len(vector) // 2 :].any()))
        for cluster, vector in sums.items()
    }


def _signed_root(square: float) -> float:
    return math.copysign(math.sqrt(abs(square)), square)


class Difference(NamedTuple):
    """One figure minus another."""

    value: float
    low: float  # 95 %
    high: float
    p: float  # two-sided, of no difference


Figure = tuple[Sums, Statistic]
"""Sums, and the statistic that makes the figure of their total."""


def difference(first: Figure, second: Figure, seed: int, scheme: Scheme = "these") -> Difference | None:
    """Compare two figures by drawing clusters for both at once; None if there are too few.

    Either may have clusters that the other lacks. As in `bootstrap`, p is below 5 % if the interval does not contain 0.
    """
    drawn, (one, other) = _paired(first, second, scheme)
    if len(drawn) < 2:
        return None
    value, error, degrees = _standard_error(drawn, lambda totals: one(totals) - other(totals), seed)
    return _difference(value, error, degrees)


def difference_of_squares(first: Figure, second: Figure, scheme: Scheme = "these") -> Difference | None:
    """Compare two mean squares without their noise, see `root_of_square`; None if there are too few clusters."""
    drawn, parts = _paired(first, second, scheme, are_squares=True)
    if len(drawn) < 2:
        return None
    return _difference(*_square(drawn, lambda totals: parts[0](totals) - parts[1](totals), parts))


def difference_of_roots(first: Figure, second: Figure, scheme: Scheme = "these") -> Difference | None:
    """Compare the roots of two mean squares; None if neither is larger than its noise.

    The difference of the squares is that of the roots times the sum of the roots. The root of a square that is smaller
    than its noise counts with its size: otherwise the sum may be near 0, and the difference larger than both roots.
    """
    squares = difference_of_squares(first, second, scheme)
    roots = [root_of_square(*figure, scheme).value for figure in (first, second)]
    summed = sum(map(abs, roots))
    if squares is None or max(roots) <= 0:
        return None
    return Difference(squares.value / summed, squares.low / summed, squares.high / summed, squares.p)


def _difference(value: float, error: float, degrees: float) -> Difference | None:
    """Return a difference with the interval and the p value of a t distribution; None if nothing is known of it."""
    from scipy import stats

    if not math.isfinite(value) or not math.isfinite(error):
        return None
    half = t_95(degrees) * error
    p = 2 * float(stats.t.sf(abs(value) / error, degrees)) if error else float(not value)
    return Difference(value, value - half, value + half, p)


def _paired(
    first: Figure, second: Figure, scheme: Scheme, *, are_squares: bool = False
) -> tuple[Units, tuple[Statistic, Statistic]]:
    """Return the sums of both side by side, and the statistic of each in them.

    Of a conversation's stretches, those that both have and those that one of them has are drawn separately: how many
    messages each was measured on is no accident.
    """
    (ours, one), (theirs, other) = first, second
    empty = [np.zeros_like(next(iter(sums.values()), np.zeros(0))) for sums in (ours, theirs)]
    width = len(empty[0])
    both = {
        cluster: np.concatenate([ours.get(cluster, empty[0]), theirs.get(cluster, empty[1])])
        for cluster in {**ours, **theirs}
    }
    sides = [_sides(sums) if are_squares else {} for sums in (ours, theirs)]
    kinds = {cluster: (cluster in ours, cluster in theirs, *(side.get(cluster) for side in sides)) for cluster in both}
    return units(both, scheme, kinds), (
        lambda totals: one(totals[..., :width]),
        lambda totals: other(totals[..., width:]),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for their number (Holm, 1979)."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted
