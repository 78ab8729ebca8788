"""`evaluate` from end to end with `tiny`, and its report."""

from __future__ import annotations

import html.parser
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from file_builder import Conversation, Message, chat, filled
from invented import lines

from ventriloquist.database import Database
from ventriloquist.errors import ModelError, NotReadyError
from ventriloquist.evaluate import Evaluation, Extent, evaluate
from ventriloquist.evaluate.report import render, write_report
from ventriloquist.prepare import prepare
from ventriloquist.train import preset, train

torch.set_num_threads(1)
EXTENT = Extent(likelihood=None, identity=12, validity=3, validity_context=2)
SETTINGS = preset("tiny").changed(max_steps=2, max_length=1024, targets_per_window=8, context=8, window=9, rank=4)
HOSTILE = '<script>alert(1)</script> \x1b[31m "Sam" & <b>'


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Path, Path]]:
    """Return a database, its home, and a run that was trained on it; one person's name means no good."""
    home = tmp_path_factory.mktemp("trained") / "home"
    conversations = [
        Conversation(
            [Message("Aidan Allchin" if i % 2 else name, line.content) for i, line in enumerate(lines(60, seed=n))]
        )
        for n, name in enumerate(("Sam", HOSTILE))
    ]
    with filled(home, conversations) as db:
        prepare(db)
        run = Path(train(db, SETTINGS, home=home).run or "")
        yield db, home, run


@pytest.fixture(scope="module")
def evaluation(trained: tuple[Database, Path, Path]) -> Evaluation:
    db, home, run = trained
    return evaluate(db, run, home=home, extent=EXTENT)


def test_everything_that_is_held_out_is_scored(trained: tuple[Database, Path, Path], evaluation: Evaluation) -> None:
    held_out = (
        trained[0]
        .conn.execute("SELECT count(*) FROM training_messages WHERE split = 'test' AND kind = 'text'")
        .fetchone()[0]
    )
    assert evaluation.held_out == held_out
    assert evaluation.test is not None
    assert evaluation.test.messages == held_out
    assert sum(count for count, _, _ in evaluation.people.values()) == held_out
    assert evaluation.final_windows is not None
    assert evaluation.final_windows.messages == 4  # two conversations
    assert evaluation.identity is not None
    assert set(evaluation.identity.candidates) == {"Aidan Allchin", "Sam", HOSTILE}
    assert evaluation.validity.lines == evaluation.validity_base.lines == 3
    assert not evaluation.changed_data


def test_the_same_seed_gives_the_same_evaluation(trained: tuple[Database, Path, Path], evaluation: Evaluation) -> None:
    db, home, run = trained
    assert evaluate(db, run, home=home, extent=EXTENT) == evaluation


def test_an_adapter_that_has_learnt_nothing_changes_nothing(
    trained: tuple[Database, Path, Path], tmp_path: Path
) -> None:
    db, home, _ = trained
    idle = Path(train(db, SETTINGS.changed(max_steps=1, learning_rate=1e-12), home=home).run or "")
    result = evaluate(db, idle, home=home, extent=replace(EXTENT, validity=1, identity=3))
    assert result.test is not None
    assert result.test.reduction == pytest.approx(0, abs=1e-6)


def test_changed_data_is_a_note_and_what_was_trained_on_is_never_scored(
    trained: tuple[Database, Path, Path], evaluation: Evaluation
) -> None:
    db, home, run = trained
    prepare_options = prepare(db, holdout_of(20))
    assert prepare_options.test > evaluation.held_out
    try:
        result = evaluate(db, run, home=home, extent=replace(EXTENT, validity=1, identity=1))
    finally:
        prepare(db)
    assert result.changed_data
    assert result.held_out <= evaluation.held_out * 2 < prepare_options.test


def holdout_of(messages: int) -> object:
    from ventriloquist.prepare import PrepareOptions

    return PrepareOptions(holdout=messages)


def test_without_anything_held_out_there_is_nothing_to_say(trained: tuple[Database, Path, Path], home: Path) -> None:
    _, _, run = trained
    with filled(home, [chat("hi", "ho")]) as db:
        prepare(db)
        with pytest.raises(NotReadyError, match="held out"):
            evaluate(db, run, home=home, extent=EXTENT)


def test_another_transcript_format_is_refused(trained: tuple[Database, Path, Path], tmp_path: Path) -> None:
    db, home, run = trained
    other = tmp_path / "other"
    other.mkdir()
    manifest = (run / "manifest.json").read_text().replace('"format_version": 1', '"format_version": 0')
    (other / "manifest.json").write_text(manifest)
    with pytest.raises(ModelError, match="format 0"):
        evaluate(db, other, home=home)


class Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_report_has_no_script_fetches_nothing_and_escapes_names(evaluation: Evaluation, tmp_path: Path) -> None:
    write_report(evaluation, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page == render(evaluation)
    tags = Tags()
    tags.feed(page)
    assert "script" not in tags.seen
    assert "b" not in tags.seen
    assert tags.addresses == []
    assert "default-src 'none'" in page
    assert "&lt;script&gt;" in page
    assert (tmp_path / "report.html").stat().st_mode & 0o077 == 0
