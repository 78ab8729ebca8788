"""Confidence intervals and comparisons. Messages of a conversation are resampled together, as one cluster."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Cluster = tuple[int, int]
"""A conversation, and the number of a stretch of neighbouring messages in it."""
Sums = Mapping[Cluster, Array]
"""One vector of sums for each cluster, all of the same length."""
Statistic = Callable[[Array], Array]
"""Computes figures, (…), from summed vectors, (…, sums)."""

Z_95 = 1.959964  # the normal's 97.5 % quantile
RESAMPLES = 2000
MIN_CONVERSATIONS = 8  # with fewer, clusters are stretches of neighbouring messages instead of conversations


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


def share_interval(sums: Sums) -> Interval:
    """Return the 95 % interval of a share from clusters of (successes, trials).

    This is Wilson's interval at the effective sample size (Korn and Graubard, 1998), with a t quantile, since the
    design effect is estimated. A bootstrap of a share of 0 or 1 would have no width.
    """
    return _share_interval(_matrix(sums)[:, :2])


def excess_interval(sums: Sums) -> Interval:
    """Return the 95 % interval of one share minus another, from clusters of both (successes, trials).

    It is made of two Wilson intervals (Newcombe, 1998, method 10), each as in `share_interval`.
    """
    matrix = _matrix(sums)
    first, second = _share_interval(matrix[:, :2]), _share_interval(matrix[:, 2:4])
    totals = matrix.sum(axis=0)
    if not totals[1] or not totals[3]:
        return Interval(-1.0, 1.0)
    one, other = float(totals[0] / totals[1]), float(totals[2] / totals[3])
    below = math.hypot(one - first.low, second.high - other)
    above = math.hypot(first.high - one, other - second.low)
    return Interval(one - other - below, one - other + above)


def _share_interval(matrix: Array) -> Interval:
    """Return the interval of a share from (clusters, 2)."""
    successes, trials = (float(total) for total in matrix.sum(axis=0))
    count = len(matrix)
    if trials == 0 or count < 2 or successes in (0.0, trials):
        return wilson(successes, trials)
    share = successes / trials
    residuals = matrix[:, 0] - share * matrix[:, 1]
    variance = count / (count - 1) * float((residuals**2).sum()) / trials**2
    design_effect = variance / (share * (1 - share) / trials)
    if design_effect <= 1:  # messages of a cluster are no more alike than others
        return wilson(successes, trials)
    # the less clustering adds to the variance, the less the number of clusters matters
    degrees = _degrees_of_freedom(residuals) * design_effect / (design_effect - 1)
    alike = float((matrix[:, 1] ** 2).sum()) / trials  # the effect if all messages of a cluster were alike
    design_effect = max(design_effect, min(alike, design_effect * (_t_95(degrees) / Z_95) ** 2))
    return wilson(successes / design_effect, trials / design_effect)


def bootstrap(sums: Sums, statistic: Statistic, seed: int) -> Interval:
    """Return the 95 % interval of a statistic under a cluster bootstrap (Efron, 1979).

    This is a t interval with the bootstrap's standard error (Efron and Tibshirani, 1993, 12.4). Few or unequal clusters
    leave few degrees of freedom; with one cluster the interval is infinite.
    """
    matrix = _matrix(sums)
    if len(matrix) < 2:
        return Interval(-math.inf, math.inf)
    value, error, degrees = _standard_error(matrix, statistic, seed)
    half = error * _t_95(degrees)
    return Interval(value - half, value + half) if math.isfinite(half) else Interval(-math.inf, math.inf)


def _standard_error(matrix: Array, statistic: Statistic, seed: int) -> tuple[float, float, float]:
    """Return a statistic of (clusters, sums), its standard error by a bootstrap, and the degrees of freedom."""
    count, total = len(matrix), matrix.sum(axis=0)
    values = statistic(_resample(count, seed) @ matrix)
    values = values[np.isfinite(values)]
    error = float(values.std(ddof=1)) * math.sqrt(count / (count - 1)) if len(values) > 1 else math.inf
    return float(statistic(total)), error, _degrees_of_freedom(statistic(total - matrix))


def _t_95(degrees: float) -> float:
    """Return the 97.5 % quantile of Student's t."""
    from scipy import stats  # type: ignore[import-untyped]  # it has no stubs

    return float(stats.t.ppf(0.975, degrees))


def _degrees_of_freedom(without: Array) -> float:
    """Return the degrees of freedom of a variance to which some clusters contribute much more than others.

    They are (Σ u²)² / Σ u⁴, the effective number of clusters (Kish, 1965, for squares). Satterthwaite's (1946) are
    three times as many, which is right for normal u; those of conversations have heavy tails.

    Args:
        without: (clusters,), the figure without each cluster, or what each contributes. u is its distance from their
            mean.
    """
    known = without[np.isfinite(without)]
    squares = (known - known.mean()) ** 2 if len(known) else known
    if not squares.any():
        return max(1.0, len(without) - 1.0)
    return float(np.clip(squares.sum() ** 2 / (squares**2).sum(), 1, len(without) - 1))


class Estimate(NamedTuple):
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float


def root_of_square(sums: Sums, statistic: Statistic) -> Estimate:
    """Return the root of a mean square, minus its noise. It is negative if the noise is larger than the square.

    Squaring adds variance bias; a bootstrap would add it again. So the bias is estimated by leaving out each cluster in
    turn (jackknife; Quenouille, 1956; Tukey, 1958). The interval is a t interval.
    """
    matrix = _matrix(sums)
    total = matrix.sum(axis=0)
    value = float(statistic(total))
    without = statistic(total - matrix)
    without = without[np.isfinite(without)]
    count = len(without)
    if count < 2:
        return Estimate(_signed_root(value), -math.inf, math.inf)
    noise = (count - 1) * float(without.mean() - value)
    variance = (count - 1) / count * float(((without - without.mean()) ** 2).sum())
    # near 0 the jackknife misses the spread of squared noise, which has a variance of at most twice its square
    half = _t_95(count - 1) * math.sqrt(variance + 2 * noise**2)
    return Estimate(*(_signed_root(square) for square in (value - noise, value - noise - half, value - noise + half)))


def _signed_root(square: float) -> float:
    return math.copysign(math.sqrt(abs(square)), square)


class Difference(NamedTuple):
    """One figure minus another on the same messages."""

    value: float
    low: float  # 95 %
    high: float
    p: float  # two-sided, of no difference


def paired_bootstrap(first: Sums, second: Sums, statistic: Statistic, seed: int) -> Difference | None:
    """Compare a statistic of two systems by resampling the same clusters for both; None if they share too few.

    As in `bootstrap`, p is below 5 % if the interval does not contain 0.
    """
    paired = _paired(first, second, statistic)
    if paired is None:
        return None
    shared, difference = paired
    value, error, degrees = _standard_error(_matrix(shared), difference, seed)
    return _difference(value, error, degrees) if math.isfinite(value) and math.isfinite(error) else None


def _difference(value: float, error: float, degrees: float) -> Difference:
    """Return a difference with the interval and the p value of a t distribution."""
    from scipy import stats

    half = _t_95(degrees) * error
    p = 2 * float(stats.t.sf(abs(value) / error, degrees)) if error else float(not value)
    return Difference(value, value - half, value + half, p)


def paired_roots(first: Sums, second: Sums, statistic: Statistic) -> Difference | None:
    """Compare two systems by the roots of mean squares, see `root_of_square`.

    The squares are compared by a jackknife over the clusters that both have. Their difference is the difference of the
    roots times the sum of the roots.
    """
    paired = _paired(first, second, statistic)
    if paired is None:
        return None
    shared, difference = paired
    roots = [
        root_of_square({cluster: sums[cluster] for cluster in shared}, statistic).value for sums in (first, second)
    ]
    matrix = _matrix(shared)
    total, count = matrix.sum(axis=0), len(matrix)
    without = difference(total - matrix)
    if not np.isfinite(without).all() or sum(roots) <= 0:
        return None  # both may be noise
    variance = (count - 1) / count * float(((without - without.mean()) ** 2).sum())
    return _difference(roots[0] - roots[1], math.sqrt(variance) / sum(roots), count - 1)


def _paired(first: Sums, second: Sums, statistic: Statistic) -> tuple[Sums, Statistic] | None:
    """Return the sums of both side by side, by shared cluster, and the statistic of their difference."""
    shared = {cluster: np.concatenate([first[cluster], second[cluster]]) for cluster in first if cluster in second}
    if len(shared) < 2:
        return None
    width = len(next(iter(first.values())))
    if any(len(vector) != 2 * width for vector in shared.values()):
        return None  # they were measured on different people
    return shared, lambda totals: statistic(totals[..., :width]) - statistic(totals[..., width:])


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for their number (Holm, 1979)."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def _resample(count: int, seed: int) -> Array:
    """Return how often each of `count` clusters is drawn in each resample, (RESAMPLES, count)."""
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(np.float64)


def _matrix(sums: Sums) -> Array:
    """Stack the clusters, (clusters, sums): conversations if there are enough of them, else stretches."""
    conversations: dict[int, Array] = {}
    for (conversation, _), vector in sums.items():
        conversations[conversation] = conversations.get(conversation, np.zeros_like(vector)) + vector
    chosen = conversations if len(conversations) >= MIN_CONVERSATIONS else sums
    return np.stack(list(chosen.values())) if chosen else np.zeros((0, 2))
