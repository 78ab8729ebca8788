"""Messages in a row: does the last writer go on as often as in real conversations?

The lines are written as in a chat where the model chooses who writes next: the name is drawn at temperature 1.

The share of generated lines whose writer also wrote the line before, minus the share of real lines in the same places.
0 is right, more means monologues, less means ping-pong. The detail has the shares after one, two, and three or more
messages in a row; the distribution of runs follows from them.
"""

from __future__ import annotations

from ventriloquist.evaluate.inputs import WrittenLines
from ventriloquist.evaluate.metric import Measurement
from ventriloquist.evaluate.metrics.validity import is_valid
from ventriloquist.evaluate.statistics import excess_interval
from ventriloquist.evaluate.tally import excess, tally
from ventriloquist.transcript import parse_line

RUNS = (1, 2, 3)  # messages in a row so far; the last one includes longer runs


def bursts(written: WrittenLines) -> Measurement | None:
    """Return the difference of shares; in the detail, the shares by the length of the run so far."""
    lines = [line for line in written.lines if line.target.before.run and is_valid(line)]
    if not lines:
        return None
    runs = [min(line.target.before.run, RUNS[-1]) for line in lines]
    generated = [parse_line(line.text).name == line.target.before.name for line in lines]
    real = [line.target.line.name == line.target.before.name for line in lines]
    by_run = [
        {
            "run": run,
            "n": runs.count(run),
            "generated": sum(goes_on for goes_on, other in zip(generated, runs, strict=True) if other == run) / count,
            "real": sum(goes_on for goes_on, other in zip(real, runs, strict=True) if other == run) / count,
        }
        for run in RUNS
        if (count := runs.count(run))
    ]
    parts = zip(lines, generated, real, strict=True)
    return Measurement(
        len(lines),
        tally((line.target.cluster, (goes_on, 1, did_go_on, 1)) for line, goes_on, did_go_on in parts),
        excess,
        exact=excess_interval,
        detail={"by_run": by_run},
    )
