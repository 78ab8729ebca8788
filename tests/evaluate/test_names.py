"""Names: which comes first for several messages, and how many bits a message tells about its writer."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import context, target

from ventriloquist.evaluate.inputs import Candidates, System
from ventriloquist.evaluate.metric import Measurement, assess
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.metrics.identity import groups
from ventriloquist.evaluate.metrics.names import bits_about_the_name
from ventriloquist.evaluate.words import about_names, summary

COSTS = st.lists(st.floats(0, 500), min_size=2, max_size=12)


def measured(name: str, system: System) -> Measurement:
    found = METRICS[name].measure(system, context())
    assert found is not None
    return found


def item(true: int, *costs: float, content: str = "x", conversation: int = 1, from_end: int = 9) -> Candidates:
    place = target("ABC"[true], content, from_end, conversation=conversation)
    return Candidates(place, costs, true, ("A", "B", "C")[: len(costs)])


@given(COSTS, st.data())
def test_a_message_tells_at_most_as_many_bits_as_there_are_names_to_tell_apart(
    costs: list[float], data: st.DataObject
) -> None:
    true = data.draw(st.integers(0, len(costs) - 1))
    bits = bits_about_the_name(costs, true)
    assert bits <= math.log2(len(costs)) + 1e-9
    if costs[true] == min(costs):
        assert bits >= -1e-9


@given(st.floats(0, 500), st.integers(2, 12))
def test_equal_costs_tell_nothing(cost: float, names: int) -> None:
    assert bits_about_the_name([cost] * names, 0) == pytest.approx(0, abs=1e-9)


@given(COSTS, st.floats(-100, 100))
def test_what_a_message_costs_under_every_name_tells_nothing(costs: list[float], more: float) -> None:
    plain = bits_about_the_name(costs, 0)
    assert bits_about_the_name([cost + more for cost in costs], 0) == pytest.approx(plain, abs=1e-6)


def test_a_name_that_makes_a_message_three_times_as_likely_tells_the_log_of_its_share() -> None:
    # P = 3, 1, 1, 1 (times anything): log2 of 3 over the mean of 1.5
    assert bits_about_the_name([5 - math.log(3), 5, 5, 5], 0) == pytest.approx(1)
    assert bits_about_the_name([5 - math.log(3), 5, 5, 5], 1) == pytest.approx(math.log2(1 / 1.5))


def test_bits_about_the_name_are_a_mean_over_messages() -> None:
    three = math.log(3)
    items = [item(0, 5 - three, 5, conversation=1), item(1, 5, 5 - three, conversation=2), item(0, 5, 5)]
    found = measured("name_information", System("adapter", names=items))
    assert found.n == 3
    assert found.value == pytest.approx(2 * math.log2(1.5) / 3)
    assert found.detail["median"] == pytest.approx(math.log2(1.5))
    assert found.detail["above_zero"] == pytest.approx(2 / 3)
    assert found.detail["lowest"] == pytest.approx(0)
    assert found.detail["most_possible"] == 1


def test_one_message_that_a_model_is_sure_of_and_wrong_about_shows_in_the_detail() -> None:
    items = [*[item(0, 0, 5)] * 50, item(0, 500, 0)]
    found = measured("name_information", System("adapter", names=items))
    assert found.value < 0 < found.detail["median"] < 1
    assert found.detail["lowest"] == pytest.approx(1 - 500 / math.log(2))
    assert found.detail["above_zero"] == pytest.approx(50 / 51)


def test_bits_in_context_are_asked_of_other_scores_and_beside_other_names_in_place() -> None:
    bit = math.log(2)
    items = [item(0, 4 * bit, 8 * bit, 6 * bit, content="four"), item(1, 6 * bit, 7 * bit, 6 * bit, content="ok")]
    found = measured("name_information_in_context", System("adapter", swapped=items))
    # the true name saves 4 and 2 bits on the one, and loses 1 and 1 on the other, of six characters
    assert found.detail["saved_per_character"]["over_the_mean_of_the_others"] == pytest.approx((3 - 1) / 6)
    assert found.detail["saved_per_character"]["over_the_best_other"] == pytest.approx((2 - 1) / 6)
    assert METRICS["name_information_in_context"].measure(System("adapter", names=items), context()) is None


def test_bits_about_the_name_that_are_negative_are_shown_so() -> None:
    items = [item(0, 3, 1, conversation=number) for number in range(50)]
    metric = METRICS["name_information"]
    result = assess(metric, measured("name_information", System("adapter", names=items)), {}, 0)
    assert result.verdict == "worse than the floor"
    assert about_names(result).startswith(
        "0% of the messages tell more than nothing. The median is -2.07 bits, of at most 1.00."
    )
    assert about_names(replace(result, detail={})) == ""
    assert summary(metric, result).startswith("-2.07 (95 %: -2.07 to -2.07 for these")


def test_several_messages_name_a_writer_whom_one_does_not() -> None:
    costs = [(3, 0, 9)] + [(0, 1, 9)] * 4  # on one message B is first; on all five A is
    items = [item(0, *one, conversation=number) for number, one in enumerate(costs)]
    items += [item(1, 0, 1, 9, conversation=9)] * 5 + [item(2, 9, 9, 0, conversation=5)] * 4
    adapter = System("adapter", names=items)
    assert measured("identity", adapter).value == pytest.approx((4 + 0 + 4) / 14)
    found = measured("identity_of_5", adapter)
    assert (found.n, found.value) == (2, 0.5)  # four messages of C are no group
    assert found.detail["confusion"] == {"A": {"A": 1}, "B": {"A": 1}}


def test_messages_that_fill_no_group_are_not_enough_data() -> None:
    adapter = System("adapter", names=[item(0, 0, 1)] * 19)
    found = measured("identity_of_20", adapter)
    result = assess(METRICS["identity_of_20"], found, {}, 0)
    assert (result.value, result.n, result.verdict) == (None, 0, "not enough data")


def test_groups_hold_messages_of_one_writer_once_and_few_share_a_conversation() -> None:
    items = [
        item(n % 2, *(float(n % 2 != other) for other in range(3)), conversation=n // 6, from_end=n % 6 + 1)
        for n in range(120)
    ]
    found = groups(items, 5, seed=0)
    assert len(found) == 24
    assert Counter(one.true for one in found) == {0: 12, 1: 12}
    assert all(sorted(one.costs) == [0, 5, 5] for one in found)
    assert len({(one.true, one.target.conversation.id) for one in found}) == 24
    assert groups(items, 5, seed=0) == found
    assert groups(items, 5, seed=1) != found
    assert groups(list(reversed(items)), 5, seed=0) == found


def test_every_system_is_asked_of_the_same_groups() -> None:
    items = [item(n % 2, float(n), 3.0, content=str(n), conversation=n // 4, from_end=n % 4 + 1) for n in range(80)]
    others = [one._replace(costs=(0.0, 0.0)) for one in items]
    places = [[one.target for one in groups(some, 5, seed=3)] for some in (items, others)]
    assert places[0] == places[1]
