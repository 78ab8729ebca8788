"""The simulation of intervals: what is true in it, and what it prints."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from interval_coverage import FIGURES, SCHEMES, draw, intervals, simulate, truths


def test_endless_messages_have_the_figures_that_are_called_true() -> None:
    drawn = draw(3000, np.random.default_rng(0), 150)
    for truth in (truths(drawn), truths(None)):
        for name, (low, high) in intervals(drawn, 0, "other").items():
            assert low - 0.02 < truth[name] < high + 0.02
            assert high - low < 0.2


def test_both_intervals_of_every_figure_mostly_hold_the_truth_and_false_alarms_are_rare() -> None:
    rows = {(name, scheme): (held, width) for name, scheme, held, width in simulate(8, 25)}
    for scheme in SCHEMES:
        for name in FIGURES:
            held, width = rows[name, scheme]
            assert held >= 0.84
            assert width > 0
        alarms = [held for (name, of), (held, _) in rows.items() if of == scheme and "false" in name]
        assert len(alarms) == 3
        assert max(alarms) <= 0.16
    for name in FIGURES:
        assert rows[name, "these"][1] < rows[name, "other"][1]
