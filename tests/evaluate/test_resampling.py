"""Two intervals of each figure: for these conversations, and for other ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ventriloquist.evaluate.resampling import Array, Scheme, Sums, units
from ventriloquist.evaluate.statistics import (
    bootstrap,
    difference,
    difference_of_roots,
    difference_of_squares,
    excess_interval,
    root_of_square,
    share_interval,
    wilson,
)
from ventriloquist.evaluate.tally import ratio

Made = dict[tuple[int, int], Array]


def mean(sums: Array) -> Array:
    return ratio(sums[..., 0], sums[..., 1])


def square(sums: Array) -> Array:
    return mean(sums) ** 2


def chats(generator: np.random.Generator, stretches: list[int], between: float = 1.0) -> tuple[Made, float]:
    """Draw the sums of (values, messages) of conversations with so many stretches of five, and their true mean."""
    centres = generator.normal(0, between, len(stretches))
    sums = {
        (number, place): np.array([generator.normal(centre, 1, 5).sum(), 5.0])
        for number, (centre, count) in enumerate(zip(centres, stretches, strict=True))
        for place in range(count)
    }
    return sums, float(np.average(centres, weights=stretches))


EVERY: list[Callable[[Sums, Scheme], tuple[float, ...]]] = [
    lambda sums, scheme: bootstrap(sums, mean, 0, scheme),
    lambda sums, scheme: root_of_square(sums, square, scheme)[1:],
    share_interval,
    lambda sums, scheme: excess_interval({key: np.tile(one, 2) for key, one in sums.items()}, scheme),
]


@pytest.mark.parametrize("stretches", [[2] * 6, [1, 1, 1, 2, 3, 12], [2, 30], [8] * 20, [1] * 20 + [10] * 4])
def test_the_interval_for_these_conversations_holds_their_long_run_figure(stretches: list[int]) -> None:
    generator = np.random.default_rng(0)
    held = 0
    for seed in range(150):
        sums, truth = chats(generator, stretches)
        low, high = bootstrap(sums, mean, seed)
        held += low <= truth <= high
    assert held >= 138  # 92 %; those of one stretch are collapsed, which makes the interval wide


@pytest.mark.parametrize("count", [2, 5, 8, 20])
def test_the_interval_for_other_conversations_holds_the_figure_of_all(count: int) -> None:
    generator = np.random.default_rng(1)
    held = 0
    for seed in range(150):
        sums, _ = chats(generator, [4] * count)
        low, high = bootstrap(sums, mean, seed, "other")
        held += low <= 0 <= high
    assert 135 <= held <= 149


@pytest.mark.parametrize("interval", EVERY)
def test_where_conversations_differ_other_ones_are_less_certain_than_these(
    interval: Callable[[Sums, Scheme], tuple[float, float]],
) -> None:
    sums = {
        (number, place): np.array([number % 2 * 3 + 1 + place % 2, 5.0]) for number in range(12) for place in range(6)
    }
    (low, high), (other_low, other_high) = interval(sums, "these"), interval(sums, "other")
    assert other_low < low < high < other_high
    assert other_high - other_low > 1.5 * (high - low)


@pytest.mark.parametrize("interval", EVERY)
def test_one_conversation_says_something_of_itself_and_nothing_of_other_ones(
    interval: Callable[[Sums, Scheme], tuple[float, float]],
) -> None:
    sums = {(7, place): np.array([1.0 + place % 3, 5.0]) for place in range(12)}
    low, high = interval(sums, "these")
    assert np.isfinite([low, high]).all()
    assert interval(sums, "other") == (-np.inf, np.inf)


@pytest.mark.parametrize("interval", EVERY)
@pytest.mark.parametrize("scheme", ["these", "other"])
def test_an_interval_does_not_jump_at_eight_conversations(
    interval: Callable[[Sums, Scheme], tuple[float, float]], scheme: Scheme
) -> None:
    def width(count: int) -> float:
        sums = {(n, place): np.array([n % 2 + place % 2 + 1, 4.0]) for n in range(count) for place in range(6)}
        low, high = interval(sums, scheme)
        return high - low

    assert 0.7 < width(9) / width(7) <= 1.05
    assert 0.7 < width(8) / width(7) <= 1.05


def test_a_stratum_is_a_conversation_and_those_of_one_stretch_are_one_stratum() -> None:
    places = {(1, 0): 3, (1, 1): 3, (2, 5): 1, (3, 0): 2, (3, 9): 2, (4, 1): 1}
    sums = {place: np.ones(2) for place in places}
    of = dict(zip(sorted(places), units(sums, "these").strata.tolist(), strict=True))
    assert of[1, 0] == of[1, 1]
    assert of[3, 0] == of[3, 9]
    assert of[2, 5] == of[4, 1]
    assert len({of[1, 0], of[3, 0], of[2, 5]}) == 3
    alone = dict(
        zip(sorted(places)[:5], units({key: sums[key] for key in sorted(places)[:5]}, "these").strata, strict=True)
    )
    assert alone[2, 5] == alone[1, 0] != alone[3, 0]  # a single one goes to the smallest other


def test_the_variance_of_small_strata_has_no_bias() -> None:
    generator = np.random.default_rng(2)
    found, jackknifed = [], []
    for seed in range(60):
        sums = {(number, place): np.array([generator.normal(), 1.0]) for number in range(20) for place in range(2)}
        drawn = units(sums, "these")
        found.append(float(mean(drawn.totals(seed)).var(ddof=1)))
        jackknifed.append(float((drawn.influences(mean) ** 2).sum()))
    assert np.mean(found) == pytest.approx(1 / 40, rel=0.15)
    assert np.mean(jackknifed) == pytest.approx(1 / 40, rel=0.15)


def test_what_differs_only_between_conversations_is_certain_for_these() -> None:
    sums = {(number, place): np.array([number * 5.0, 5.0]) for number in range(5) for place in range(4)}
    low, high = bootstrap(sums, mean, 0)
    assert (low, high) == pytest.approx((2, 2))
    low, high = bootstrap(sums, mean, 0, "other")
    assert low < 1 < 3 < high


def test_a_share_that_is_0_or_1_in_each_conversation_is_surer_than_wilson_says_but_not_certain() -> None:
    sums = {(number, place): np.array([number % 2 * 10.0, 10.0]) for number in range(6) for place in range(5)}
    low, high = share_interval(sums)
    plain = wilson(150, 300)
    assert plain.low < low < 0.5 < high < plain.high
    assert high - low > 0.02


@settings(deadline=None, max_examples=25)
@given(st.permutations(range(12)), st.integers(2, 6), st.sampled_from(["these", "other"]))
def test_the_order_of_conversations_and_messages_does_not_matter(order: list[int], count: int, scheme: Scheme) -> None:
    values = np.random.default_rng(count).uniform(1, 4, size=12)
    places = [(index % count, index) for index in range(12)]
    sums = {places[index]: np.array([values[index], 5.0]) for index in range(12)}
    again = {places[index]: sums[places[index]] for index in order}
    for interval in EVERY:
        assert interval(sums, scheme) == interval(again, scheme)
    one, other = (difference((made, mean), (made, square), 0, scheme) for made in (sums, again))
    assert one == other


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(st.tuples(st.integers(0, 4), st.integers(0, 5)), st.tuples(st.integers(0, 9), st.integers(0, 9))),
    st.sampled_from(["these", "other"]),
)
def test_whatever_the_counts_are_an_interval_of_a_share_is_one(
    counts: dict[tuple[int, int], tuple[int, int]], scheme: Scheme
) -> None:
    sums = {place: np.array([hits, hits + misses], dtype=float) for place, (hits, misses) in counts.items()}
    low, high = share_interval(sums, scheme)
    assert low <= high
    total = sum(sums.values(), np.zeros(2))
    if total[1] and np.isfinite(low):
        assert 0 <= low <= total[0] / total[1] + 1e-9
        assert total[0] / total[1] - 1e-9 <= high <= 1


@pytest.mark.parametrize("scheme", ["these", "other"])
def test_two_figures_on_different_messages_of_the_same_conversations_can_be_compared(scheme: Scheme) -> None:
    generator = np.random.default_rng(3)
    false = 0
    for seed in range(100):
        sums, _ = chats(generator, [8] * 8)
        first = {place: one for place, one in sums.items() if place[1] % 2}
        second = {place: one for place, one in sums.items() if not place[1] % 2}
        found = difference((first, mean), (second, mean), seed, scheme)
        assert found is not None
        false += found.p <= 0.05
        assert (found.p <= 0.05) == (not found.low <= 0 <= found.high)
    assert false <= 10


def test_a_difference_of_squares_tells_a_distance_from_noise_and_noise_from_noise_not() -> None:
    generator = np.random.default_rng(4)
    false = seen = 0
    for _ in range(100):
        near, also, far = (
            {(n % 6, n): np.array([generator.normal(centre), 1.0]) for n in range(60)} for centre in (0, 0, 1)
        )
        apart = difference_of_squares((far, square), (near, square))
        same = difference_of_squares((near, square), (also, square))
        assert apart is not None
        assert same is not None
        seen += apart.low > 0
        false += not same.low <= 0 <= same.high
    assert false <= 8
    assert seen >= 95


def test_a_difference_of_roots_is_no_larger_than_both_although_one_is_below_its_noise() -> None:
    values = np.random.default_rng(0).normal(size=60)
    noise = values - values.mean()  # the square of their mean is 0, less than its noise
    for centre in np.linspace(0.05, 1.0, 20):
        near, far = ({(n % 6, n): np.array([one, 1.0]) for n, one in enumerate(noise + by)} for by in (0, centre))
        roots = [root_of_square(figure, square).value for figure in (near, far)]
        found = difference_of_roots((far, square), (near, square))
        if roots[1] <= 0:
            assert found is None
        else:
            assert roots[0] < 0
            assert found is not None
            assert 0 < found.value <= roots[1] - roots[0]


def test_nothing_is_compared_without_two_stretches() -> None:
    single: Made = {(1, 1): np.ones(2)}
    assert difference((single, mean), (single, mean), 0) is None
    assert difference_of_squares((single, square), (single, square)) is None
    assert difference((single, mean), ({(1, 2): np.ones(2)}, mean), 0, "other") is None
