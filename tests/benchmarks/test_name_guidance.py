"""The measurement of name guidance, with a tiny run that has learnt nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from adapter_builder import build_run
from file_builder import Conversation, Message, filled
from invented import NAMES, lines
from stages import prepare

from ventriloquist.layout import RUNS

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import name_guidance


def test_each_weight_is_measured_on_the_messages_of_a_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    owner, *others = NAMES
    conversations = [
        Conversation([Message(owner if i % 2 else name, line.content) for i, line in enumerate(lines(120, seed=n))])
        for n, name in enumerate(others)
    ]
    with filled(tmp_path / "home", conversations) as db:
        prepare(db)
    build_run(tmp_path / "home" / RUNS / "20240315-120000-000")
    monkeypatch.setattr(
        sys,
        "argv",
        ["", "--home", f"{tmp_path / 'home'}", "--split", "validation", "--messages", "6", "--weights", "0", "2"],
    )
    name_guidance.main()
    printed = capsys.readouterr().out
    assert [line.split(":")[0] for line in printed.splitlines() if line.startswith("weight")] == [
        "weight 0",
        "weight 2",
    ]
    assert "lengths" in printed
