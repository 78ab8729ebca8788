"""Each metric by itself, on scores that are made up."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from ventriloquist.evaluate.heldout import HeldOutRow, Target, draw_rows
from ventriloquist.evaluate.identity import identity, ngram_classifier
from ventriloquist.evaluate.likelihood import ScoredRow, by_person, likelihood
from ventriloquist.evaluate.validity import validity
from ventriloquist.model.corpus import Conversation, Row
from ventriloquist.model.score import LineScore
from ventriloquist.transcript import Line, render_line

CONVERSATION = Conversation(1, '{"type": "dm", "members": ["A", "B"], "start": ', 0, 40)


def target(name: str, content: str, from_end: int = 9) -> Target:
    return Target(CONVERSATION, 40 - from_end, Line(name, "<1m", content), from_end)


def scored(targets: list[Target], base: float, adapter: float) -> ScoredRow:
    def score(nats: float) -> list[LineScore]:
        return [LineScore(1.0, 2.0, nats, len(one.line.content)) for one in targets]

    return ScoredRow(HeldOutRow(Row(np.zeros(1, np.uint32), []), targets), score(base), score(adapter))


def test_a_line_is_valid_only_if_everything_about_it_is() -> None:
    good = render_line(Line("A", "<1m", "hi"))
    lines = [good, good + " ", good[:-1], good.replace("<1m", "<2m"), good.replace('"A"', '"C"'), "hi"]
    result = validity(lines, [("A", "B")] * len(lines))
    assert (result.valid, result.lines) == (2, 6)
    assert result.low < result.share == 2 / 6 < result.high


def test_bits_per_character_weigh_characters_not_messages() -> None:
    rows = [
        scored([target("A", "x" * 10)], 10 * math.log(2), 5 * math.log(2)),
        scored([target("B", "y" * 30)], 0.0, 0.0),
    ]
    result = likelihood(rows, seed=0)
    assert result is not None
    assert (result.messages, result.characters) == (2, 40)
    assert result.base == pytest.approx(10 / 40)
    assert result.adapter == pytest.approx(5 / 40)
    assert result.reduction == pytest.approx(0.5)
    assert by_person(rows)["A"] == pytest.approx((1, 1.0, 0.5))


def test_the_final_windows_are_the_last_two_of_a_conversation() -> None:
    rows = [scored([target("A", "abc", from_end) for from_end in (4, 3, 2, 1)], 4.0, 2.0)]
    result = likelihood(rows, seed=0, final_windows=True)
    assert result is not None
    assert result.messages == 2
    assert likelihood([scored([target("A", "abc", 3)], 4.0, 2.0)], seed=0, final_windows=True) is None


def test_rows_are_drawn_whole_and_by_the_seed() -> None:
    rows = [HeldOutRow(Row(np.zeros(1, np.uint32), []), [target("A", str(n))] * 5) for n in range(20)]
    drawn = draw_rows(rows, 12, seed=3)
    assert len(drawn) == 3
    assert draw_rows(rows, 12, seed=3) == drawn != draw_rows(rows, 12, seed=4)
    assert draw_rows(rows, None, seed=3) == rows


def test_the_likeliest_name_is_the_one_with_the_fewest_nats() -> None:
    voices = {"A": "lower", "B": "UPPER"}

    def score(prefix: str, lines: list[Line]) -> Iterator[LineScore]:
        assert prefix.count("\n") == 1
        for line in lines:
            fits = line.content.isupper() == voices[line.name].isupper()
            yield LineScore(0.0, 0.0, 1.0 if fits else 9.0, len(line.content))

    targets = [target("A", "quiet"), target("B", "LOUD"), target("B", "quiet for once"), target("Z", "not a candidate")]
    result = identity(targets, ["A", "B"], score, lambda contents: ["A"] * len(contents), lambda _done, _total: None)
    assert result is not None
    assert (result.messages, result.at_1, result.chance) == (3, 2 / 3, 0.5)
    assert result.confusion == {"A": {"A": 1}, "B": {"B": 1, "A": 1}}
    assert result.mrr == pytest.approx((1 + 1 + 0.5) / 3)
    assert result.ngram_at_1 == pytest.approx(1 / 3)


def test_with_one_candidate_there_is_nothing_to_tell_apart() -> None:
    assert identity([target("A", "x")], ["A"], lambda *_: [], lambda _: [], lambda _done, _total: None) is None


def test_the_baseline_tells_voices_apart() -> None:
    texts = ["ok lol", "yes lol", "lol no", "I shall come.", "It is raining.", "I do not know."] * 3
    names = (["A"] * 3 + ["B"] * 3) * 3
    assert ngram_classifier(texts, names)(["lol maybe", "It is I."]) == ["A", "B"]
