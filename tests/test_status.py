"""What status says of a home."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from file_builder import chat, filled
from stages import prepare

from ventriloquist.cli.status import rows
from ventriloquist.prepare import PrepareOptions
from ventriloquist.status import status
from ventriloquist.store import open_database, recorded_run


def run(home: Path, *commands: str) -> None:
    for command in commands:
        with recorded_run(home, command):
            pass


def stop_training(home: Path) -> None:
    """Leave the record of a training run that was stopped after it had begun."""
    with suppress(KeyboardInterrupt), recorded_run(home, "train") as stopped:
        stopped.begun = True
        raise KeyboardInterrupt


def test_a_training_that_was_stopped_is_to_be_resumed_until_the_data_changes(home: Path) -> None:
    with filled(home, [chat(*(f"line {index}" for index in range(20)))]) as db:
        prepare(db)
    for name, file in (("one", "manifest.json"), ("two", "settings.json")):
        (home / "runs" / name).mkdir(parents=True)
        (home / "runs" / name / file).write_text("{}")
    run(home, "prepare", "train", "eval")
    stop_training(home)
    assert status(home).next_step == "vq train --resume"
    run(home, "prepare")
    assert status(home).next_step == 'vq chat --as "NAME"'


def test_a_command_that_runs_now_is_not_called_unfinished(home: Path) -> None:
    with filled(home, [chat("hi", "ho")]) as db:
        prepare(db)
    (home / "runs" / "one").mkdir(parents=True)
    (home / "runs" / "one" / "settings.json").write_text("{}")
    with recorded_run(home, "train") as training:
        training.begun = True
        now = status(home)
    assert [(one.command, one.finished, one.running) for one in now.runs] == [("train", False, True)]
    assert now.next_step != "vq train --resume"
    assert ("vq train", f"{now.runs[0].started_at} running now") in rows(now)
    assert not status(home).runs[0].running


def test_the_next_step_is_the_first_that_was_not_taken(home: Path) -> None:
    assert status(home).next_step == "vq collect"
    with filled(home, [chat(*(f"line {index}" for index in range(20)))]):
        pass
    assert status(home).next_step == "vq prepare"
    with open_database(home) as db:
        prepare(db)
    assert status(home).next_step == "vq train"
    (home / "runs" / "one").mkdir(parents=True)
    (home / "runs" / "one" / "manifest.json").write_text("{}")
    assert status(home).next_step == "vq eval"
    run(home, "train", "eval")
    assert status(home).next_step == 'vq chat --as "NAME"'


def test_an_evaluation_counts_however_long_ago_until_the_next_training(home: Path) -> None:
    with filled(home, [chat(*(f"line {index}" for index in range(20)))]) as db:
        prepare(db)
    (home / "runs" / "one").mkdir(parents=True)
    (home / "runs" / "one" / "manifest.json").write_text("{}")
    run(home, "train", "eval", *["chat"] * 9)
    assert status(home).next_step == 'vq chat --as "NAME"'
    run(home, "train")
    assert status(home).next_step == "vq eval"


def test_what_was_collected_since_is_to_be_prepared(home: Path) -> None:
    with filled(home, [chat(*(f"line {index}" for index in range(20)))]) as db:
        prepare(db)
    run(home, "collect", "prepare")
    assert status(home).next_step == "vq train"
    run(home, "collect")
    assert status(home).next_step == "vq prepare"


def test_what_leaves_nothing_to_train_on_is_to_be_prepared_again(home: Path) -> None:
    with filled(home, [chat(*(f"line {index}" for index in range(20)))]) as db:
        prepare(db, PrepareOptions(split_date="1999-01-01"))
    assert status(home).next_step == "vq prepare"


@pytest.mark.parametrize("folder", ["OneDrive - Firm", "Dropbox (Personal)", "Library/CloudStorage/Box-Box", "Dropbox"])
def test_a_home_that_is_copied_to_a_cloud_is_warned_of(folder: str, tmp_path: Path) -> None:
    assert any("cloud" in warning for warning in status(tmp_path / folder / "vq").warnings)


def test_a_home_elsewhere_is_not(home: Path) -> None:
    assert status(home).warnings == []


def test_a_long_line_is_whole_in_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / ("long" * 50)
    monkeypatch.setenv("VQ_HOME", str(home))
    shown = subprocess.run(
        [sys.executable, "-m", "ventriloquist", "status"], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    assert any(line.split() == ["home", str(home)] for line in shown)
    assert all(line == line.rstrip() for line in shown)
