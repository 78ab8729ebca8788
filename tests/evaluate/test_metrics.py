"""Each metric by itself, on scores and messages that are made up."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import get_type_hints

import numpy as np
import pytest
from made_up import context, messages, scored, target, written

from ventriloquist.evaluate import baselines, stage
from ventriloquist.evaluate.baselines import as_base
from ventriloquist.evaluate.heldout import ENOUGH, Before, HeldOutRow, draw_for_writing, draw_rows, draw_targets
from ventriloquist.evaluate.inputs import Candidates, EvalContext, Message, System, Written
from ventriloquist.evaluate.metric import Measurement, verdict
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.metrics.copies import is_piece, longest_common
from ventriloquist.evaluate.metrics.fingerprint import HABITS, habits
from ventriloquist.evaluate.metrics.timing import ranked_probability
from ventriloquist.evaluate.tally import split_sides, tally_by_person
from ventriloquist.model.corpus import TokenRow
from ventriloquist.transcript import DELTAS, Line, render_line

NOWHERE = context()


def measured(name: str, system: System, known: EvalContext = NOWHERE) -> Measurement:
    found = METRICS[name].measure(system, known)
    assert found is not None
    return found


@pytest.mark.parametrize("name", METRICS)
def test_of_nothing_nothing_is_found(name: str) -> None:
    assert METRICS[name].measure(System("adapter"), NOWHERE) is None


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_says_what_it_is_and_where_it_stands(name: str) -> None:
    metric = METRICS[name]
    assert name == metric.compute.__name__
    module = __import__(metric.compute.__module__, fromlist=["x"])
    assert len(module.__doc__.strip().splitlines()) >= 3
    assert metric.minimum >= 30
    (taken,) = (one for name, one in get_type_hints(metric.compute).items() if name != "return")
    assert taken is metric.takes
    assert metric.floor is not None or metric.ceiling is not None


def test_a_line_is_valid_only_if_everything_about_it_is() -> None:
    good = render_line(Line("A", "<1m", "hi"))
    lines = [good, good + " ", good[:-1], good.replace("<1m", "<2m"), good.replace('"A"', '"C"'), "hi"]
    found = measured("validity", System("adapter", free=[Written(target("A", "x"), one) for one in lines]))
    low, high = found.interval(0)
    assert found.n == 6
    assert low < found.value == 2 / 6 < high


def test_bits_per_character_weigh_characters_not_messages() -> None:
    items = scored([target("A", "x" * 10)], 10 * math.log(2), 5 * math.log(2)) + scored([target("B", "y" * 30)], 0, 0)
    found = measured("likelihood", System("adapter", scored=items))
    assert found.value == pytest.approx(0.5)
    assert found.detail["bits_per_character"] == pytest.approx({"adapter": 5 / 40, "base": 10 / 40})


def test_the_final_windows_are_the_last_two_of_a_conversation() -> None:
    system = System("adapter", scored=scored([target("A", "abc", from_end) for from_end in (4, 3, 2, 1)], 4, 2))
    assert [item.target.from_end for item in system.final().scored] == [2, 1]
    assert system.of("B").scored == []


def test_rows_and_targets_are_drawn_by_the_seed_with_the_final_windows_first() -> None:
    rows = [HeldOutRow(TokenRow(np.zeros(1, np.uint32), []), [target("A", str(n), 10 * n + 50)] * 5) for n in range(20)]
    last = HeldOutRow(TokenRow(np.zeros(1, np.uint32), []), [target("A", "last", 1)])
    drawn = draw_rows([*rows, last], 12, seed=3)
    assert drawn[0] is last
    assert len(drawn) == 4
    assert draw_rows([*rows, last], 12, seed=3) == drawn != draw_rows([*rows, last], 12, seed=4)
    assert draw_rows(rows, None, seed=3) == rows


def test_a_target_is_drawn_by_its_place_whatever_else_there_is() -> None:
    targets = [target("A", str(n), 20 - n) for n in range(20)]
    chosen = draw_targets(targets, 5, seed=0)
    assert len(chosen) == 5
    assert [one for one in targets if one in chosen] == chosen
    assert chosen != draw_targets(targets, 5, seed=1)
    fewer = [one for one in targets if one != chosen[2]]
    assert {*chosen} - {chosen[2]} < {*draw_targets(fewer, 5, seed=0)}


def test_half_of_what_is_written_are_final_windows_and_who_writes_most_gets_enough_of_the_rest() -> None:
    chats = [
        [target("A" if n % 3 else name, str(n), 60 - n, conversation=chat) for n in range(60)]
        for chat, name in enumerate("BCDEFGHIJK" * 10)
    ]
    targets = [one for chat in chats for one in chat]
    chosen = draw_for_writing(targets, 300, seed=0)
    assert len(chosen) == 300
    assert [one for one in targets if one in chosen] == chosen
    assert sum(one.is_final for one in chosen) == 150
    counts = Counter(one.line.name for one in chosen)
    assert sum(count >= ENOUGH for count in counts.values()) >= 4
    few = draw_for_writing(targets, 32, seed=0)
    assert sum(one.is_final for one in few) == 16
    assert len({one.line.name for one in few if not one.is_final}) > 3  # too few for anybody: drawn from everybody
    assert len(draw_for_writing(targets[-2:], 32, seed=0)) == 2


def test_a_forecast_that_is_certain_and_right_has_no_ranked_probability_score() -> None:
    observed = np.eye(6)
    assert ranked_probability(observed, observed) == pytest.approx(np.zeros(6))
    assert ranked_probability(np.eye(6)[[5]], np.eye(6)[[0]]) == pytest.approx(1)
    assert ranked_probability(np.eye(6)[[1]], np.eye(6)[[0]]) == pytest.approx(0.2)


def test_time_deltas_are_better_than_the_habit_only_if_they_know_more_than_it() -> None:
    generator = random.Random(0)
    targets = [target("A", "x", 400 - place, delta=generator.choice(DELTAS[:3])) for place in range(120)]
    habit = np.array([1 / 3] * 3 + [0] * 3)
    known = EvalContext(training={}, judge=NOWHERE.judge, delta_shares={"A": habit})
    by_habit = measured("timing", System("adapter", scored=scored(targets, 1, 1, tuple(habit))), known)
    assert by_habit.value == pytest.approx(0)
    sure = [
        item._replace(
            score=scored([item.target], 1, 1, tuple(np.eye(6)[DELTAS.index(item.target.line.delta)]))[0].score
        )
        for item in scored(targets, 1, 1)
    ]
    assert measured("timing", System("adapter", scored=sure), known).value == pytest.approx(1)
    wrong = measured("timing", System("adapter", scored=scored(targets, 1, 1, (0, 0, 0, 0, 0, 1))), known)
    assert wrong.value < 0
    assert sum(count for _, _, count in wrong.detail["calibration"]) == 6 * len(targets)


def test_the_likeliest_name_is_the_one_with_the_fewest_nats() -> None:
    def swapped(true: int, *costs: float) -> Candidates:
        return Candidates(target("AB"[true], "x"), costs, true, ("A", "B"))

    found = measured("identity", System("adapter", names=[swapped(0, 1, 9), swapped(1, 9, 1), swapped(1, 1, 9)]))
    assert found.value == pytest.approx(2 / 3)
    assert found.detail["confusion"] == {"A": {"A": 1}, "B": {"B": 1, "A": 1}}
    assert found.detail["mrr"] == pytest.approx((1 + 1 + 0.5) / 3)
    undecided = measured("identity", System("adapter", names=[swapped(0, 5, 5), swapped(1, 5, 5)]))
    assert undecided.value == 0.5
    assert undecided.detail["mrr"] == 0.75


def test_in_context_the_same_is_asked_of_other_scores() -> None:
    item = Candidates(target("A", "x"), (1.0, 2.0), 0, ("A", "B"))
    assert measured("identity_in_context", System("adapter", swapped=[item])).value == 1
    assert METRICS["identity_in_context"].measure(System("adapter", names=[item]), NOWHERE) is None


def test_the_true_message_is_first_where_it_gains_most_from_its_context() -> None:
    items = [Candidates(target("A", "x"), (-3.0, -1.0, 0.0), 0), Candidates(target("A", "y"), (2.0, -1.0, 0.0), 0)]
    assert measured("ranking", System("adapter", ranked=items)).value == 0.5


def talk(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Return messages of two people who are easily told apart."""
    rng = random.Random(seed)
    quiet = ["ok", "sure", "later", "maybe", "home", "train", "soon"]
    loud = ["WOW", "Great", "Party", "Tonight", "Friends", "Yes"]
    return [
        ("A", " ".join(rng.choices(quiet, k=rng.randint(2, 4))))
        if place % 2
        else ("B", " ".join(rng.choices(loud, k=rng.randint(3, 6))) + "!")
        for place in range(count)
    ]


def judged_world(real: list[tuple[str, str]]) -> EvalContext:
    by_person = {name: [content for other, content in talk(80, seed=9) if other == name] for name in "AB"}
    return context(messages(real), judged=by_person)


def test_style_match_is_100_for_the_real_0_for_others_and_over_for_a_caricature() -> None:
    real = talk(80, seed=1)
    known = judged_world(real)
    same = measured("voice", written(known.real, [content for _, content in talk(80, seed=2)]), known)
    assert same.value == pytest.approx(100, abs=12)
    exchanged = [*real[1:], real[0]]
    other = measured("voice", written(known.real, [content for _, content in exchanged]), known)
    assert other.value == pytest.approx(0, abs=12)


def test_style_match_is_100_for_the_same_people_in_another_mix() -> None:
    """Some are easier to tell than others, and an adapter need not have written for whom there is most of."""

    def mix(seed: int, of_a: int, of_b: int) -> list[tuple[str, str]]:
        rng = random.Random(seed)
        said = talk(400, seed)
        own = [(name, content) for name, content in said if name == "A"][:of_a]
        return (
            own + [(name, "Fine." if rng.random() < 0.7 else content) for name, content in said if name == "B"][:of_b]
        )

    by_person = {name: [content for other, content in mix(9, 100, 100) if other == name] for name in "AB"}
    known = context(messages(mix(1, 160, 40)), judged=by_person)
    found = measured("voice", System("adapter", messages=messages(mix(2, 40, 160)), reference=known.real), known)
    low, high = found.interval(0)
    assert low < 100 < high
    assert found.value == pytest.approx(100, abs=15)


def test_the_style_match_of_one_person_is_as_uncertain_as_their_own_messages_are() -> None:
    """Other people's conversations, of which there are many, say nothing about it."""
    rng = random.Random(0)

    def said(name: str, count: int) -> list[tuple[str, str]]:
        habit = {"A": ("yes!!", "Fine."), "B": ("no...", "Fine.")}[name]
        return [(name, rng.choice(habit) + f" {rng.randrange(99)}") for _ in range(count)]

    judged = {name: [content for _, content in said(name, 200)] for name in "AB"}
    values, covered = [], 0
    for seed in range(30):
        own = [Message(target("A", text, n + 1, conversation=0), text) for n, (_, text) in enumerate(said("A", 60))]
        others = messages(said("B", 120))
        known = context([*own, *others], judged=judged)
        generated = [one._replace(content=text) for one, (_, text) in zip(own, said("A", 60), strict=True)]
        found = measured("voice", System("adapter", messages=generated, reference=own), known)
        low, high = found.interval(seed)
        covered += low <= 100 <= high
        values.append(found.value)
    assert np.std(values) > 5
    assert covered >= 26


def test_who_is_always_typical_is_a_caricature() -> None:
    """Real people are not typical all of the time: half of what these two write could be anybody's."""

    def often_neutral(seed: int) -> list[tuple[str, str]]:
        rng = random.Random(seed)
        return [(name, "Fine." if rng.random() < 0.5 else content) for name, content in talk(80, seed)]

    real = messages(often_neutral(1))
    by_person = {name: [content for other, content in often_neutral(9) if other == name] for name in "AB"}
    known = context(real, judged=by_person)
    typical = measured("voice", written(real, [content for _, content in talk(80, seed=2)]), known)
    assert typical.value > 130
    assert typical.interval(0).low > 100


def test_a_classifier_cannot_tell_more_of_the_same_and_can_tell_something_else() -> None:
    real = messages(talk(300, seed=1))
    same = measured("indistinguishable", written(real, [content for _, content in talk(300, seed=2)]))
    assert same.value > 0.85
    assert same.detail["p"] > 0.01
    low, high = same.interval(0)
    assert low <= same.value <= high
    other = measured("indistinguishable", written(real, [one.content + " indeed" for one in real]))
    assert other.value < 0.1
    assert other.detail["p"] < 0.01


def test_the_judge_tells_the_classifier_of_messages_that_are_somebody_elses() -> None:
    vocabulary = {"A": range(0, 400, 2), "B": range(1, 400, 2)}
    rng = random.Random(0)

    def say(name: str) -> str:
        return " ".join(f"w{rng.choice(vocabulary[name])}" for _ in range(3))

    real = messages([(name, say(name)) for name in "AB" * 100])
    mixed = written(real, [say(rng.choice("AB")) for _ in real])
    by_person = {name: [say(name) for _ in range(400)] for name in "AB"}
    told = measured("indistinguishable", mixed, context(real, judged=by_person))
    assert told.value < 0.7
    assert measured("indistinguishable", mixed).value > told.value + 0.15
    same = written(real, [say(one.name) for one in real])
    assert measured("indistinguishable", same, context(real, judged=by_person)).value > 0.85


def test_habits_of_more_of_the_same_are_near_and_of_others_far() -> None:
    real = messages(talk(200, seed=1))
    same = measured("fingerprint", written(real, [content for _, content in talk(200, seed=2)]))
    assert abs(same.value) < 0.2
    other = measured("fingerprint", written(real, [one.content for one in [*real[1:], real[0]]]))
    assert other.value > 1
    row = other.detail["A"][list(HABITS).index("exclamation mark")]
    assert (row["generated"], row["real"]) == (1, 0)
    assert row["log_odds"] > row["band"] > 0


@pytest.mark.parametrize(
    ("content", "habit"),
    [
        ("ok then", "begins in lower case"),
        ("that is HUGE", "a word in capitals"),
        ("I shall come.", "ends with a full stop"),
        ("fine", "ends with nothing"),
        ("no way!!", "several !!"),
        ("well…", "ellipsis"),
        ("dont know", "apostrophe left out"),
        ("so nice 😀", "emoji"),
        ("see you :)", "emoticon"),
        ("sooo good", "stretched letters"),
        ("idk", "abbreviation"),
        ("¿qué?", "letters beyond ASCII"),
    ],
)
def test_a_habit_is_seen_in_what_has_it_and_not_in_what_has_not(content: str, habit: str) -> None:
    assert habits(content)[list(HABITS).index(habit)]
    plain = "W 7" if habit == "ends with nothing" else "We shall, then come?"
    assert habits(plain + ")")[list(HABITS).index(habit)] is False


def test_lengths_are_off_by_as_far_as_they_differ() -> None:
    real = messages([("A", "x" * 30)] * 50)
    assert measured("lengths", written(real, ["y" * 30] * 50)).value == 0
    one_bin = measured("lengths", written(real, ["y" * 15] * 50)).value
    assert one_bin == 1
    assert measured("lengths", written(real, ["y" * 3] * 50)).value == pytest.approx(3**0.5)
    assert 0 < measured("lengths", written(real, ["y" * 30, "y" * 15] * 25)).value < one_bin


def test_where_nothing_differs_habits_and_lengths_are_off_by_nothing_on_average() -> None:
    squares: dict[str, list[float]] = {"fingerprint": [], "lengths": []}
    for seed in range(30):
        real = messages(talk(60, seed=seed))
        system = written(real, [content for _, content in talk(60, seed=100 + seed)])
        for name, values in squares.items():
            value = measured(name, system).value
            values.append(value * abs(value))
    for values in squares.values():
        assert abs(sum(values)) / len(values) < 3 * np.std(values) / len(values) ** 0.5


def uneven_world(seed: int) -> tuple[System, EvalContext]:
    """Return messages of the right distribution in places that are drawn for writing.

    A talkative chat ends in small talk. In the many small ones the contact writes numbers, and the owner hardly a word.
    """
    generator = random.Random(seed)

    def say(chat: int, name: str) -> str:
        if chat == 0:
            return " ".join(generator.choices(("ok", "yes", "see you", "lunch"), k=generator.randint(4, 12)))
        return "ok" if name == "A" else generator.choice(("call 555 123 4567", "yes"))

    places = [
        target(name, say(chat, name), from_end, conversation=chat)
        for chat in range(41)
        for from_end in range(400 if chat == 0 else 4, 0, -1)
        for name in (generator.choice(("A", "B")),)
    ]
    real = [Message(one, one.line.content) for one in places]
    drawn = draw_for_writing(places, 120, 0)
    own = [Message(one, say(one.conversation.id, one.line.name)) for one in drawn]
    return System("adapter", messages=own, reference=real), context(real)


@pytest.mark.parametrize("name", ["personal", "lengths", "fingerprint"])
def test_who_writes_as_real_people_do_is_not_off_because_places_are_drawn_unevenly(name: str) -> None:
    values = []
    for seed in range(20):
        value = measured(name, *uneven_world(seed)).value
        values.append(value if name == "personal" else value * abs(value))
    assert np.mean(values) < 3 * np.std(values) / len(values) ** 0.5


@pytest.mark.parametrize("name", ["personal", "lengths", "fingerprint"])
def test_neither_is_the_other_half_of_the_real_messages(name: str) -> None:
    values = []
    for seed in range(20):
        system, known = uneven_world(seed)
        half = stage._match(baselines.real_half(system.reference), system, seed)
        value = measured(name, half, known).value
        values.append(value if name == "personal" else value * abs(value))
    assert np.mean(values) < 3 * np.std(values) / len(values) ** 0.5


def test_real_messages_weigh_as_their_places_do_among_the_generated() -> None:
    final = [Message(target("A", "x", 1, conversation=number), "x") for number in range(2)]
    others = [Message(target("A", "y", 5 + number), "y") for number in range(8)]
    generated, real = [final[0], *others[:1]], [*final, *others]
    sides = [[(one, (1, one.content == "x")) for one in side] for side in (generated, real)]
    totals = np.asarray(sum(tally_by_person(sides, ["A"], 2).values()))
    ours, theirs = split_sides(totals, 1)
    assert ours.tolist() == [[2, 1]]
    assert theirs[0] == pytest.approx([6.4, 3.2])  # weights 1/2 and 1/8, times Σw / Σw²: half of it final
    unknown = [[(one, (1, 0)) for one in side] for side in (final, others)]  # no stratum in common
    assert split_sides(np.asarray(sum(tally_by_person(unknown, ["A"], 2).values())), 1)[1].tolist() == [[8, 0]]


def test_messages_in_a_row_are_counted_against_what_really_came() -> None:
    after_a = Before("A", 1, "hm")
    lines = [
        Written(target(really, "x", before=after_a), render_line(Line(says, "<1m", "y")))
        for really, says in [("A", "A"), ("B", "A"), ("B", "A"), ("B", "B")]
    ]
    lines.append(Written(target("A", "x", before=after_a), "no line"))
    found = measured("bursts", System("adapter", written=lines))
    assert (found.n, found.value) == (4, 0.5)
    assert found.detail["by_run"] == [{"run": 1, "n": 4, "generated": 0.75, "real": 0.25}]


def test_copies_are_long_messages_of_the_training_text_less_the_real_share() -> None:
    known = context(training={"A": ["A long message that was trained on", "ok"]})
    real = messages([("A", "something else that is long")] * 3 + [("A", "A long message that was trained on")])
    generated = ["a  long message THAT was trained on", "ok", "a message that nobody wrote", "ok"]
    found = measured("copies", written(real, generated), known)
    assert found.n == 2  # the others are too short
    assert found.value == pytest.approx(1 / 2 - 1 / 4)
    assert longest_common("xxmessage thatyy", "A long message that was") == len("message that")
    longest = found.detail["longest"]
    assert longest["difference"] == pytest.approx(longest["generated"] - longest["real"])


def test_a_copy_with_another_first_or_last_word_is_a_copy() -> None:
    known = context(
        training={"A": ["see you at the old station on sunday morning", "hm"], "B": ["what a fine day that was"]}
    )
    real = messages([("A", "something else that is long")] * 5)
    generated = [
        "see you at the old STATION on sunday evening",
        "meet you at the old station on sunday morning",
        "you at the old  station on sunday",  # a piece of it
        "see you at the new station on monday morning",
        "what a fine day that is",  # somebody else's
    ]
    assert measured("copies", written(real, generated), known).value == pytest.approx(3 / 5)
    assert is_piece("abcdefghij", "xx cdefghij yy")
    assert not is_piece("abcdefghij", "bcdefgh")


def test_diversity_falls_where_a_few_messages_are_repeated() -> None:
    real = messages(talk(120, seed=1))
    same = measured("diversity", written(real, [content for _, content in talk(120, seed=2)]))
    assert same.value == pytest.approx(1, abs=0.15)
    assert measured("diversity", written(real, ["ok sure"] * 120)).value < 0.3


def test_an_assistants_phrases_are_seen() -> None:
    real = messages([("A", "no idea")] * 4)
    generated = ["Feel free to ask!", "no idea", "I'd be happy to help", "ok"]
    assert measured("assistant", written(real, generated)).value == 0.5


def test_personal_data_are_counted_without_their_text_and_told_from_what_was_remembered() -> None:
    known = context(training={"A": ["my number is 250-555-0133", "Kim@Example.org", "at 10", "30 555 12"]})
    real = messages([("A", "hm")] * 6)
    generated = ["call (250) 555 0133", "x@example.org or kim@example.org", "see https://example.com/a", "at 10:30"]
    found = measured("personal", written(real, [*generated, "call 250-555-0134", "1030555 12"]), known)
    assert found.value == pytest.approx(4 / 6)
    assert found.detail["kinds"]["number"] == {"remembered": 1, "invented": 2}  # two lines are no number
    assert found.detail["kinds"]["e-mail address"] == {"remembered": 1, "invented": 1}
    assert found.detail["kinds"]["link"] == {"remembered": 0, "invented": 1}
    assert "0133" not in str(found.detail)


def test_numbers_do_not_hide_behind_the_links_that_real_people_send() -> None:
    real = messages(
        [("A", "https://example.com/?id=12345678&to=x@example.org" if n % 20 == 0 else "hm") for n in range(200)]
    )
    generated = ["call 250-555-0133" if n % 10 == 0 else "hm" for n in range(200)]
    found = measured("personal", written(real, generated))
    assert found.value == pytest.approx(0.1)
    assert verdict(METRICS["personal"], found.n, found.value, found.interval(0), (None, 0.0)) == "fails: too much"


def test_bits_saved_with_the_format_known_are_those_over_the_base_model_that_read_some_lines() -> None:
    targets = [target("A" if i % 2 else "B", "twenty characters ok", i + 1) for i in range(60)]
    lines = [item._replace(told=20.0) for item in scored(targets, base=40.0, adapter=15.0)]
    system = System("adapter", scored=lines)
    assert measured("likelihood", system).value == pytest.approx(1 - 15 / 40)
    found = measured("likelihood_format", system)
    assert (found.n, found.value) == (60, pytest.approx(1 - 15 / 20))
    bits = found.detail["bits_per_character"]
    assert bits["base"] == pytest.approx(20 / 20 / math.log(2))
    assert bits["adapter"] == pytest.approx(15 / 20 / math.log(2))
    assert measured("likelihood_format", as_base(system)).value == pytest.approx(1 - 40 / 20)  # it costs bits
    assert (
        METRICS["likelihood_format"].measure(System("adapter", scored=scored(targets, 40.0, 15.0)), context()) is None
    )
