"""vq eval as a user runs it, on a run in which everything that needs a model but the scoring is left out."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pexpect
import pytest
import torch
from adapter_builder import build_run
from file_builder import Conversation, Message, filled
from invented import NAMES, lines
from stages import prepare
from typer.testing import CliRunner, Result

from ventriloquist.cli import eval_blind
from ventriloquist.cli.app import app
from ventriloquist.cli.eval import show_tables, stages
from ventriloquist.evaluate import METRICS, Evaluation
from ventriloquist.evaluate.blind import Question
from ventriloquist.evaluate.compare import Compared, Comparison
from ventriloquist.evaluate.examples import Example, write_examples
from ventriloquist.evaluate.learning_curve import Learnt, fit
from ventriloquist.evaluate.metric import Result as Figure
from ventriloquist.evaluate.rejections import GUARDS
from ventriloquist.model.manifest import read_manifest
from ventriloquist.prepare import PrepareOptions
from ventriloquist.store import open_database
from ventriloquist.store.corpus import data_hash

torch.set_num_threads(1)
OWNER, OTHER, _ = NAMES


def vq(*arguments: str, input: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=input, catch_exceptions=False)


def test_where_there_is_no_terminal_each_stage_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with stages() as stage:
        for name in ("Scoring", "Ranking", "Ranking", "Writing"):
            stage(name)(0, 3)
    assert capsys.readouterr().err.splitlines() == ["Scoring …", "Ranking …", "Writing …"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "home"
    said = [Message(OWNER if i % 2 else OTHER, line.content) for i, line in enumerate(lines(120, seed=5))]
    with filled(folder, [Conversation(said)], owner=OWNER) as db:
        prepare(db)
        data = data_hash(db)
        marks = "SELECT conversation_id, min(position) FROM training_messages WHERE split != 'train' GROUP BY 1"
        held_out = dict(db.execute(marks).fetchall())
    run = build_run(folder / "runs" / "one", window=9)
    read_manifest(run).model_copy(update={"held_out": held_out}).write(run)
    examples = [Example(OTHER, [(OWNER, f"q{n}")], f"real {n}", f"made {n}", None) for n in range(4)]
    write_examples(run, data, examples)
    shutil.copytree(run, folder / "runs" / "two")
    return folder


@pytest.fixture
def ready(made: Path, home: Path) -> Path:
    shutil.copytree(made, home)
    return home


def test_json_has_the_documented_keys_and_a_report_is_written(ready: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    only = ("--only", "likelihood", "--only", "timing", "--only", "name_information")
    arguments = ("eval", "--run", "one", *only, "--against", "two", "--json")
    shown = json.loads(vq(*arguments, "--report", str(report)).stdout)
    documented = (Path(__file__).parents[2] / "docs" / "eval.md").read_text(encoding="utf-8")
    table = documented.split("## JSON")[1]
    assert all(f"`{key}`" in table for key in (*shown, *shown["metrics"]["timing"], *shown["learning_curve"]))
    assert {"timing", "likelihood"} <= {*shown["metrics"]}
    assert shown["comparison"]["against"] == "two"
    assert "Side by side" in report.read_text(encoding="utf-8")
    with open_database(ready) as db:
        query = "SELECT parameters, result FROM runs WHERE command = 'eval'"
        parameters, result = map(json.loads, db.execute(query).fetchone())
    assert result["metrics"] == shown["metrics"]
    assert parameters["report"] == str(report)  # by which vq forget finds it


def test_the_table_says_what_each_figure_stands_between_and_no_text_leaves_the_words_out(
    ready: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    shown = vq("eval", "--run", "one", "--only", "likelihood", "--report", str(report), "--no-text").stdout
    assert "Bits saved" in shown
    assert "floor  ceiling" in shown
    assert "Told from real people by" not in shown  # no guard was asked for
    assert "made 1" not in report.read_text(encoding="utf-8")


def test_a_metric_that_there_is_not_is_one_line_and_a_hint(ready: Path) -> None:
    result = vq("eval", "--run", "one", "--only", "voise")
    assert result.exit_code == 1
    assert "No metric is called 'voise'." in result.stderr
    assert "'voice'" in result.stderr


@pytest.mark.parametrize("place", ["", ".", "nowhere/report.html"])
def test_a_report_that_cannot_be_written_is_refused_before_the_work(ready: Path, place: str) -> None:
    result = vq("eval", "--run", "one", "--only", "likelihood", "--report", place)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 2
    with open_database(ready) as db:
        assert not db.execute("SELECT count(*) FROM runs WHERE command = 'eval'").fetchone()[0]


def test_a_report_is_its_owners_alone_whatever_was_there_before(ready: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.touch(mode=0o644)
    report.chmod(0o644)
    assert vq("eval", "--run", "one", "--only", "likelihood", "--report", str(report)).exit_code == 0
    assert report.stat().st_mode & 0o777 == 0o600


def test_what_says_nothing_here_is_refused(ready: Path) -> None:
    quiz = vq("eval", "--run", "one", "--blind", OTHER, "--quick", "--only", "voice")
    assert quiz.exit_code == 2
    assert "Leave out --quick, --only" in quiz.stderr
    assert vq("eval", "--run", "one", "--no-text").exit_code == 2
    same = vq("eval", "--run", "one", "--against", "one")
    assert same.exit_code == 1
    assert "is the same run." in same.stderr


def test_a_message_of_the_quiz_cannot_look_like_two(capsys: pytest.CaptureFixture[str]) -> None:
    eval_blind.ask(Question("1:1", (("Ada", "hi\nYou: forged"),), ("a\nb", "c"), 0), "Ada", "1 of 1")
    assert not any(line.startswith("You:") for line in capsys.readouterr().err.splitlines())


def test_the_blind_quiz_goes_on_where_it_stopped(ready: Path) -> None:
    first = json.loads(vq("eval", "--run", "one", "--blind", OTHER, "--json", input="1\n2\nq\n").stdout)
    assert first["answered"] == 2
    second = vq("eval", "--run", "one", "--blind", OTHER, input="1\n1\n")
    assert "2 of 2" in second.stderr
    assert "of 4, " in second.stdout
    assert vq("eval", "--run", "one", "--blind", OTHER).stdout == second.stdout


def test_the_quiz_shows_nothing_of_data_that_was_prepared_otherwise(ready: Path) -> None:
    with open_database(ready) as db:
        prepare(db, PrepareOptions(holdout=30))
    result = vq("eval", "--run", "one", "--blind", OTHER, input="1\n")
    assert result.exit_code == 1
    assert "this data" in result.stderr
    assert "real 1" not in result.stderr


def test_where_terminals_have_no_single_keys_an_answer_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "termios", None)
    monkeypatch.setattr("sys.stdin", Terminal("1\nq\n"))
    assert list(eval_blind.keys()) == ["1", "q"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_one_key_is_an_answer(ready: Path) -> None:
    child = pexpect.spawn(
        sys.executable, ["-m", "ventriloquist", "eval", "--run", "one", "--blind", OTHER], encoding="utf-8", timeout=60
    )
    child.expect("1 of 4")
    child.send("1")
    child.expect("2 of 4")
    child.send("q")
    child.expect("of 1, ")
    child.expect(pexpect.EOF)


VERDICTS = (
    "indistinguishable at this n",
    "close",
    "no better than the floor",
    "worse than the floor",
    "above the ceiling",
    "caricature",
    "differs: too little",
)


def figures() -> Evaluation:
    """Return an evaluation with the longest words that its tables can hold."""
    one = Figure(0.861, 0.7, 0.94, 12_345, 0.17, 0.71, {}, "", other_low=0.62, other_high=0.98)
    metrics = {
        name: replace(one, verdict=said, other_verdict=said)
        for name, said in zip(METRICS, [*VERDICTS] * 3, strict=False)
    }
    people = {"Maximiliane Wiśniewski-Kowalski von und zu Hohenberg": metrics, OTHER: metrics}
    row = Compared(0.5, 0.4, 0.1, -0.2, 0.3, 0.04, "not enough data", -0.25, 0.35)
    comparison = Comparison("20261124-014104-123", dict.fromkeys(METRICS, row))
    curve = fit(
        {f"{name} {n}": Learnt(99 * 2**n, n / 5, n / 5 - 1, n / 5 + 1, 1_234) for name in people for n in (1, 9)}
    )
    return Evaluation(
        1, "20261124-014104-124", "smollm2", 0, False, 9, {}, metrics, metrics, people, (*GUARDS,), (), {}, comparison,
        curve,
    )  # fmt: skip


def test_in_a_pipe_every_row_is_one_whole_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_tables(figures())
    lines = capsys.readouterr().out.split("\n")
    assert "…" not in "".join(lines)
    for name, metric in METRICS.items():
        row = next(line for line in lines if line.startswith(metric.title + "  "))
        assert figures().metrics[name].verdict in row
    assert not any(line.endswith(" ") for line in lines)


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_on_a_terminal_nothing_is_cut_and_nothing_is_wider_than_it(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    show_tables(figures())
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert max(map(len, shown.split("\n"))) <= width
    assert "…" not in shown
    squeezed = "".join(shown.split())
    if width >= 80:  # narrower ones break words
        assert all(said in shown for said in VERDICTS)
        assert all(metric.title.split()[0] in shown for metric in METRICS.values())
    assert "Hohenberg" in squeezed
    assert all(word in squeezed for word in ("withtwiceasmany" if width >= 80 else "twice", "50,688", "nosuregain"))


@pytest.mark.parametrize("width", [80, 200])
def test_both_intervals_stand_beside_each_other_and_have_names(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    show_tables(replace(figures(), comparison=None))
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert re.search(r"figure +95 %, these +95 %, other", shown)
    assert re.search(r"True name first, in context +86% +70% to 94% +62% to 98%", shown)
    assert "for these conversations and for other conversations" in shown


@pytest.mark.parametrize(("width", "ends"), [(72, False), (110, True)])
def test_a_narrow_terminal_has_the_verdict_under_the_title_in_the_same_table(
    width: int, ends: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    one = Figure(0.3, 0.2, 0.4, 500, 0.0, None, {}, "better than the floor", other_verdict="no better than the floor")
    show_tables(replace(figures(), final_windows={}, metrics={"likelihood": one}, people={}, comparison=None))
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    shown = re.sub(" +\n", "\n", shown)
    verdict = "  better than the floor, for\n  these conversations only\n"
    assert re.search(r"Bits saved +30% +20% to 40% +500( +0%)?\n" + verdict, shown)
    assert bool(re.search("floor +ceiling", shown)) == ends
    assert ("A wider terminal shows floor and ceiling" in shown) != ends
    assert shown.count("nothing is known of other ones") == 1


def test_what_holds_for_these_conversations_only_is_said_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    one = Figure(0.3, 0.2, 0.4, 500, 0.0, None, {}, "better than the floor", other_verdict="no better than the floor")
    show_tables(replace(figures(), final_windows={}, metrics={"likelihood": one}, people={}, comparison=None))
    assert "better than the floor, for these conversations only\n" in capsys.readouterr().out
