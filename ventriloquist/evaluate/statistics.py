"""Intervals: no number without one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.959964  # the normal's 97.5 % quantile
RESAMPLES = 2000


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, 1927); (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    share = successes / trials
    scale = 1 + Z_95**2 / trials
    centre = (share + Z_95**2 / (2 * trials)) / scale
    half = Z_95 / scale * math.sqrt(share * (1 - share) / trials + Z_95**2 / (4 * trials**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def bootstrap(
    clusters: Sequence[NDArray[np.float64]], statistic: Callable[[NDArray[np.float64]], float], seed: int
) -> tuple[float, float]:
    """Return the 95 % percentile interval of a statistic under a cluster bootstrap (Efron, 1979).

    Args:
        clusters: one vector of sums a cluster, all of one length; what stands together is drawn together.
        statistic: of the summed vector.
    """
    sums = np.stack(clusters)
    generator = np.random.default_rng(seed)
    draws = generator.integers(0, len(sums), size=(RESAMPLES, len(sums)))
    values = [statistic(sums[draw].sum(axis=0)) for draw in draws]
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
