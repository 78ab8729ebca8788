"""Baselines are what they say they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from made_up import context, messages, scored, target

from ventriloquist.evaluate import baselines, stage
from ventriloquist.evaluate.heldout import Before
from ventriloquist.evaluate.inputs import Candidates, Message, Reply, System
from ventriloquist.evaluate.judge import train_judge
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.tally import cell
from ventriloquist.transcript import DELTAS

TRAINING = {
    "A": ["ok sure", "ok later", "sure ok"] * 5,
    "B": ["ok sure then", "later ok", "sure sure"] * 5,
    "C": ["I SHALL COME.", "WHAT A DAY!", "NEVER AGAIN!"] * 5,
}
SAID = [("B", "sure sure later"), ("C", "WHAT A GAIN!"), ("A", "ok later")]
REAL = messages([(name, f"{name} {place}") for place in range(40) for name in "ABC"])


def test_the_real_halves_part_whole_stretches_and_everybody_is_on_both_sides() -> None:
    half = baselines.real_half(REAL)
    assert len(half.messages) + len(half.reference) == len(REAL)
    stretches = [{(one.name, one.target.cluster) for one in side} for side in (half.messages, half.reference)]
    assert not stretches[0] & stretches[1]
    sides = [Counter(one.name for one in side) for side in (half.messages, half.reference)]
    assert all(abs(sides[0][name] - sides[1][name]) <= 10 for name in "ABC")


def test_pooled_messages_are_other_peoples_and_none_of_the_reference() -> None:
    system = baselines.pooled(context(REAL, training=TRAINING))
    assert len(system.messages) == len(REAL)
    for message in system.messages:
        assert any(message.content in TRAINING[other] for other in "ABC" if other != message.name)
    assert {one.content for one in system.messages} & {one.content for one in REAL} == set()
    assert baselines.pooled(context(REAL[::3], training={"A": ["ok"]})).messages == []


def test_pooled_messages_are_drawn_evenly_from_all_that_others_wrote() -> None:
    training = {"A": ["a0"], "B": ["b0", "b1"], "C": [f"c{number}" for number in range(5)]}
    real = messages([("B", "x")] * 3000)
    counts = Counter(one.content for one in baselines.pooled(context(real, training=training)).messages)
    assert set(counts) == {"a0", *training["C"]}
    assert all(abs(count - 500) < 100 for count in counts.values())


def test_the_real_half_has_as_many_messages_of_each_person_as_were_written() -> None:
    real = messages([("A", "x")] * 200 + [("B", "y")] * 60)
    own = [one for one in real if one.name == "B"][:20] + [one for one in real if one.name == "A"][:20]
    adapter = System("adapter", messages=own, reference=real)
    kept = stage._match(baselines.real_half(real), adapter, 0).messages
    assert Counter(map(cell, kept)) == Counter(map(cell, own))


def test_the_nearest_contact_is_the_one_who_writes_most_alike() -> None:
    judged = {name: [f"{text} {number}" for number, text in enumerate(texts)] for name, texts in TRAINING.items()}
    system = baselines.nearest(context(REAL, training=TRAINING, judged=judged))
    assert {one.content for one in system.messages if one.name == "A"} <= set(TRAINING["B"])
    assert {one.content for one in system.messages if one.name == "B"} <= set(TRAINING["A"])


def test_who_wrote_hardly_anything_is_nobodys_nearest_contact() -> None:
    judged = {name: [f"{text} {number}" for number, text in enumerate(texts)] for name, texts in TRAINING.items()}
    training = {**{name: texts * 4 for name, texts in TRAINING.items()}, "D": ["ok"], "E": ["ok sure"] * 49}
    system = baselines.nearest(context(REAL, training=training, judged=judged))
    assert {one.content for one in system.messages if one.name == "A"} <= set(TRAINING["B"])
    few = {"A": TRAINING["A"] * 4, "B": TRAINING["B"], "D": ["ok"]}
    system = baselines.nearest(context(REAL, training=few, judged=judged))
    assert {one.content for one in system.messages if one.name == "A"} <= set(TRAINING["B"])
    assert baselines.nearest(context(REAL, training={"A": ["ok"]}, judged=judged)).messages == []


def test_a_message_is_scored_as_each_persons_at_once() -> None:
    judge = train_judge(TRAINING)
    assert set(judge.score_as_each(["ok then"])) == set(TRAINING)
    for name, scores in judge.score_as_each(["ok then", "WHAT?"]).items():
        assert scores.tolist() == judge.score(["ok then", "WHAT?"], [name, name]).tolist()
    assert train_judge({}).score_as_each(["ok"]) == {}


def test_only_the_baselines_that_are_wanted_are_made() -> None:
    known = replace(context(REAL, training=TRAINING), candidates=[*TRAINING])
    adapter = System("adapter", messages=REAL, reference=REAL)
    assert list(baselines.baselines(known, adapter, adapter, {"pooled", "shuffled"})) == ["pooled", "shuffled"]
    named = {name for metric in METRICS.values() for name in metric.compared}
    assert {name: one.name for name, one in baselines.baselines(known, adapter, adapter, named).items()} == {
        name: name for name in named
    }


def test_retrieval_answers_what_was_once_answered_to_something_alike() -> None:
    past = [Reply("A", "are you coming on sunday?", "yes!"), Reply("A", "what is the code?", "no idea")]
    places = [target("A", "x", before=Before("B", 1, said)) for said in ("coming sunday?", "the code is what?")]
    system = baselines.retrieval([Message(place, "x") for place in places], past)
    assert [one.content for one in system.messages] == ["yes!", "no idea"]
    assert baselines.retrieval([Message(target("Z", "x"), "x")], past).messages == []


def test_shuffling_puts_what_was_done_elsewhere_in_somebody_elses_place() -> None:
    names = [Candidates(one.target, (1.0, float(place)), place % 2, ("A", "B")) for place, one in enumerate(REAL)]
    forecasts = [
        item._replace(score=scored([item.target], 1, 1, tuple(np.eye(6)[place % 6]))[0].score)
        for place, item in enumerate(scored([one.target for one in REAL], 1, 1))
    ]
    system = System("adapter", scored=forecasts, messages=REAL, reference=REAL, names=names)
    mixed = baselines.shuffled(system, seed=1)
    assert [one.target for one in mixed.messages] == [one.target for one in REAL]
    written_by = {one.content: one.name for one in REAL}
    assert all(written_by[one.content] != one.name for one in mixed.messages)
    assert len({one.content for one in mixed.messages}) > len(REAL) / 2
    assert [item.true for item in mixed.names] == [item.true for item in names]
    assert Counter(item.costs for item in mixed.names) == Counter(item.costs for item in names)
    assert [item.costs for item in mixed.names] != [item.costs for item in names]
    assert Counter(item.score.deltas for item in mixed.scored) == Counter(item.score.deltas for item in forecasts)


def test_whoever_always_names_one_person_is_no_better_than_the_floor_for_that_one() -> None:
    names = [Candidates(one.target, (0.0, 1.0, 1.0), "ABC".index(one.name), ("A", "B", "C")) for one in REAL]
    system = System("adapter", names=names)
    mixed = baselines.shuffled(system, seed=1)
    for person, share in {"A": 1.0, "B": 0.0}.items():
        floor = METRICS["identity"].measure(mixed.of(person), context())
        assert floor is not None
        assert floor.value == share


def test_whoever_knows_everybody_is_right_by_chance_where_names_are_shuffled() -> None:
    names = [
        Candidates(one.target, tuple(float(name != one.name) for name in "ABC"), "ABC".index(one.name), ("A", "B", "C"))
        for one in messages([("AAABBC"[place % 6], "x") for place in range(3000)])
    ]
    floor = METRICS["identity"].measure(baselines.shuffled(System("adapter", names=names), seed=1), context())
    assert floor is not None
    assert floor.value == pytest.approx((9 + 4 + 1) / 36, abs=0.03)


def test_where_one_person_alone_was_written_for_nothing_can_be_shuffled() -> None:
    assert baselines.shuffled(System("adapter", messages=REAL[::3]), seed=1).messages == []


def test_habit_knows_who_goes_on_and_nothing_else() -> None:
    counts = {("A", True): Counter({"<1m": 99}), ("A", False): Counter({"1d+": 99})}
    by_person, by_turn = baselines.delta_shares(counts)
    assert by_person["A"].sum() == pytest.approx(1)
    places = [target("A", "x", before=Before(who, 1, "hm")) for who in "AB"]
    on, answer = (item.score.deltas for item in baselines.habit(scored(places, 1, 1), by_turn).scored)
    assert DELTAS[int(np.argmax(on))] == "<1m"
    assert DELTAS[int(np.argmax(answer))] == "1d+"
    assert min(on) > 0  # nothing is impossible


def test_a_classifier_and_chance_are_subjects_too() -> None:
    items = [Candidates(target(name, said), (1.0, 2.0, 3.0), "CAB".index(name), tuple("CAB")) for name, said in SAID]
    known = replace(context(training=TRAINING), candidates=["B", "C", "A"])
    named = baselines.ngram(known, System("adapter", names=items)).names
    assert [one.names[int(np.argmin(one.costs))] for one in named] == [name for name, _ in SAID]
    assert [one.target for one in named] == [one.target for one in items]
    assert baselines.ngram(known, System("adapter")).names == ()
    assert len(set(baselines.by_chance(items).names[0].costs)) == 1
