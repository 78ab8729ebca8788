"""Intervals that are where statistics says they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ventriloquist.evaluate.statistics import bootstrap, wilson


def test_wilson_is_the_published_interval() -> None:
    assert wilson(10, 20) == pytest.approx((0.2993, 0.7007), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 500), st.data())
def test_wilson_holds_the_share(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    low, high = wilson(successes, trials)
    assert 0 <= low <= successes / trials + 1e-12
    assert successes / trials - 1e-12 <= high <= 1


def test_the_bootstrap_covers_a_known_mean_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for seed in range(60):
        clusters = [np.array([1.0, value]) for value in generator.normal(3, 1, size=40)]
        low, high = bootstrap(clusters, lambda sums: float(sums[1] / sums[0]), seed)
        covered += low <= 3 <= high
    assert covered >= 50


def test_what_is_drawn_together_widens_the_interval() -> None:
    values = np.repeat(np.random.default_rng(1).normal(size=10), 10)
    alone = bootstrap([np.array([1.0, value]) for value in values], lambda sums: float(sums[1] / sums[0]), 0)
    clusters = [np.array([10.0, part.sum()]) for part in values.reshape(10, 10)]
    together = bootstrap(clusters, lambda sums: float(sums[1] / sums[0]), 0)
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])
