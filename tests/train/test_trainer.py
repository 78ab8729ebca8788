"""The learning rate of a run: it rises, and falls to zero, over the steps or the minutes, whichever end first."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ventriloquist.train import TrainSettings
from ventriloquist.train.loss import target_loss
from ventriloquist.train.trainer import RowTrainer, arguments

STEPS = 100


def factor(tmp_path: Path, settings: TrainSettings, *, step: int, steps: int = STEPS, minutes: float = 0.0) -> float:
    """Return what the peak of the rate is multiplied by at a step, so many minutes into the run."""
    training = arguments(settings, tmp_path, device="cpu", gradient_checkpointing=False)
    trainer = RowTrainer(settings, target_loss, minutes_before=minutes, model=torch.nn.Linear(1, 1), args=training)
    return trainer._learning_rate_factor(steps)(step)


SETTINGS = TrainSettings(warmup=0.2, adam_8bit=False)


@pytest.mark.parametrize(("step", "expected"), [(0, 1 / 21), (10, 11 / 21), (19, 20 / 21), (60, 0.3455), (100, 0.0)])
def test_the_rate_rises_and_falls_with_the_steps(tmp_path: Path, step: int, expected: float) -> None:
    assert factor(tmp_path, SETTINGS, step=step) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("minutes", "expected"), [(1, 0.5), (6, 0.3455), (10, 0.0)])
def test_on_the_clock_it_rises_and_falls_with_the_minutes(tmp_path: Path, minutes: float, expected: float) -> None:
    settings = SETTINGS.changed(max_minutes=10)  # in which a hundredth of the warm-up's steps are made
    assert factor(tmp_path, settings, step=20, steps=10_000, minutes=minutes) == pytest.approx(expected, abs=1e-2)
