"""What figures mean in words, and which metrics reject."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_up import context, messages, scored, target

from ventriloquist.evaluate import Evaluation
from ventriloquist.evaluate.compare import compare
from ventriloquist.evaluate.inputs import Candidates, NamesAlone, System
from ventriloquist.evaluate.metric import (
    ABOVE_REFERENCE,
    AT_REFERENCE,
    BELOW_REFERENCE,
    Measurement,
    Result,
    assess,
    verdict,
)
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.rejections import GUARDS, rejections, undecided
from ventriloquist.evaluate.statistics import Interval, share_interval
from ventriloquist.evaluate.tally import share, tally
from ventriloquist.evaluate.words import (
    SOUNDS,
    about_names,
    compared,
    figure,
    headline,
    summary,
    sure_value,
    told_by,
    value,
)

VOICE, HABITS, COPIES = METRICS["voice"], METRICS["fingerprint"], METRICS["copies"]


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (98, 90, 106, "indistinguishable at this n"),
        (85, 80, 90, "close"),
        (50, 40, 60, "between"),
        (2, -10, 14, "no better than the floor"),
        (140, 120, 160, "caricature"),
        (50, -200, 300, "no better than the floor"),  # so wide that it says nothing
    ],
)
def test_a_style_match_lies_between_other_people_and_real_messages(
    value: float, low: float, high: float, said: str
) -> None:
    assert verdict(VOICE, 200, value, Interval(low, high), (0.0, 100.0)) == said


MORE, LESS = METRICS["identity"], METRICS["fingerprint"]

# where an interval lies, its ends as shares of the way from the floor (0) to the ceiling (1): what is said of a
# two-sided metric, and of one of which there cannot be too much
POSITIONS = [
    (-0.9, -0.1, "worse than the floor", "worse than the floor"),
    (-0.1, 0.0, "no better than the floor", "no better than the floor"),  # touches it
    (-0.2, 0.5, "no better than the floor", "no better than the floor"),
    (0.0, 0.5, "no better than the floor", "no better than the floor"),
    (-0.2, 1.3, "no better than the floor", "no better than the floor"),  # holds both
    (0.1, 0.5, "between", "between"),
    (0.4, 0.99, "between", "between"),
    (0.7, 0.9, "close", "close"),
    (0.6, 1.0, "indistinguishable at this n", "indistinguishable at this n"),
    (0.1, 1.7, "indistinguishable at this n", "indistinguishable at this n"),
    (1.0, 1.4, "indistinguishable at this n", "indistinguishable at this n"),
    (1.01, 1.4, "caricature", "above the ceiling"),
    (7.0, 9.0, "caricature", "above the ceiling"),
]


@pytest.mark.parametrize(("low", "high", "two_sided", "one_sided"), POSITIONS)
def test_the_words_follow_where_the_interval_lies(low: float, high: float, two_sided: str, one_sided: str) -> None:
    middle = (low + high) / 2
    for metric, floor, ceiling, said in ((VOICE, 3.0, 103.0, two_sided), (MORE, 0.0, 0.5, one_sided)):
        at, first, last = (floor + share * (ceiling - floor) for share in (middle, low, high))
        assert verdict(metric, 500, at, Interval(first, last), (floor, ceiling)) == said
    # where less is better the ceiling is the smaller number, and the interval's ends change places
    at, first, last = (4.0 - share * 2.0 for share in (middle, high, low))
    assert verdict(LESS, 500, at, Interval(first, last), (4.0, 2.0)) == one_sided


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.bounds is None])
@pytest.mark.parametrize("at", [-9, -1, -0.5, 0, 0.3, 0.9, 1, 1.5, 9])
@pytest.mark.parametrize("half", [0.01, 0.6, 3])
def test_indistinguishable_is_only_said_where_the_interval_holds_the_ceiling(name: str, at: float, half: float) -> None:
    metric = METRICS[name]
    floor, ceiling = (2.0, 1.0) if metric.aim == "less" else (1.0, 2.0)
    ends = (None if metric.floor is None else floor, None if metric.ceiling is None else ceiling)
    value = floor + at * (ceiling - floor)
    said = verdict(metric, 10_000, value, Interval(value - half, value + half), ends)
    if said == "indistinguishable at this n":
        assert value - half <= ceiling <= value + half
    if "above" in said or said == "caricature":
        assert at - half > 1
    if said.startswith("differs"):
        assert said == ("differs: too much" if value > ceiling else "differs: too little")
        assert abs(value - ceiling) > half
    if said in ("better than the floor", "between", "close"):
        assert at - half > 0
    if said == "worse than the floor":
        assert at + half < 0
    if said == "no better than the floor":
        assert at - half <= 0 <= at + half


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.bounds is not None])
def test_a_guard_says_on_which_side_of_its_bounds_all_of_an_interval_lies(name: str) -> None:
    metric = METRICS[name]
    low, high = metric.bounds or (0, 0)

    def said(first: float, last: float) -> str:
        return verdict(metric, 500, (first + last) / 2, Interval(first, last), (None, 0.0))

    assert said(low - 2, low - 1) == "fails: too little"
    assert said(high + 1, high + 2) == "fails: too much"
    for reaches in ((low - 1, low), (low - 1, high + 1), (high, high + 1)):
        assert said(*reaches) == "passes"


def test_where_less_is_better_the_ceiling_lies_below() -> None:
    assert verdict(HABITS, 200, 0.1, Interval(-0.1, 0.3), (2.0, 0.0)) == "indistinguishable at this n"
    assert verdict(HABITS, 200, 1.9, Interval(1.7, 2.1), (2.0, 0.0)) == "no better than the floor"
    assert verdict(HABITS, 200, 1.0, Interval(0.8, 1.2), (2.0, 0.0)) == "between"


def test_where_real_people_do_not_stand_apart_nothing_is_said() -> None:
    assert verdict(VOICE, 200, 50, Interval(40, 60), (100.0, 90.0)) == "not enough data"
    assert verdict(VOICE, 200, float("nan"), Interval(40, 60), (0.0, 100.0)) == "not enough data"


def test_under_a_metrics_minimum_there_is_not_enough_data() -> None:
    assert verdict(VOICE, VOICE.minimum - 1, 98, Interval(90, 106), (0.0, 100.0)) == "not enough data"


def test_a_guard_fails_only_where_the_whole_interval_lies_outside() -> None:
    assert verdict(COPIES, 100, 0.3, Interval(0.2, 0.4), (None, 0.0)) == "fails: too much"
    assert verdict(COPIES, 100, 0.06, Interval(0.01, 0.12), (None, 0.0)) == "passes"
    assert verdict(METRICS["diversity"], 100, 0.3, Interval(0.2, 0.4), (None, 1.0)) == "fails: too little"


@pytest.mark.parametrize(
    ("valid", "base", "said"),
    [
        (400, 400, "passes"),  # however good the base model is
        (400, 398, "passes"),
        (390, 30, "passes"),
        (200, 30, "fails: too little"),
        (29, 0, "not enough data"),
    ],
)
def test_valid_lines_pass_beside_any_base_model(valid: int, base: int, said: str) -> None:
    of = 400 if valid >= 30 else 29
    result = assess(METRICS["validity"], found(valid, of), {"base": found(base, of)}, seed=0)
    assert (result.verdict, result.floor, result.ceiling) == (said, None, 1.0)
    assert result.baselines == {"base": base / of}


def test_without_a_ceiling_the_floor_is_what_is_passed_or_not() -> None:
    bits = METRICS["likelihood"]
    assert verdict(bits, 100, 0.2, Interval(0.1, 0.3), (0.0, None)) == "better than the floor"
    assert verdict(bits, 100, 0.0, Interval(-0.1, 0.1), (0.0, None)) == "no better than the floor"
    assert verdict(bits, 100, -0.2, Interval(-0.3, -0.1), (0.0, None)) == "worse than the floor"


def found(hits: int, of: int = 40) -> Measurement:
    places = [target("A", "x", conversation=number) for number in range(of)]
    return Measurement(
        of, tally((place.cluster, (number < hits, 1)) for number, place in enumerate(places)), share, share_interval
    )


def test_a_result_stands_beside_its_floor_its_ceiling_and_other_baselines() -> None:
    others = {"shuffled": found(4), "ngram": found(30), "base": found(10), "chance": None}
    metric = replace(METRICS["identity"], ceiling="ngram", reference=None)
    result = assess(metric, found(20), others, seed=0)
    assert (result.value, result.n, result.floor, result.ceiling) == (0.5, 40, 0.1, 0.75)
    assert result.baselines == {"shuffled": 0.1, "ngram": 0.75, "base": 0.25}
    assert result.low is not None
    assert result.high is not None
    assert result.low < 0.5 < result.high
    said = summary(metric, result)
    assert "50%" in said
    assert "floor 10% (shuffled)" in said
    assert "ceiling 75% (TF-IDF + SVM classifier)" in said
    assert said.endswith("between")


def test_where_a_floor_could_not_be_measured_what_differs_from_real_messages_is_rejected_and_nothing_passes() -> None:
    metric = replace(METRICS["lengths"], minimum=10)  # less is better
    known = {"real": found(10), "pooled": None}
    assert assess(metric, found(11), known, seed=0).verdict == "not enough data"
    off = assess(metric, found(38), known, seed=0)
    assert off.verdict == "differs: too much"
    assert rejections({"lengths": off}) == ("lengths",)
    nearer = assess(metric, found(5), {**known, "real": found(30)}, seed=0)
    assert nearer.verdict == "above the ceiling"
    assert rejections({"lengths": nearer}) == ()


def test_bits_are_shown_without_and_with_the_adapter() -> None:
    bits = {"bits_per_character": {"base": 2.2254, "adapter": 1.6221}}
    saved = Result(0.27, 0.2, 0.35, 103, 0.0, None, {}, "better than the floor", bits)
    assert "2.23 → 1.62 bits a character" in summary(METRICS["likelihood"], saved)


def test_what_could_not_be_measured_has_no_value() -> None:
    nothing = assess(METRICS["identity"], None, {}, seed=0)
    assert (nothing.value, nothing.low, nothing.verdict) == (None, None, "not enough data")
    assert figure(METRICS["identity"], None) == "–"


@pytest.mark.parametrize(
    ("number", "said"), [(0.0, "0%"), (-0.0004, "0%"), (0.004, "0.4%"), (0.55, "55%"), (-1993.9, "-199,390%")]
)
def test_shares_are_said_as_precisely_as_they_matter(number: float, said: str) -> None:
    assert figure(COPIES, number) == said


def test_a_number_without_an_interval_is_not_shown() -> None:
    lonely = Result(0.5, None, None, 3, 0.1, 0.7, {}, "not enough data")
    assert value(METRICS["identity"], lonely) == "–"
    assert "50" not in summary(METRICS["identity"], lonely)
    assert figure(HABITS, -0.2) == "0.00"  # what is under noise is nothing


def result(value: float, said: str) -> Result:
    return Result(value, value, value, 500, 0.0, 100.0, {}, said)


def test_what_a_person_would_not_do_is_named() -> None:
    results = {
        "voice": result(140, "caricature"),
        "indistinguishable": result(0.3, "between"),
        "copies": result(0.5, "fails: too much"),
        "diversity": result(1, "passes"),
        "likelihood": result(0, "no better than the floor"),
    }
    assert rejections(results) == ("voice", "indistinguishable", "copies")
    at_floor = {"voice": result(10, "no better than the floor"), "lengths": result(80, "no better than the floor")}
    assert rejections(at_floor) == ("voice",)  # the other is near the real one, if not surely
    assert rejections({"lengths": result(-3, "worse than the floor")}) == ("lengths",)
    assert rejections({"fingerprint": result(120, "above the ceiling")}) == ()
    assert undecided(results) == ("validity", "fingerprint", "lengths", "assistant", "personal")
    few = {name: replace(one, verdict="not enough data") for name, one in results.items()}
    assert rejections(few) == ()
    assert undecided(few) == tuple(GUARDS)
    assert undecided(few, ["likelihood"]) == undecided({}, ["likelihood"]) == ()
    assert undecided(results, ["voice", "lengths", "timing"]) == ("lengths",)  # asked for, and nothing was generated


def test_who_would_tell_is_said_only_where_it_was_asked() -> None:
    def told(*asked: str, rejected: tuple[str, ...] = (), few: tuple[str, ...] = ()) -> str:
        metrics = {name: result(0, "passes") for name in asked}
        return told_by(Evaluation(1, "", "", 0, False, 0, {}, {}, metrics, {}, rejected, few, {}))

    assert told("validity", "copies", rejected=("validity", "copies")) == "valid lines, copied"
    assert told("voice", few=("voice",)) == "nothing that was measured; not enough data for style match"
    assert told("likelihood", "timing") == ""


@pytest.mark.parametrize(
    ("said", "rejected", "expected"),
    [
        ({"voice": "indistinguishable at this n"}, (), "It sounds like them: a judge of style cannot tell"),
        ({"voice": "between"}, (), "It sounds more like them than other people do, but not like them yet."),
        ({"voice": "caricature"}, ("voice",), "It overdoes them"),
        ({"voice": "caricature"}, ("voice", "copies"), "What gives it away: the style, sentences it copied."),
        ({"voice": "close", "copies": "passes"}, (), "Nothing that was measured gives it away."),
        ({"voice": "not enough data"}, (), "There are too few messages to say whether it sounds like them."),
        ({"likelihood": "worse than the floor"}, (), "It predicts what they really write worse than"),
        (
            {"identity": "above the ceiling"},
            (),
            "From a single message it names the right writer 86% of the time (95 %: 86% to",
        ),
        ({}, (), "There is not enough data to say how it writes."),
    ],
)
def test_the_headline_is_sentences(said: dict[str, str], rejected: tuple[str, ...], expected: str) -> None:
    metrics = {name: replace(result(0.86, said[name])) for name in said}
    sentences = headline(Evaluation(1, "", "", 0, False, 0, {}, {}, metrics, {}, rejected, (), {}))
    assert expected in sentences
    assert sentences.endswith(".")


def test_every_verdict_of_a_style_match_has_its_sentence() -> None:
    possible = {said for _, _, said, _ in POSITIONS} | {"not enough data"}
    assert set(SOUNDS) == possible


def test_where_no_interval_stands_beside_it_a_figure_of_too_few_is_not_shown() -> None:
    few = Result(-28.42, -90.0, 1.0, 9, 0.0, None, {}, "not enough data")
    enough = replace(few, value=0.2, low=0.1, high=0.3, n=300, verdict="better than the floor")
    assert [sure_value(METRICS["timing"], one) for one in (few, enough)] == ["–", "20%"]


def test_two_runs_are_compared_metric_by_metric_in_the_metrics_own_direction() -> None:
    better = compare("other", {"identity": found(35), "ranking": found(20)}, {"identity": found(5)}, seed=0)
    assert better.against == "other"
    assert list(better.metrics) == ["identity"] or "identity" in better.metrics
    row = better.metrics["identity"]
    assert (row.first, row.second, row.outcome) == (0.875, 0.125, "better")
    worse = compare("other", {"copies": found(35, 60)}, {"copies": found(5, 60)}, seed=0)
    assert worse.metrics["copies"].outcome == "worse"
    same = compare("other", {"identity": found(20)}, {"identity": found(20)}, seed=0)
    assert same.metrics["identity"].outcome == "undecided"
    few = compare("other", {"identity": found(5, 10)}, {"identity": found(9, 10)}, seed=0).metrics["identity"]
    assert (few.outcome, few.difference, few.p) == ("not enough data", None, None)


def test_runs_without_a_figure_are_compared_without_one() -> None:
    """A figure of no messages is not a number, and JSON has no word for that."""
    nothing = Measurement(0, {}, share)
    row = compare("other", {"identity_of_5": nothing}, {"identity_of_5": nothing}, seed=0).metrics["identity_of_5"]
    assert (row.first, row.second, row.outcome) == (None, None, "not enough data")
    few = compare("other", {"identity": found(5, 10)}, {"identity": found(9, 10)}, seed=0).metrics["identity"]
    assert compared(METRICS["identity"], few)[1:3] == ("–", "–")


def test_how_bits_are_spread_is_not_said_of_too_few_messages() -> None:
    names = NamesAlone([Candidates(target("A", "ok", conversation=n), (1.0, 2.0), 0, ("A", "B")) for n in range(60)])
    measured = METRICS["name_information"].compute(names)
    enough = assess(METRICS["name_information"], measured, {}, 0)
    assert about_names(enough)
    assert not about_names(replace(enough, verdict="not enough data"))


def test_bits_saved_over_different_bases_are_compared_over_the_same_one() -> None:
    """A weak base leaves more to save: who saves more of its own may still expect people's words less."""
    places = [target("A", "x" * 10, conversation=n) for n in range(60)]
    weak = METRICS["likelihood"].measure(System("weak", scored=scored(places, 22, 16)), context())
    strong = METRICS["likelihood"].measure(System("strong", scored=scored(places, 14, 11)), context())
    assert weak is not None
    assert strong is not None
    assert weak.value > strong.value
    row = compare("other", {"likelihood": weak}, {"likelihood": strong}, seed=0).metrics["likelihood"]
    assert row.outcome == "worse"
    assert row.second == pytest.approx(1 - 11 / 22)


def test_distances_are_compared_in_their_own_unit() -> None:
    real = messages([("A", "x" * (5 + n % 7)) for n in range(200)])

    def longer(by: int) -> Measurement:
        generated = [one._replace(content=one.content + "x" * by) for one in real]
        found = METRICS["lengths"].measure(System("one", messages=generated, reference=real), context())
        assert found is not None
        return found

    near, far = longer(3), longer(20)
    row = compare("other", {"lengths": near}, {"lengths": far}, seed=0).metrics["lengths"]
    assert row.outcome == "better"
    assert row.difference == pytest.approx(far.value - near.value)
    assert row.low is not None
    assert row.high is not None
    assert row.low < row.difference < row.high


def test_over_and_under_the_target_are_compared_by_how_far_off_they_are() -> None:
    def around(value: float) -> Measurement:
        places = [one.target for one in messages([("A", str(n)) for n in range(200)])]
        return Measurement(
            200, tally((place.cluster, (1, value)) for place in places), lambda sums: sums[..., 1] / sums[..., 0]
        )

    row = compare("other", {"voice": around(120)}, {"voice": around(70)}, seed=0).metrics["voice"]
    assert row.outcome == "better"
    assert row.difference == pytest.approx(10)


@pytest.mark.parametrize("name", ["voice", "voice_habits"])
def test_a_style_match_is_compared_with_the_base_models(name: str) -> None:
    def around(value: float) -> Measurement:
        generator = np.random.default_rng(int(value))
        places = [one.target for one in messages([("A", str(n)) for n in range(200)])]
        return Measurement(
            200,
            tally((place.cluster, (1, value + generator.normal(0, 30))) for place in places),
            lambda sums: sums[..., 1] / sums[..., 0],
        )

    said = {
        value: assess(METRICS[name], around(80), {"base": around(value)}, seed=0).beside_reference
        for value in (50, 79, 110)
    }
    assert said == {50: ABOVE_REFERENCE, 79: AT_REFERENCE, 110: BELOW_REFERENCE}


@pytest.mark.parametrize(
    ("hits", "said"),
    [
        (190, "above the reference at this n"),
        (100, "at the reference at this n"),
        (5, "below the reference at this n"),
    ],
)
def test_a_reference_stands_beside_a_figure_and_has_no_effect_on_the_verdict(hits: int, said: str) -> None:
    plain = replace(METRICS["identity"], floor=0.1, ceiling=None, baselines=(), reference=None)
    metric = replace(plain, reference="ngram")
    others = {"ngram": found(104, 200)}
    result = assess(metric, found(hits, 200), others, seed=0)
    assert (result.reference, result.beside_reference) == (0.52, said)
    assert result.verdict == assess(plain, found(hits, 200), {}, seed=0).verdict
    assert metric.compared == ("ngram",)
    assert f"reference 52% (TF-IDF + SVM classifier): {said}" in summary(metric, result)
    few = assess(metric, found(hits, 200), {"ngram": found(5, 10)}, seed=0)
    assert (few.reference, few.beside_reference) == (0.5, None)
