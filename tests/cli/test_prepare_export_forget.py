"""vq prepare, vq export and vq forget as a user runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
from file_builder import Conversation, Message, chat, filled
from typer.testing import CliRunner, Result

from ventriloquist.cli.app import app
from ventriloquist.store import open_database


def vq(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


@pytest.fixture
def ready(home: Path) -> Path:
    shop = Conversation([Message("Shop", "sale", flags="business")])
    with filled(home, [chat(*(f"line {index}" for index in range(40))), shop, chat("call 555-0188", other="Kim")]):
        pass
    return home


def runs(home: Path) -> list[tuple[str, bool]]:
    with open_database(home) as db:
        rows = db.execute("SELECT command, finished_at IS NOT NULL FROM runs ORDER BY id").fetchall()
    return [(command, bool(finished)) for command, finished in rows]


def test_prepare_tells_what_it_made_and_records_how(ready: Path) -> None:
    shown = vq("prepare", "--timezone", "Europe/Berlin", "--json")
    summary = json.loads(shown.stdout)
    assert (summary["lines"], summary["train"], summary["timezone"]) == (41, 37, "Europe/Berlin")
    assert summary["left_out"] == {"business": 1}
    assert summary["redacted"] == {"phone": 1}
    with open_database(ready) as db:
        (parameters,) = db.execute("SELECT parameters FROM runs").fetchone()
    assert json.loads(parameters)["timezone"] == "Europe/Berlin"


def test_prepare_shows_a_table_and_the_next_step(ready: Path) -> None:
    shown = vq("prepare", "--report")
    assert "Left out: business" in shown.stdout
    assert "Conversation: Kim" in shown.stdout
    assert "Next: vq train" in shown.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--no-redact", "--redact-only", "phone"],
        ["--holdout", "3", "--split-date", "2024-01-01"],
        ["--holdout", "-1"],
        ["--since", "2024-05-02", "--until", "2024-05-01"],
    ],
)
def test_options_that_exclude_each_other_are_a_usage_error(ready: Path, arguments: list[str]) -> None:
    assert vq("prepare", *arguments).exit_code == 2
    assert runs(ready) == []


def test_prepare_says_that_one_held_out_line_becomes_two(ready: Path) -> None:
    assert "--holdout 1 is too few: 2 lines are held out" in vq("prepare", "--holdout", "1").stderr
    assert "too few" not in vq("prepare", "--holdout", "2").stderr


def test_prepare_says_that_a_split_date_holds_nothing_out(ready: Path) -> None:
    assert "no message is from 2999-01-01 or later" in vq("prepare", "--split-date", "2999-01-01").stderr
    assert "Nothing is held out" not in vq("prepare", "--split-date", "1999-01-01").stderr
    assert "Nothing is held out" not in vq("prepare", "--holdout", "0").stderr  # as asked for


@pytest.mark.parametrize("arguments", [["--split-date", "1999-01-01"], ["--min-messages", "99"]])
def test_prepare_says_when_nothing_is_left_to_train_on(ready: Path, arguments: list[str]) -> None:
    shown = vq("prepare", *arguments)
    assert shown.exit_code == 0
    assert "Nothing is left to train on" in shown.stderr
    assert "vq train" not in shown.stderr


def test_export_says_that_everything_was_left_out_not_that_nothing_was_prepared(ready: Path) -> None:
    vq("prepare", "--min-messages", "99")
    shown = vq("export")
    assert shown.exit_code == 1
    assert "Everything was left out" in shown.stderr


def test_an_empty_output_is_a_usage_error(ready: Path) -> None:
    vq("prepare")
    assert vq("export", "--output", "").exit_code == 2


@pytest.mark.parametrize(
    "arguments", [["--exclude", "Nobody"], ["--redact-only", "phones"], ["--since", "soon"], ["--timezone", "Nowhere"]]
)
def test_an_option_that_makes_no_sense_is_no_run(ready: Path, arguments: list[str]) -> None:
    shown = vq("prepare", *arguments)
    assert shown.exit_code == 1
    assert len(shown.stderr.strip().split("\n")) == 2
    assert runs(ready) == []


def test_the_title_of_a_group_forges_no_row(home: Path) -> None:
    group = Conversation([Message("Sam", "hi")], type="group", title="trip\nRedacted: phone  9")
    with filled(home, [group]):
        pass
    shown = vq("prepare", "--report").stdout.splitlines()
    assert not any(line.startswith("Redacted") for line in shown)
    assert any(line.startswith(r"Conversation: trip\nRedacted: phone") for line in shown)


def test_own_rules_are_read_from_the_home(ready: Path) -> None:
    (ready / "redact.txt").write_text("secret: line 7\n")
    assert json.loads(vq("prepare", "--json").stdout)["redacted"] == {"secret": 1, "phone": 1}
    (ready / "redact.txt").write_text("nonsense\n")
    assert "Line 1" in vq("prepare").stderr


def test_export_writes_to_the_home_to_a_folder_and_to_stdout(ready: Path, tmp_path: Path) -> None:
    vq("prepare")
    summary = json.loads(vq("export", "--json").stdout)
    assert [file["name"] for file in summary["files"]] == ["train.jsonl", "validation.jsonl", "test.jsonl"]
    assert (ready / "exports" / "train.jsonl").exists()
    assert vq("export", "--output", str(tmp_path / "out"), "--split", "test").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["manifest.json", "test.jsonl"]
    streamed = vq("export", "-o", "-", "--split", "test")
    assert streamed.stdout == (tmp_path / "out" / "test.jsonl").read_text()
    assert vq("export", "-o", "-", "--json").exit_code == 2
    assert runs(ready)[1:] == [("export", True)] * 3


def test_export_and_forget_end_with_the_next_step(ready: Path) -> None:
    vq("prepare")
    assert "Next: vq train" in vq("export").stderr
    assert "Next: vq train" in vq("export", "--format", "html").stderr
    assert "Next: vq train" in vq("forget", "Kim", "--yes").stderr
    assert "Next: vq collect" in [vq("forget", name, "--yes").stderr for name in ("Sam", "Shop")][-1]
    assert vq("forget", "Sam", "--yes", "--json").exit_code == 1


def test_export_writes_pages_to_the_home_to_a_folder_and_to_stdout(ready: Path, tmp_path: Path) -> None:
    shown = vq("export", "--format", "html")
    assert f"open           {ready / 'exports' / 'index.html'}" in shown.stdout
    summary = json.loads(vq("export", "--format", "markdown", "-o", str(tmp_path), "--person", "kim", "--json").stdout)
    assert (summary["conversations"], summary["messages"], summary["format"]) == (1, 1, "markdown")
    assert [file["name"] for file in summary["files"]] == ["3-kim.md"]
    streamed = vq("export", "--format", "markdown", "-o", "-", "--conversation", "Kim")
    assert streamed.stdout.endswith("**Aidan Allchin** 12:01: call 555-0188\n\n")
    assert vq("export", "--format", "html", "-o", "-").exit_code == 2
    assert vq("export", "--format", "html", "-o", "sam.html", "--conversation", "Sam").exit_code == 2
    with open_database(ready) as db:
        recorded = str(db.execute("SELECT result FROM runs").fetchall())
    assert "kim" not in recorded  # the name of a file is no name that vq forget would find


@pytest.mark.parametrize(
    "arguments",
    [["--format", "html", "--split", "test"], ["--format", "markdown", "--gzip"], ["--person", "Kim"],
     ["--format", "windows", "--conversation", "Kim"]],
)  # fmt: skip
def test_options_of_pages_and_of_rows_do_not_mix(ready: Path, arguments: list[str]) -> None:
    vq("prepare")
    assert vq("export", *arguments).exit_code == 2


def test_the_whole_windows_have_a_name_and_a_split_of_their_own(ready: Path) -> None:
    vq("prepare")
    vq("export", "--format", "windows")
    rows = (ready / "exports" / "training_windows.jsonl").read_text().split("\n")
    assert len(rows) - 1 == 37


def test_a_reader_that_has_enough_ends_the_stream_quietly(ready: Path) -> None:
    vq("prepare")
    command = f"{sys.executable} -m ventriloquist export -o - --format windows"
    shown = subprocess.run(["sh", "-c", f"{command} | head -c 10"], capture_output=True, text=True, check=True)
    assert len(shown.stdout) == 10
    assert shown.stderr == ""


def test_forget_without_a_terminal_removes_nothing_unless_told(ready: Path) -> None:
    shown = vq("forget", "Kim")
    assert shown.exit_code == 1
    assert "--yes" in shown.stderr
    assert runs(ready) == []
    summary = json.loads(vq("forget", "Kim", "--yes", "--json").stdout)
    assert summary["messages"] == 1
    with open_database(ready) as db:
        assert "Kim" not in str(db.execute("SELECT * FROM runs").fetchall())


@pytest.mark.parametrize(("answer", "left"), [("n", 1), ("y", 0)])
def test_forget_asks_on_a_terminal_and_shows_what_goes(ready: Path, answer: str, left: int) -> None:
    child = pexpect.spawn(sys.executable, ["-m", "ventriloquist", "forget", "Kim"], encoding="utf-8", timeout=120)
    child.expect("Forgetting Kim removes for good:")
    child.expect("messages: 1, 0 of them in groups")
    child.expect("Go on")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    assert "Error" not in child.before
    assert ("Nothing was removed." in child.before) == (answer == "n")
    child.close()
    assert child.exitstatus == (0 if answer == "y" else 1)
    with open_database(ready) as db:
        assert db.execute("SELECT count(*) FROM people WHERE name = 'Kim'").fetchone() == (left,)
