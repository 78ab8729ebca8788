"""The menu of bare `vq`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import typer
from file_builder import chat, filled

from ventriloquist.cli.menu import menu


def commands_of(choice: str, monkeypatch: pytest.MonkeyPatch, *, system: str) -> list[str]:
    """Choose from the menu on a system; return the commands that it runs."""
    ran: list[str] = []

    def run(arguments: list[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        ran.append(arguments[3])
        return subprocess.CompletedProcess(arguments, int(check))

    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(typer, "prompt", lambda *_args, **_kwargs: choice)
    menu()
    return ran


def test_all_collects_where_there_are_messages_to_collect(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = ["collect", "prepare", "train", "eval"]
    assert commands_of("all", monkeypatch, system="linux") == everything  # nothing is there yet: collect says why
    with filled(home, [chat("hi", "ho")]):
        pass
    assert commands_of("all", monkeypatch, system="darwin") == everything
    assert commands_of("all", monkeypatch, system="linux") == everything[1:]
    assert commands_of("collect", monkeypatch, system="linux") == ["collect"]
