"""The learning rate of a run: it rises, and falls to zero, over the steps or the minutes, whichever end first."""

from __future__ import annotations

import pytest

from ventriloquist.train import TrainSettings
from ventriloquist.train.follow import Clock

STEPS = 100
SETTINGS = TrainSettings(warmup=0.2)


@pytest.mark.parametrize(("step", "expected"), [(0, 1 / 21), (10, 11 / 21), (19, 20 / 21), (60, 0.3455), (100, 0.0)])
def test_the_rate_rises_and_falls_with_the_steps(step: int, expected: float) -> None:
    assert Clock(SETTINGS).rate(step, STEPS) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("minutes", "expected"), [(1, 0.5), (6, 0.3455), (10, 0.0)])
def test_on_the_clock_it_rises_and_falls_with_the_minutes(minutes: float, expected: float) -> None:
    settings = SETTINGS.changed(max_minutes=10)  # in which a hundredth of the warm-up's steps are made
    assert Clock(settings, minutes).rate(20, 10_000) == pytest.approx(expected, abs=1e-2)
