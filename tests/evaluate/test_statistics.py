"""Intervals that are where statistics says they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ventriloquist.evaluate.resampling import Array, Sums
from ventriloquist.evaluate.statistics import (
    bootstrap,
    difference,
    excess_interval,
    holm,
    root_of_square,
    share_interval,
    wilson,
)
from ventriloquist.evaluate.tally import ratio, share


def clusters(vectors: list[list[float]]) -> Sums:
    return {(number, 0): np.array(vector, dtype=float) for number, vector in enumerate(vectors)}


def mean(sums: Array) -> Array:
    return np.asarray(sums[..., 1] / sums[..., 0])


def test_wilson_is_the_published_interval() -> None:
    assert wilson(10, 20) == pytest.approx((0.2993, 0.7007), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
    assert all(wilson(n, n).high == 1 and wilson(0, n).low == 0 for n in range(1, 1000))


@given(st.integers(1, 500), st.data())
def test_wilson_holds_the_share(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    low, high = wilson(successes, trials)
    assert 0 <= low <= successes / trials + 1e-12
    assert successes / trials - 1e-12 <= high <= 1


@pytest.mark.parametrize("count", [6, 40])
def test_the_bootstrap_covers_a_known_mean_about_as_often_as_it_says(count: int) -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for seed in range(100):
        low, high = bootstrap(clusters([[1, value] for value in generator.normal(3, 1, size=count)]), mean, seed)
        covered += low <= 3 <= high
    assert 88 <= covered <= 99


def test_the_bootstrap_covers_also_where_a_few_clusters_are_most_of_the_messages() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        sizes = np.r_[np.full(3, 100.0), np.full(27, 2.0)]
        means = generator.normal(3, 1, size=30)
        low, high = bootstrap(clusters(np.stack([sizes, sizes * means], axis=1)), mean, seed)
        covered += low <= 3 <= high
    assert 190 <= covered <= 198


def test_of_one_cluster_nothing_is_known() -> None:
    assert bootstrap(clusters([[1, 3]]), mean, 0) == (-np.inf, np.inf)


def test_of_a_ratio_whose_divisor_may_be_below_0_nothing_is_known() -> None:
    def points(sums: Array) -> Array:  # as a style match, where real messages may score no higher than others
        return ratio(sums[..., 0], sums[..., 1])

    generator = np.random.default_rng(0)
    sure, unsure = (
        bootstrap(clusters(generator.normal((1, divisor), 1, size=(40, 2)).tolist()), points, 0) for divisor in (1, 0.1)
    )
    assert np.isfinite(sure).all()
    assert unsure == (-np.inf, np.inf)


def test_what_is_drawn_together_widens_the_interval() -> None:
    values = np.repeat(np.random.default_rng(1).normal(size=10), 10)
    alone = bootstrap(clusters([[1, value] for value in values]), mean, 0)
    together = bootstrap(clusters([[10, part.sum()] for part in values.reshape(10, 10)]), mean, 0)
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_a_share_of_clusters_that_agree_within_is_less_certain_than_wilson_says() -> None:
    agreeing = clusters([[10, 10], [0, 10]] * 5)
    mixed = clusters([[5, 10]] * 10)
    assert share_interval(mixed) == wilson(50, 100)
    assert share_interval(agreeing).low < wilson(50, 100).low - 0.1
    assert share_interval(clusters([[10, 10]] * 10)) == wilson(100, 100)


@pytest.mark.parametrize(("rare", "least"), [(0.1, 265), (0.3, 260), (0.03, 200)])
def test_the_interval_of_a_share_that_few_conversations_have_covers_it_mostly(rare: float, least: int) -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        sizes = np.minimum(1 + 3 * generator.pareto(1.5, 60), 100).astype(int)
        successes = generator.binomial(sizes, np.where(generator.random(60) < rare, 0.6, 0.0))
        low, high = share_interval(clusters(np.stack([successes, sizes], axis=1).tolist()), "other")
        covered += low <= 0.6 * rare <= high
    assert least <= covered <= 297


@pytest.mark.parametrize("successes", [2, 5, 10])
def test_a_share_of_one_conversation_is_no_less_certain_than_of_as_many_messages_as_conversations(
    successes: int,
) -> None:
    low, high = share_interval(clusters([[successes, 10], *[[0, 10]] * 21]))
    assert low < successes / 220
    assert wilson(successes, 220).high < high <= wilson(successes / 10, 22).high + 0.01


def test_one_success_in_all_says_nothing_of_clusters() -> None:
    low, high = share_interval(clusters([[1, 3], *[[0, 4]] * 50]))
    assert (low, high) == pytest.approx(wilson(1, 203), abs=1e-3)


def test_a_difference_of_shares_is_newcombes_and_is_uncertain_even_where_nothing_was_seen() -> None:
    single = clusters([[56, 70, 48, 80]])
    assert excess_interval(single) == pytest.approx((0.0524, 0.3339), abs=1e-4)  # Newcombe (1998), table II, (a)
    low, high = excess_interval(clusters([[0, 5, 0, 5]] * 10))
    assert low == pytest.approx(-high)
    assert 0.03 < high < 0.12


@pytest.mark.parametrize("truth", [0.0, 2.0])
def test_a_root_of_a_square_is_the_truth_on_average_and_is_covered(truth: float) -> None:
    generator = np.random.default_rng(0)

    def square(sums: Array) -> Array:
        return ratio(sums[..., 1], sums[..., 0]) ** 2

    covered, squares = 0, []
    for _ in range(200):
        value, low, high = root_of_square(clusters([[1, one] for one in generator.normal(truth, 3, 30)]), square)
        covered += low <= truth <= high
        squares.append(value * abs(value))
    assert covered >= 170, covered
    assert np.mean(squares) == pytest.approx(truth**2, abs=0.25)  # a plain square is 0.3 too large
    assert root_of_square(clusters([[1, 3]]), square) == (3, -np.inf, np.inf)  # of one cluster nothing is known


def test_a_paired_difference_is_seen_where_two_intervals_overlap() -> None:
    generator = np.random.default_rng(3)
    hard = generator.normal(0, 5, size=40)  # how hard a conversation is, for both
    first = clusters([[1, value + 1] for value in hard])
    second = clusters([[1, value + noise] for value, noise in zip(hard, generator.normal(0, 0.3, 40), strict=True)])
    assert bootstrap(first, mean, 0).low < bootstrap(second, mean, 0).high
    found = difference((first, mean), (second, mean), 0)
    assert found is not None
    assert 0.7 < found.low < found.value < found.high < 1.3
    assert found.p < 0.01
    same = difference((first, mean), (first, mean), 0)
    assert same is not None
    assert (same.value, same.p) == (0, 1)


@pytest.mark.parametrize("count", [4, 8, 30])
def test_the_p_of_no_difference_is_as_often_small_as_it_says(count: int) -> None:
    generator = np.random.default_rng(5)
    small = 0
    for seed in range(200):
        values = generator.normal(size=(2, count))
        first, second = ((clusters([[1, value] for value in side]), mean) for side in values)
        found = difference(first, second, seed)
        assert found is not None
        small += found.p <= 0.05
    assert small <= 20


def test_holm_is_the_published_adjustment() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_share_of_nothing_is_not_a_number() -> None:
    assert np.isnan(share(np.array([0.0, 0.0])))
