"""SVG charts: lines, dots, labels, and axes with round ticks."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Sequence

Point = tuple[float, float]


def svg(width: int, height: int, parts: Iterable[str], *, style: str = "") -> str:
    """Return a picture. `style` is CSS, for a picture in its own file."""
    own = f' xmlns="http://www.w3.org/2000/svg"><style>{style}</style>' if style else ' role="img">'
    return f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}"{own}{"".join(parts)}</svg>'


def line(points: Sequence[Point], colour: str, width: float, *, opacity: float = 1, dashes: str = "") -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-opacity="{opacity}"'
        f' stroke-dasharray="{dashes}" stroke-linecap="round" stroke-linejoin="round"/>'
    )


def dot(x: float, y: float, radius: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}"/>'


def label(x: float, y: float, text: str, anchor: str = "middle", *, turned: bool = False) -> str:
    """Return a text; `turned` ones are read from below."""
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{turn}>{html.escape(text)}</text>'


def linear(values: Iterable[float], start: float, stop: float) -> Callable[[float], float]:
    """Return the scale that maps the range of the values to pixels."""
    low, high = min(values := [*values]), max(values)
    spread = (high - low) or 1.0
    return lambda value: start + (value - low) / spread * (stop - start)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers, at most `most` of them, that cover a range from below and above."""
    rough = (high - low or abs(high) or 1.0) / (most - 2)
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    return [step * n for n in range(math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9) + 1)]
