"""A home that was moved or renamed: what was trained in it is used, gone on with and trained on."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from stages import train

from ventriloquist.errors import ModelError
from ventriloquist.model.adapter import load_adapter
from ventriloquist.model.base import Base
from ventriloquist.model.manifest import read_manifest
from ventriloquist.store import Connection, open_database
from ventriloquist.train import Interrupted, TrainSettings, preset

QUICK = preset("tiny").changed(
    max_steps=1, max_length=512, targets_per_window=8, context=8, window=9, rank=4, alpha=8, validations=0
)


@pytest.fixture
def settings(base: Base, home: Path) -> TrainSettings:
    """Return settings with a base model that lies in the home, as SmolLM2 does."""
    shutil.copytree(base.source, home / "models" / "mine")
    return QUICK.changed(model=str(home / "models" / "mine"))


def train_here(home: Path, settings: TrainSettings, **arguments: object) -> Path:
    with open_database(home) as db:
        return Path(train(db, settings, home=home, **arguments).run)  # type: ignore[arg-type]


@pytest.fixture
def move(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    def moved() -> Path:
        target = home.with_name("moved")
        home.rename(target)
        monkeypatch.setenv("VQ_HOME", str(target))
        return target

    return moved


def test_an_adapter_of_a_moved_home_finds_its_base_model_there(
    prepared: Connection, home: Path, settings: TrainSettings, move: Callable[[], Path]
) -> None:
    run = train_here(home, settings)
    for path in run.glob("*.json"):
        assert str(home) not in path.read_text(encoding="utf-8"), path
    moved = move()
    adapter = load_adapter(moved / "runs" / run.name)
    assert adapter.manifest.base_folder_or_id(moved / "runs" / run.name) == str(moved / "models" / "mine")


def test_a_manifest_of_before_with_an_absolute_path_is_understood_after_the_move(
    prepared: Connection, home: Path, settings: TrainSettings, move: Callable[[], Path]
) -> None:
    run = train_here(home, settings)
    manifest = read_manifest(run)
    old = str(home / "models" / "mine")
    manifest.model_copy(update={"base_model": old, "settings": {**manifest.settings, "model": old}}).write(run)
    moved = move()
    load_adapter(moved / "runs" / run.name)
    on = QUICK.changed(model=str(moved / "models" / "mine"), continue_from=run.name)
    assert read_manifest(train_here(moved, on)).settings["model"] == "models/mine"


def test_a_run_that_was_copied_out_of_the_home_or_is_a_link_finds_its_base_model(
    prepared: Connection, home: Path, settings: TrainSettings, tmp_path: Path
) -> None:
    run = train_here(home, settings)
    shutil.copytree(run, tmp_path / "far" / "away" / "run")
    load_adapter(tmp_path / "far" / "away" / "run")
    run.rename(tmp_path / "large")
    run.symlink_to(tmp_path / "large")
    load_adapter(run)


def test_a_base_model_that_is_nowhere_is_named(prepared: Connection, home: Path, settings: TrainSettings) -> None:
    run = train_here(home, settings)
    shutil.rmtree(home / "models")
    with pytest.raises(ModelError, match=r"models/mine no longer exists"):
        load_adapter(run)


def test_a_stopped_run_of_a_moved_home_is_gone_on_with_and_trained_on(
    prepared: Connection, home: Path, settings: TrainSettings, move: Callable[[], Path]
) -> None:
    first = train_here(home, settings)

    def interrupt(done: int, _total: int) -> None:
        if done == 1:
            os.kill(os.getpid(), signal.SIGINT)

    longer = settings.changed(max_steps=3, continue_from=str(first))
    with pytest.raises(Interrupted):
        train_here(home, longer, progress=interrupt)
    moved = move()
    second = train_here(moved, QUICK, resume=True)
    kept = json.loads((second / "settings.json").read_text(encoding="utf-8"))
    assert (kept["model"], kept["continue_from"]) == ("models/mine", first.name)
    on = settings.changed(model="models/mine", continue_from=second.name)
    assert load_adapter(train_here(moved, on)).manifest.base_model == "../../models/mine"
