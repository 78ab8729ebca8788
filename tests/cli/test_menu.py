"""The menu of bare `vq`."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
import typer
from file_builder import chat, filled
from stages import prepare

from ventriloquist.cli.menu import menu
from ventriloquist.store import recorded_run


def commands_of(choice: str, monkeypatch: pytest.MonkeyPatch, *, system: str) -> list[str]:
    """Choose from the menu on a system; return the commands that it runs."""
    ran: list[str] = []

    def run(arguments: list[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        assert arguments[1:4] == ["-P", "-m", "ventriloquist"]  # -P: a random.py in this folder is not imported
        ran.append(" ".join(arguments[4:]))
        return subprocess.CompletedProcess(arguments, int(check))

    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(typer, "prompt", lambda *_args, **_kwargs: choice)
    menu()
    return ran


def stop_training(home: Path) -> None:
    """Leave the record of a training run that was stopped after it had begun."""
    with suppress(KeyboardInterrupt), recorded_run(home, "train") as stopped:
        stopped.begun = True
        raise KeyboardInterrupt


def test_all_collects_where_there_are_messages_to_collect(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = ["collect", "prepare", "train", "eval"]
    assert commands_of("all", monkeypatch, system="linux") == everything  # nothing is there yet: collect says why
    with filled(home, [chat("hi", "ho")]):
        pass
    assert commands_of("all", monkeypatch, system="darwin") == everything
    assert commands_of("all", monkeypatch, system="linux") == everything[1:]
    assert commands_of("collect", monkeypatch, system="linux") == ["collect"]


def test_the_menu_says_what_all_does(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands_of("quit", monkeypatch, system="linux")
    assert "all: collect, prepare, train and eval, one after the other" in capsys.readouterr().err.splitlines()
    with filled(home, [chat("hi", "ho")]):
        pass
    commands_of("quit", monkeypatch, system="linux")
    assert "all: prepare, train and eval, one after the other" in capsys.readouterr().err.splitlines()


def test_train_resumes_where_that_is_the_next_step(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with filled(home, [chat(*(f"line {index}" for index in range(20)))]) as db:
        prepare(db)
    assert commands_of("train", monkeypatch, system="linux") == ["train"]
    (home / "runs" / "one").mkdir(parents=True)
    (home / "runs" / "one" / "settings.json").write_text("{}")
    stop_training(home)
    assert commands_of("train", monkeypatch, system="linux") == ["train --resume"]
