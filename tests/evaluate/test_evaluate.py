"""`evaluate` from end to end with `tiny`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from file_builder import chat, filled
from invented import NAMES
from stages import prepare
from trained_run import (
    EXTENT,
    HOSTILE,
    evaluated,
)

from ventriloquist import evaluate
from ventriloquist.errors import ModelError, NotReadyError, UnknownNameError
from ventriloquist.evaluate import METRICS, Evaluation, stage
from ventriloquist.evaluate.learning_curve import FEW_PEOPLE, MIN_TESTED
from ventriloquist.evaluate.stage import ON_FINAL_WINDOWS
from ventriloquist.layout import MANIFEST
from ventriloquist.model.manifest import read_manifest
from ventriloquist.prepare import PrepareOptions
from ventriloquist.records import Progress
from ventriloquist.store import Connection
from ventriloquist.store.counts import counts_by_person


def test_everything_that_is_held_out_is_scored(trained: tuple[Connection, Path, Path], evaluation: Evaluation) -> None:
    held_out = (
        trained[0]
        .execute("SELECT count(*) FROM training_messages WHERE split = 'test' AND kind = 'text'")
        .fetchone()[0]
    )
    assert evaluation.held_out == held_out == evaluation.division["tested on"]
    assert evaluation.metrics["likelihood"].n == evaluation.metrics["timing"].n == held_out
    assert sum(of_person["likelihood"].n for of_person in evaluation.people.values()) == held_out
    assert evaluation.final_windows["timing"].n == 6  # three conversations
    assert set(evaluation.metrics["identity"].detail["candidates"]) == {*NAMES, HOSTILE}
    assert evaluation.metrics["identity"].n == 8
    assert evaluation.metrics["validity"].n == 12
    assert evaluation.metrics["ranking"].n == evaluation.metrics["identity_in_context"].n == 4


def test_the_judge_reads_neither_what_is_trained_on_nor_what_is_tested(
    trained: tuple[Connection, Path, Path], evaluation: Evaluation
) -> None:
    counts = dict(
        trained[0]
        .execute("SELECT coalesce(split, 'train'), count(*) FROM training_messages WHERE kind = 'text' GROUP BY 1")
        .fetchall()
    )
    assert list(evaluation.division.values()) == [counts["train"], counts["validation"], counts["test"]]


def test_each_metric_is_measured_or_it_is_said_why_not(evaluation: Evaluation) -> None:
    assert {*evaluation.metrics, *evaluation.not_measured} == set(METRICS)
    assert set(evaluation.final_windows) <= set(ON_FINAL_WINDOWS)
    for name, result in evaluation.metrics.items():
        if result.n < METRICS[name].minimum:
            assert result.verdict == "not enough data"
    assert evaluation.metrics["likelihood"].low is not None
    assert {"chance", "ngram", "shuffled", "base"} <= set(evaluation.metrics["identity"].baselines)
    assert evaluation.metrics["identity"].baselines["chance"] == pytest.approx(1 / 4)


def test_the_learning_curve_counts_what_the_run_read_of_each_person(
    trained: tuple[Connection, Path, Path], evaluation: Evaluation, tmp_path: Path
) -> None:
    db, home, run = trained
    run = shutil.copytree(run, tmp_path / "run")
    curve = evaluation.learning_curve
    assert curve is not None
    assert curve.reason == FEW_PEOPLE  # eight messages are scored
    more = replace(EXTENT, identity=None)
    curve = evaluated(db, run, home=home, only=["name_information"], extent=more).learning_curve
    assert curve is not None
    written = {one.name: one.train for one in counts_by_person(db)}
    assert curve.people
    for name, one in curve.people.items():
        assert 0 < one.messages <= written[name]
        assert one.n >= MIN_TESTED
    assert evaluated(db, run, home=home, only=["timing"]).learning_curve is None


def test_no_message_stands_in_the_result(trained: tuple[Connection, Path, Path], evaluation: Evaluation) -> None:
    said = {content for (content,) in trained[0].execute("SELECT content FROM training_messages") if len(content) > 20}
    text = json.dumps(asdict(evaluation), ensure_ascii=False)
    assert not [content for content in said if json.dumps(content, ensure_ascii=False)[1:-1] in text]


def test_only_what_is_asked_for_is_measured(trained: tuple[Connection, Path, Path]) -> None:
    db, home, run = trained
    result = evaluated(db, run, home=home, extent=EXTENT, only=["timing"])
    assert list(result.metrics) == ["timing"]
    assert list(result.final_windows) == ["timing"]


def test_what_cannot_be_measured_is_refused_by_the_plan(trained: tuple[Connection, Path, Path], tmp_path: Path) -> None:
    db, home, run = trained
    with pytest.raises(UnknownNameError, match="timeing"):
        evaluate.plan(db, run, home=home, only=["timeing"])
    shutil.copy(run / MANIFEST, tmp_path)
    with pytest.raises(ModelError, match="has no adapter_model"):
        evaluate.plan(db, run, home=home, against=tmp_path)


def test_an_adapter_that_has_learnt_nothing_is_no_better_than_its_base_or_another_one(
    trained: tuple[Connection, Path, Path], evaluation: Evaluation
) -> None:
    db, home, run = trained
    assert evaluation.metrics["likelihood"].value == pytest.approx(0, abs=1e-6)
    assert evaluation.metrics["likelihood"].verdict == "no better than the floor"
    assert evaluation.rejected_by == ()  # of so few messages nothing is said
    twin = home / "runs" / "two"
    if not twin.exists():
        shutil.copytree(run, twin)
    stages: list[str] = []
    advances: list[tuple[str, int, int]] = []

    def stage(name: str) -> Progress:
        stages.append(name)
        return lambda done, total: advances.append((name, done, total))

    plan = evaluate.plan(db, run, home=home, extent=EXTENT, only=["likelihood", "validity"], against=twin)
    comparison = evaluate.run(db, plan, stage=stage).comparison
    for name in ("Scoring", "Writing without a grammar"):  # the total is known before the first batch is done
        assert next((done, total > 0) for what, done, total in advances if what == name) == (0, True)
    assert stages.count("Tokenising") == 2
    assert stages.count("Loading the model with transformers") == 2  # each run is loaded once
    assert comparison is not None
    assert comparison.against == "two"
    assert comparison.metrics["likelihood"].outcome == "undecided"


def test_two_runs_are_compared_on_what_neither_has_seen(trained: tuple[Connection, Path, Path]) -> None:
    db, home, run = trained
    later = shutil.copytree(run, home / "runs" / "later")
    boundaries = {id: first + 30 for id, first in read_manifest(run).held_out.items()}
    read_manifest(run).model_copy(update={"held_out": boundaries}).write(later)
    alone, both, turned = (
        evaluated(db, first, home=home, extent=EXTENT, only=["likelihood"], against=second)
        for first, second in ((later, None), (run, later), (later, run))
    )
    assert (
        alone.held_out
        == both.held_out
        == turned.held_out
        < evaluated(db, run, home=home, extent=EXTENT, only=["timing"]).held_out
    )
    assert both.metrics["likelihood"].n == turned.metrics["likelihood"].n == both.held_out


def test_a_quick_comparison_scores_the_same_messages_in_the_rows_of_both_runs(
    trained: tuple[Connection, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    db, home, run = trained
    other = shutil.copytree(run, home / "runs" / "other-rows")
    read_manifest(run).model_copy(update={"context": 2, "targets_per_window": 3}).write(other)
    taken: list[Mapping[str, Any]] = []
    compared = stage.compare
    monkeypatch.setattr(stage, "compare", lambda *given: taken.extend(given[1:3]) or compared(*given))
    few = replace(EXTENT, likelihood=7)
    result = evaluated(db, run, home=home, extent=few, only=["likelihood"], against=other)
    first, second = (one["likelihood"] for one in taken)
    assert 7 <= first.n == second.n < result.held_out
    assert first.sums.keys() == second.sums.keys()
    boundaries = dict.fromkeys(read_manifest(run).held_out, 10**9)
    read_manifest(run).model_copy(update={"held_out": boundaries}).write(other)
    with pytest.raises(NotReadyError, match="that a person typed and that no run was trained on"):
        evaluated(db, run, home=home, extent=few, only=["likelihood"], against=other)


def test_changed_data_is_a_note_and_what_was_trained_on_is_never_scored(
    trained: tuple[Connection, Path, Path], evaluation: Evaluation
) -> None:
    db, home, run = trained
    prepared = prepare(db, PrepareOptions(holdout=50))
    assert prepared.test > evaluation.held_out
    try:
        result = evaluated(db, run, home=home, extent=replace(EXTENT, likelihood=1), only=["likelihood"])
    finally:
        prepare(db, PrepareOptions(holdout=24))
    assert result.changed_data
    assert result.held_out == evaluation.held_out * 2 < prepared.test
    trained_on = read_manifest(run).held_out
    assert result.division["trained on"] <= sum(trained_on.values())


def test_without_anything_held_out_there_is_nothing_to_say(trained: tuple[Connection, Path, Path], home: Path) -> None:
    _, _, run = trained
    with filled(home, [chat("hi", "ho")]) as db:
        prepare(db)
        with pytest.raises(NotReadyError, match="held out"):
            evaluated(db, run, home=home, extent=EXTENT)


def test_another_transcript_format_is_refused(trained: tuple[Connection, Path, Path], tmp_path: Path) -> None:
    db, home, run = trained
    other = tmp_path / "other"
    other.mkdir()
    manifest = (run / "manifest.json").read_text().replace('"format_version": 1', '"format_version": 0')
    (other / "manifest.json").write_text(manifest)
    with pytest.raises(ModelError, match="format 0"):
        evaluated(db, other, home=home)
