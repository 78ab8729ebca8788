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


def annealing(since: float, settings: TrainSettings = SETTINGS, minutes: float = 0.0) -> Clock:
    """Return the clock of a run whose validation stopped getting better at a share of it."""
    clock = Clock(settings, minutes)
    clock.annealing_since = since
    return clock


@pytest.mark.parametrize(("step", "expected"), [(30, 0.7939), (40, 0.6545), (44, 0.2061), (48, 0.0)])
def test_when_validation_stops_getting_better_the_rate_falls_to_zero_in_a_fifth_of_what_is_done(
    step: int, expected: float
) -> None:
    assert annealing(0.4).rate(step, STEPS) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("minutes", "expected"), [(4.4, 0.2061), (4.8, 0.0)])
def test_on_the_clock_the_rate_falls_to_zero_in_a_fifth_of_the_minutes(minutes: float, expected: float) -> None:
    clock = annealing(0.4, SETTINGS.changed(max_minutes=10), minutes)
    assert clock.rate(1, 10_000) == pytest.approx(expected, abs=1e-2)


@pytest.mark.parametrize("step", [90, 95, 100])
def test_a_run_that_is_nearly_done_is_not_made_longer(step: int) -> None:
    assert annealing(0.9).rate(step, STEPS) == Clock(SETTINGS).rate(step, STEPS)
