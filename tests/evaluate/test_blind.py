"""The blind quiz, asked and kept."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from ventriloquist.errors import NotReadyError, UnknownNameError
from ventriloquist.evaluate.blind import hit_rate, keep_answer, questions
from ventriloquist.evaluate.examples import FILENAME, Example
from ventriloquist.evaluate.store import FOLDER


@pytest.fixture
def run(tmp_path: Path) -> Path:
    examples = [Example("Sam", [("Kim", f"q{n}")], f"real {n}", f"made {n}", None) for n in range(12)]
    examples += [Example("Kim", [], "hm", "hm", None), Example("Sam", [], "the same", "the same ", None)]
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / FILENAME).write_text(json.dumps([asdict(example) for example in examples]))
    return tmp_path


def test_each_answer_stands_in_either_place_and_equal_ones_are_not_asked(run: Path) -> None:
    asked = questions(run, "Sam", seed=0)
    assert len(asked) == 12
    assert {one.real for one in asked} == {0, 1}
    assert all(one.answers[one.real].startswith("real") for one in asked)
    assert questions(run, "Sam", seed=0) == asked != questions(run, "Sam", seed=1)
    assert questions(run, "Kim", seed=0) == []


def test_what_was_answered_is_not_asked_again_and_counts(run: Path) -> None:
    asked = questions(run, "Sam", seed=0)
    for question in asked[:3]:
        keep_answer(run, "Sam", question, question.real)
    keep_answer(run, "Sam", asked[3], 1 - asked[3].real)
    assert questions(run, "Sam", seed=0) == asked[4:]
    rate = hit_rate(run, "Sam")
    assert (rate.answered, rate.hits, rate.share) == (4, 3, 0.75)
    assert rate.low < 0.75 < rate.high
    assert hit_rate(run, "Kim").share is None


def test_a_name_in_which_nothing_was_generated_is_said_so(run: Path) -> None:
    with pytest.raises(UnknownNameError, match="Samm"):
        questions(run, "Samm", seed=0)


def test_before_an_evaluation_there_is_nothing_to_ask(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="generated"):
        questions(tmp_path, "Sam", seed=0)
