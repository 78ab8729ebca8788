"""The blind quiz, asked and kept."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ventriloquist.errors import NotReadyError, UnknownNameError
from ventriloquist.evaluate.blind import find_subject, hit_rate, keep_answer, questions
from ventriloquist.evaluate.examples import Example, read_examples, write_examples
from ventriloquist.layout import BLIND, EVALUATION

DATA = "a hash of what was prepared"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    examples = [Example("Sam", [("Kim", f"q{n}")], f"real {n}", f"made {n}", None) for n in range(12)]
    examples += [Example("Kim", [], "hm", "hm", None), Example("Sam", [], "the same", "the same ", None)]
    write_examples(tmp_path, DATA, examples)
    return tmp_path


def test_each_answer_stands_in_either_place_and_equal_ones_are_not_asked(run: Path) -> None:
    asked = questions(run, "Sam", 0, DATA)
    assert len(asked) == 12
    assert {one.real for one in asked} == {0, 1}
    assert all(one.answers[one.real].startswith("real") for one in asked)
    assert questions(run, "Sam", 0, DATA) == asked != questions(run, "Sam", 1, DATA)
    assert questions(run, "Kim", 0, DATA) == []


def test_what_was_answered_is_not_asked_again_and_counts(run: Path) -> None:
    asked = questions(run, "Sam", 0, DATA)
    for question in asked[:3]:
        keep_answer(run, "Sam", question, question.real)
    keep_answer(run, "Sam", asked[3], 1 - asked[3].real)
    assert questions(run, "Sam", 0, DATA) == asked[4:]
    rate = hit_rate(run, "Sam")
    assert (rate.answered, rate.hits, rate.share) == (4, 3, 0.75)
    assert rate.low < 0.75 < rate.high
    assert hit_rate(run, "Kim").share is None


def test_a_name_in_which_nothing_was_generated_is_said_so(run: Path) -> None:
    with pytest.raises(UnknownNameError, match="Samm"):
        find_subject(run, "Samm", DATA)
    assert find_subject(run, "sam", DATA) == "Sam"


def test_before_an_evaluation_there_is_nothing_to_ask(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="generated"):
        find_subject(tmp_path, "Sam", DATA)


def test_nothing_is_shown_of_data_that_was_prepared_otherwise(run: Path) -> None:
    with pytest.raises(NotReadyError, match="this data"):
        find_subject(run, "Sam", "another hash")
    assert read_examples(run, "another hash") == []
    assert read_examples(run, DATA) != []


def test_answers_are_kept_for_their_owner_alone_and_stay_if_writing_fails(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = questions(run, "Sam", 0, DATA)[:2]
    keep_answer(run, "Sam", first, first.real)
    assert (run / EVALUATION / BLIND).stat().st_mode & 0o077 == 0

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        keep_answer(run, "Sam", second, second.real)
    assert hit_rate(run, "Sam").answered == 1
