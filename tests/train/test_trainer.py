"""The learning rate of a run: it rises, and falls to zero, over the steps or the minutes, whichever end first."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ventriloquist.train import TrainSettings
from ventriloquist.train.loss import target_loss
from ventriloquist.train.trainer import RowTrainer, arguments

STEPS = 100


def factor(
    tmp_path: Path,
    settings: TrainSettings,
    *,
    step: int,
    steps: int = STEPS,
    minutes: float = 0.0,
    since: float | None = None,
) -> float:
    """Return what the peak of the rate is multiplied by at a step, so many minutes into the run.

    Validation stopped getting better at the share `since` of the run.
    """
    training = arguments(settings, tmp_path, device="cpu", gradient_checkpointing=False)
    trainer = RowTrainer(settings, target_loss, minutes_before=minutes, model=torch.nn.Linear(1, 1), args=training)
    trainer.annealing_since = since
    return trainer._learning_rate_factor(steps)(step)


SETTINGS = TrainSettings(warmup=0.2, adam_8bit=False)


@pytest.mark.parametrize(("step", "expected"), [(0, 1 / 21), (10, 11 / 21), (19, 20 / 21), (60, 0.3455), (100, 0.0)])
def test_the_rate_rises_and_falls_with_the_steps(tmp_path: Path, step: int, expected: float) -> None:
    assert factor(tmp_path, SETTINGS, step=step) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("minutes", "expected"), [(1, 0.5), (6, 0.3455), (10, 0.0)])
def test_on_the_clock_it_rises_and_falls_with_the_minutes(tmp_path: Path, minutes: float, expected: float) -> None:
    settings = SETTINGS.changed(max_minutes=10)  # in which a hundredth of the warm-up's steps are made
    assert factor(tmp_path, settings, step=20, steps=10_000, minutes=minutes) == pytest.approx(expected, abs=1e-2)


@pytest.mark.parametrize(("step", "expected"), [(30, 0.7939), (40, 0.6545), (44, 0.2061), (48, 0.0)])
def test_when_validation_stops_getting_better_the_rate_falls_to_zero_in_a_fifth_of_what_is_done(
    tmp_path: Path, step: int, expected: float
) -> None:
    assert factor(tmp_path, SETTINGS, step=step, since=0.4) == pytest.approx(expected, abs=1e-3)


def test_on_the_clock_the_rate_falls_to_zero_in_a_fifth_of_the_minutes(tmp_path: Path) -> None:
    settings = SETTINGS.changed(max_minutes=10)
    assert factor(tmp_path, settings, step=1, steps=10_000, minutes=4.4, since=0.4) == pytest.approx(0.2061, abs=1e-2)
    assert factor(tmp_path, settings, step=1, steps=10_000, minutes=4.8, since=0.4) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("step", [90, 95, 100])
def test_a_run_that_is_nearly_done_is_not_made_longer(tmp_path: Path, step: int) -> None:
    assert factor(tmp_path, SETTINGS, step=step, since=0.9) == factor(tmp_path, SETTINGS, step=step)
