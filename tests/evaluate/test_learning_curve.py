"""How much is enough: the curve over people, by hand, by properties, and in words."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ventriloquist.evaluate.learning_curve import ALIKE, FEW_PEOPLE, Learnt, fit, learning_curve
from ventriloquist.evaluate.metric import Result
from ventriloquist.evaluate.report.details import enough
from ventriloquist.evaluate.statistics import t_95
from ventriloquist.evaluate.words import more_messages


def person(messages: int, bits: float, error: float = 0.1) -> Learnt:
    return Learnt(messages, bits, bits - 1.959964 * error, bits + 1.959964 * error, 50)


def result(value: float | None, n: int = 50, half: float = 0.2) -> Result:
    low, high = (None, None) if value is None else (value - half, value + half)
    return Result(value, low, high, n, 0.0, None, {}, "")


def test_the_curve_of_equally_certain_people_is_least_squares_with_the_t_interval_of_its_slope() -> None:
    curve = fit({"a": person(2, 0.0), "b": person(4, 2.0), "c": person(8, 1.0), "d": person(16, 3.0)})
    # by hand: x = 1, 2, 3, 4; Sxx = 5, Sxy = 4; residuals -0.3, 0.9, -0.9, 0.3; their squares sum to 1.8
    assert curve.gain == pytest.approx(0.8)
    assert curve.one_message == pytest.approx(-0.5)
    half = t_95(2) * math.sqrt(1.8 / 2 / 5)
    assert (curve.low, curve.high) == pytest.approx((0.8 - half, 0.8 + half))
    assert curve.between_people == pytest.approx(math.sqrt(1.8 / 2 - 0.1**2))


def test_noise_that_explains_the_scatter_leaves_no_difference_between_people_and_the_interval_as_wide_as_noise() -> (
    None
):
    curve = fit({"a": person(2, 0.0, 9), "b": person(4, 2.0, 9), "c": person(8, 1.0, 9), "d": person(16, 3.0, 9)})
    assert curve.between_people == 0
    assert curve.high is not None
    assert curve.high - 0.8 == pytest.approx(t_95(2) * 9 / math.sqrt(5))
    assert curve.people["a"].twice == pytest.approx(0.3 + 0.8)  # their own figure says nothing: the curve's level


def test_a_person_who_is_known_well_keeps_their_own_level() -> None:
    curve = fit({str(n): person(2**n, bits, 0.02) for n, bits in enumerate((0.0, 2.0, 1.0, 3.0), 4)})
    assert curve.gain is not None
    assert all(one.twice == pytest.approx(one.bits + curve.gain, abs=0.01) for one in curve.people.values())


@given(
    st.floats(-1, 1),
    st.floats(-3, 3),
    st.lists(st.tuples(st.integers(1, 10**6), st.floats(0.02, 2)), min_size=4, max_size=30),
)
def test_people_on_a_curve_give_that_curve(gain: float, start: float, people: list[tuple[int, float]]) -> None:
    curve = fit({str(n): person(m, start + gain * math.log2(m), error) for n, (m, error) in enumerate(people)})
    if curve.gain is None:
        assert curve.reason == ALIKE
        assert max(people)[0] < 2 * min(people)[0]
        return
    assert curve.gain == pytest.approx(gain, abs=1e-6)
    assert curve.one_message == pytest.approx(start, abs=1e-5)
    assert curve.low is not None
    assert curve.high is not None
    assert curve.low <= curve.gain <= curve.high


@given(st.randoms(use_true_random=False))
def test_the_order_of_people_does_not_matter(order: random.Random) -> None:
    people = [(f"{n}", person(2**n, bits, 0.1 + n / 20)) for n, bits in enumerate((0.1, 0.9, 0.4, 1.5, 1.1))]
    curve = fit(dict(people))
    order.shuffle(people)
    other = fit(dict(people))
    assert other.gain == pytest.approx(curve.gain)
    assert other.low == pytest.approx(curve.low)
    assert {name: pytest.approx(one.twice) for name, one in curve.people.items()} == {
        name: one.twice for name, one in other.people.items()
    }


def test_a_person_without_enough_scored_messages_an_interval_or_training_messages_is_left_out() -> None:
    measured = {"few": result(1.0, n=19), "none": result(None), "new": result(1.0), "known": result(1.0)}
    curve = learning_curve(measured, {"few": 100, "none": 100, "known": 100})
    assert [*curve.people] == ["known"]
    assert curve.reason == FEW_PEOPLE
    assert curve.gain is None
    assert "fewer than 4 people" in more_messages(curve)


def test_equal_messages_tell_nothing_about_more_of_them() -> None:
    curve = learning_curve({name: result(ord(name) / 50) for name in "abcdef"}, dict.fromkeys("abcdef", 500))
    assert curve.reason == ALIKE
    assert curve.people["a"].twice is None
    assert "nearly as many" in more_messages(curve)


def test_a_run_that_the_clock_stopped_counts_what_it_has_read() -> None:
    measured = {name: result(number / 5) for number, name in enumerate("abcd")}
    trained = {name: 100 * 2**number for number, name in enumerate("abcd")}
    whole, stopped = learning_curve(measured, trained), learning_curve(measured, trained, 0.25)
    assert [one.messages for one in stopped.people.values()] == [200, 100, 50, 25]
    assert stopped.gain == pytest.approx(whole.gain) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("bits", "said"),
    [
        ((0.2, 0.4, 0.6, 0.8), "go with +0.20 bits about the name"),
        ((0.2, 0.9, 0.1, 0.5), "no sure gain"),
        ((0.8, 0.6, 0.4, 0.2), "harder to tell"),
    ],
)
def test_the_sentence_follows_the_interval(bits: tuple[float, ...], said: str) -> None:
    curve = fit({str(n): person(100 * 2**n, one, 0.02) for n, one in enumerate(bits)})
    assert said in more_messages(curve)


def test_a_hostile_name_adds_nothing_to_the_report() -> None:
    evil = '</text><script>alert(1)</script>\x1b\u202e"'
    for people in (
        {evil: person(100, 1.0)},
        {f"{evil[:n]}{n}": person(100 * 2**n, n / 5) for n in (1, 6, 12, 40)},
    ):
        page = enough(fit(people))
        assert "<svg" in page
        assert "<script" not in page
        assert not {"\x1b", "\u202e"} & set(page)
