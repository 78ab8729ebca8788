"""The loss curve of a run, as an SVG file in its folder."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path

from ventriloquist.fs import write_text
from ventriloquist.layout import CURVE
from ventriloquist.svg import dot, label, line, linear, svg, ticks
from ventriloquist.train.log import Step

SMOOTHING = 0.9  # of the thick line: an exponential moving average
WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 62, WIDTH - 62, 40, HEIGHT - 48
TRAINING, EACH_STEP, VALIDATION, GRID = "#1f5f99", "#a9c4dc", "#c0504d", "#e3e6ec"
STYLE = "svg { background: #fff; } text { font: 12px system-ui, sans-serif; fill: #475467; }"


def draw(steps: list[Step], folder: Path) -> None:
    """Draw the training loss of each step, its moving average, and the bits per character of each validation."""
    first, last = steps[0].step, steps[-1].step
    x = linear((first, last), LEFT, RIGHT)
    parts = [label((LEFT + RIGHT) / 2, HEIGHT - 8, "optimizer step")]
    numbers = [tick for tick in ticks(first, last, 9) if first <= tick <= last and tick == int(tick)]
    parts += [label(x(number), BOTTOM + 18, f"{number:,.0f}") for number in numbers]
    losses = {step.step: step.loss for step in steps if math.isfinite(step.loss)}
    if losses:
        at = list(map(x, losses))
        y, axis = _axis(losses.values(), "nats a token", LEFT)
        parts += [*axis, line(list(zip(at, map(y, losses.values()), strict=True)), EACH_STEP, 1)]
        average = list(zip(at, map(y, _smooth(losses.values())), strict=True))
        parts += [line(average, TRAINING, 2), dot(*average[-1], 2.5, TRAINING)]
        parts += [line([(LEFT, 18), (LEFT + 22, 18)], TRAINING, 2), label(LEFT + 28, 22, "training", "start")]
    validated = {step.step: step.bits_per_character for step in steps if step.bits_per_character is not None}
    if validated:
        y, axis = _axis(validated.values(), "bits a character", RIGHT)
        points = [(x(step), y(bits)) for step, bits in validated.items()]
        parts += [*axis, line(points, VALIDATION, 1.5), *(dot(*point, 3.5, VALIDATION) for point in points)]
        parts += [dot(RIGHT - 70, 18, 3.5, VALIDATION), label(RIGHT, 22, "validation", "end")]
    write_text(folder / CURVE, svg(WIDTH, HEIGHT, parts, style=STYLE))


def _axis(values: Iterable[float], title: str, at: int) -> tuple[Callable[[float], float], list[str]]:
    """Return a vertical scale for values, and its axis. Only the left axis has grid lines."""
    numbers = ticks(min(values := [*values]), max(values))
    y = linear(numbers, BOTTOM, TOP)
    is_left = at == LEFT
    parts = [line([(LEFT, y(number)), (RIGHT, y(number))], GRID, 1) for number in numbers if is_left]
    parts += [
        label(at - 8 if is_left else at + 8, y(number) + 4, f"{number:.4g}", "end" if is_left else "start")
        for number in numbers
    ]
    return y, [*parts, label(16 if is_left else WIDTH - 8, (TOP + BOTTOM) / 2, title, turned=True)]


def _smooth(losses: Iterable[float]) -> list[float]:
    """Return the moving average, corrected for the values before the first."""
    smoothed, average, weight = [], 0.0, 0.0
    for loss in losses:
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        weight = SMOOTHING * weight + (1 - SMOOTHING)
        smoothed.append(average / weight)
    return smoothed
