"""Weights & Biases is told figures; no word of a message, no name and no path reaches its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import wandb
from stages import train

from ventriloquist.errors import SettingsError
from ventriloquist.store import Connection
from ventriloquist.train import preset

QUICK = preset("tiny").changed(
    max_steps=2, max_length=512, targets_per_window=8, context=8, window=9, rank=4, validation_messages=8, wandb=True
)


@pytest.mark.filterwarnings("ignore")  # of wandb's own
def test_an_offline_run_holds_figures_and_nothing_that_was_written(
    prepared: Connection, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb.teardown()  # it reads the environment once a process
    monkeypatch.setenv("WANDB_MODE", "offline")
    folder = Path(train(prepared, QUICK, home=home).run)
    files = [path for path in (folder / "wandb").rglob("*") if path.is_file() and not path.is_symlink()]
    (report,) = (path.read_bytes() for path in files if path.suffix == ".wandb")
    assert b"learning_rate" in report
    assert b"tokens_per_second" in report
    everything = b"".join(path.read_bytes() for path in files)
    for (name,) in prepared.execute("SELECT name FROM people"):
        assert json.dumps(name)[1:-1].encode() not in everything
        assert name.encode() not in everything
    for (content,) in prepared.execute("SELECT content FROM training_messages WHERE length(content) > 12"):
        assert content.encode() not in everything
    # its log says where the run's files lie on this machine; what would be sent does not
    assert str(home).encode() not in report


def test_without_a_key_it_says_how_to_go_on_and_leaves_no_run(
    prepared: Connection, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb.teardown()  # it reads the environment once a process
    monkeypatch.setenv("HOME", str(home))  # no login of this machine's
    monkeypatch.setenv("WANDB_MODE", "online")
    with pytest.raises(SettingsError) as error:
        train(prepared, QUICK, home=home)
    assert "WANDB_MODE=offline" in error.value.hint
    assert not list((home / "runs").glob("*"))
