"""Axes have round ticks, and the loss curve is drawn from whatever a run logged."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from ventriloquist.layout import CURVE
from ventriloquist.svg import label, ticks
from ventriloquist.train.curve import draw
from ventriloquist.train.log import Step

STEP = Step(1, 40, 0.1, 2.5, 1e-3, 1.0, 1000, 64, 0.5, 1000, 2.0)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.5, 1]), (1.6, 5.3, [1, 2, 3, 4, 5, 6]), (1, 400, [0, 100, 200, 300, 400]), (2.5, 2.5, [2, 3])],
)
def test_ticks_are_round_and_cover_the_range(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)
    assert min(ticks(low, high)) <= low <= high <= max(ticks(low, high))


def test_a_label_cannot_add_markup() -> None:
    assert "<b>" not in label(0, 0, "<b>")


def drawn(steps: list[Step], folder: Path) -> list[str | None]:
    """Return the texts of a curve; parsing it shows that it is valid XML."""
    draw(steps, folder)
    return [text.text for text in ET.parse(folder / CURVE).iter("{http://www.w3.org/2000/svg}text")]


def test_a_curve_has_both_axes_where_there_are_validations(tmp_path: Path) -> None:
    steps = [replace(STEP, step=n, loss=3 - n / 40, bits_per_character=2.0 if n == 20 else None) for n in range(1, 41)]
    assert {"training", "validation", "nats a token", "bits a character", "optimizer step", "20"} <= {
        *drawn(steps, tmp_path)
    }
    first = (tmp_path / CURVE).read_bytes()
    assert drawn(steps, tmp_path)
    assert (tmp_path / CURVE).read_bytes() == first  # the same run, the same file
    assert "bits a character" not in drawn(steps[:19], tmp_path)


def test_a_loss_that_is_not_a_number_is_left_out_of_the_curve(tmp_path: Path) -> None:
    texts = drawn([STEP, replace(STEP, step=2, loss=math.nan)], tmp_path)
    assert "nan" not in (tmp_path / CURVE).read_text(encoding="utf-8").lower()
    assert "training" in texts
    assert "training" not in drawn([replace(STEP, loss=math.inf)], tmp_path)
