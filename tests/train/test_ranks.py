"""Several processes that train together do what one does with accumulation."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import process_of_rank
from stages import train

from ventriloquist.errors import ModelError
from ventriloquist.layout import CHECKPOINTS, LOG
from ventriloquist.model.corpus import Corpus
from ventriloquist.store import Connection
from ventriloquist.train import log, preset
from ventriloquist.train.backends import choose_backend
from ventriloquist.train.checkpoints import newest_whole_checkpoint, step_of
from ventriloquist.train.rows import IGNORED, rows_per_step, schedule
from ventriloquist.train.settings import TrainSettings
from ventriloquist.train.tensors import Rows

SETTINGS = preset("tiny").changed(
    max_steps=5, rows_per_step=2, max_length=1024, targets_per_window=8, context=8, window=9, rank=4, alpha=8,
    validations=1, validation_messages=8,
)  # fmt: skip


def command(home: Path, settings: TrainSettings) -> list[str]:
    config = home / "settings.json"
    config.write_text(settings.model_dump_json(), encoding="utf-8")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    return [*torchrun, "-m", "ventriloquist", "train", "--config", str(config), "--json"]


@pytest.mark.slow  # two processes that import torch
def test_two_processes_have_the_losses_of_one_with_accumulation(prepared: Connection, home: Path) -> None:
    one = Path(train(prepared, SETTINGS, home=home).run)
    expected = log.read(one / LOG)
    finished = subprocess.run(command(home, SETTINGS), capture_output=True, text=True, check=False, timeout=300)
    assert finished.returncode == 0, finished.stderr[-2000:]
    (line,) = finished.stdout.splitlines()  # of the main process alone
    summary = json.loads(line)
    assert summary["plan"]["processes"] == 2
    steps = log.read(Path(summary["run"]) / LOG)
    assert [step.step for step in steps] == [1, 2, 3, 4, 5]
    assert [step.loss for step in steps] == pytest.approx([step.loss for step in expected], rel=1e-5)
    assert [step.grad_norm for step in steps] == pytest.approx([step.grad_norm for step in expected], rel=1e-3)
    assert steps[-1].bits_per_character == pytest.approx(expected[-1].bits_per_character, rel=1e-4)
    assert (summary["trained_targets"], summary["trained_tokens"]) == (
        sum(step.targets for step in expected),
        sum(step.tokens for step in expected),
    )
    assert len(list((home / "runs").iterdir())) == 2
    assert prepared.execute("SELECT count(*) FROM runs WHERE command = 'train'").fetchone()[0] == 1


@pytest.mark.slow  # two processes that import torch
def test_a_signal_to_one_process_ends_the_run_of_all_saved(prepared: Connection, home: Path) -> None:
    with subprocess.Popen(
        command(home, SETTINGS.changed(max_steps=500, epochs=99, validations=0)), stderr=subprocess.PIPE, text=True
    ) as launcher:
        assert launcher.stderr is not None
        for line in launcher.stderr:
            if line.startswith("step 1 of"):
                os.kill(process_of_rank(1, launcher.pid), signal.SIGINT)
                break
        launcher.communicate(timeout=120)
    (folder,) = (home / "runs").iterdir()
    checkpoint = newest_whole_checkpoint(folder / CHECKPOINTS)
    assert checkpoint is not None
    assert 1 < step_of(checkpoint) == log.read(folder / LOG)[-1].step < 500


def test_every_step_that_is_asked_for_has_rows_whatever_the_processes(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert rows_per_step(SETTINGS) == 4
    assert len(schedule(corpus, SETTINGS.changed(max_steps=3)).rows) == 12


def test_unsloth_is_not_for_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ModelError, match="one process"):
        choose_backend("unsloth", "cuda")


def test_what_fills_the_last_step_carries_no_loss(corpus: Corpus) -> None:
    planned = schedule(corpus, SETTINGS.changed(max_steps=2)).rows[:3]
    rows = Rows(corpus, planned, SETTINGS, multiple=4)
    assert len(rows) == 4
    assert [bool((rows[index]["labels"] != IGNORED).any()) for index in range(4)] == [True, True, True, False]
