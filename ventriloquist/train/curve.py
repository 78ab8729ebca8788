"""The loss curve of a run as a picture (SVG) in its folder."""

from __future__ import annotations

from pathlib import Path

from ventriloquist.layout import CURVE
from ventriloquist.train.log import Step

SMOOTHING = 0.9  # of the thick line: an exponential moving average


def draw(steps: list[Step], folder: Path) -> None:
    """Draw the loss of every step and, where there are validations, their bits per character."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    numbers = [step.step for step in steps]
    axes.plot(numbers, [step.loss for step in steps], color="#9bb8d3", linewidth=0.8)
    axes.plot(numbers, _smooth([step.loss for step in steps]), color="#1f5f99", label="training loss, nats a token")
    axes.set_xlabel("optimizer step")
    axes.set_ylabel("nats a token")
    validated = [(step.step, step.bits_per_character) for step in steps if step.bits_per_character is not None]
    if validated:
        right = axes.twinx()
        right.plot(*zip(*validated, strict=True), "o-", color="#c0504d", label="validation, bits a character")
        right.set_ylabel("bits a character")
        right.legend(loc="upper right", frameon=False)
    axes.legend(loc="lower left", frameon=False)
    with mpl.rc_context({"svg.hashsalt": "ventriloquist"}):  # the same run, the same file
        figure.savefig(folder / CURVE, metadata={"Date": None})


def _smooth(losses: list[float]) -> list[float]:
    """Return the moving average, each value corrected for those that are not there yet."""
    smoothed, average, weight = [], 0.0, 0.0
    for loss in losses:
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        weight = SMOOTHING * weight + (1 - SMOOTHING)
        smoothed.append(average / weight)
    return smoothed
