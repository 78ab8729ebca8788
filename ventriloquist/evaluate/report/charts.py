"""SVG by hand: lines, bars and dots in the page's own colours, so that light, dark and paper need one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from ventriloquist.evaluate.report.markup import text

WIDEST_LABEL = 110  # pixels
Point = tuple[float, float]


def scale(marks: Sequence[tuple[str, float, str]], interval: tuple[float, float] | None, *, width: int = 300) -> str:
    """Draw one axis with marks on it: where a figure stands between its floor and its ceiling.

    Args:
        marks: label, value and colour; the first one is the figure itself.
        interval: of the figure.
    """
    values = [value for _, value, _ in marks] + list(interval or ())
    low, high = min(values), max(values)
    spread = (high - low) or 1.0

    def x(value: float) -> float:
        return 14 + (value - low) / spread * (width - 28)

    parts = [_line((14, 26), (width - 14, 26), "var(--line)", 4)]
    if interval:
        parts.append(_line((x(interval[0]), 26), (x(interval[1]), 26), "var(--accent)", 4, opacity=0.45))
    below = 44.0
    for index, (label, value, colour) in reversed(list(enumerate(marks))):
        parts.append(_dot(x(value), 26, 4 if index else 6, colour))
        parts.append(_label(x(value), below if index else 14, label, _anchor(x(value), width)))
        near = [abs(x(value) - x(other)) for _, other, _ in marks[1:index]]
        below = 57.0 if near and min(near) < WIDEST_LABEL else 44.0
    return _svg(width, 62, parts)


def bars(groups: Mapping[str, Sequence[float]], colours: Sequence[str], *, width: int = 360, height: int = 170) -> str:
    """Draw groups of upright bars of shares.

    Args:
        groups: label: a value for each colour.
    """
    top = max([value for values in groups.values() for value in values] + [0.01])
    step = (width - 10) / max(1, len(groups))
    parts = [_line((5, height - 22), (width - 5, height - 22), "var(--line)", 1)]
    for index, (label, values) in enumerate(groups.items()):
        each = step * 0.72 / max(1, len(values))
        for place, (value, colour) in enumerate(zip(values, colours, strict=False)):
            tall = value / top * (height - 44)
            left = 5 + index * step + step * 0.14 + place * each
            parts.append(
                f'<rect x="{left:.1f}" y="{height - 22 - tall:.1f}" width="{each * 0.9:.1f}" height="{tall:.1f}"'
                f' rx="2" fill="{colour}"/>'
            )
            parts.append(_label(left + each * 0.45, height - 26 - tall, f"{value:.0%}"))
        parts.append(_label(5 + (index + 0.5) * step, height - 7, label))
    return _svg(width, height, parts)


def calibration(points: Sequence[tuple[float, float, int]], *, size: int = 260) -> str:
    """Draw observed shares over forecast ones; on the diagonal, what is said to happen happens."""
    inner, left = size - 62, 42

    def place(forecast: float, observed: float) -> Point:
        return left + forecast * inner, size - 30 - observed * inner

    most = max((count for _, _, count in points), default=1)
    parts = [
        _line(place(0, 0), place(1, 0), "var(--line)", 1),
        _line(place(0, 0), place(0, 1), "var(--line)", 1),
        _line(place(0, 0), place(1, 1), "var(--floor)", 1, dashes="4 4"),
    ]
    for (x1, y1, _), (x2, y2, _) in pairwise(points):
        parts.append(_line(place(x1, y1), place(x2, y2), "var(--accent)", 1.5))
    parts += [_dot(*place(x, y), 2.5 + 4 * (count / most) ** 0.5, "var(--accent)") for x, y, count in points]
    parts += [_label(*place(share, -0.075), f"{share:.0%}") for share in (0, 0.5, 1)]
    parts += [_label(place(0, share)[0] - 6, place(0, share)[1] + 4, f"{share:.0%}", "end") for share in (0.5, 1)]
    return _svg(size, size, parts)


def deviations(rows: Sequence[tuple[str, float, float]], *, width: int = 440) -> str:
    """Draw one dot a row around zero, each with the band in which real ones would lie.

    Args:
        rows: label, deviation, and half of the band.
    """
    widest = max([abs(value) for _, value, _ in rows] + [band for _, _, band in rows] + [1.0])
    middle, reach = 290, 140

    def x(value: float) -> float:
        return middle + value / widest * reach

    height = 20 * len(rows) + 26
    parts = [_line((middle, 4), (middle, height - 22), "var(--line)", 1)]
    for index, (label, value, band) in enumerate(rows):
        y = 14 + 20 * index
        parts.append(_line((x(-band), y), (x(band), y), "var(--line)", 8))
        colour = "var(--accent)" if abs(value) <= band else "var(--bad)"
        parts += [_dot(x(value), y, 4, colour), _label(140, y + 4, label, "end")]
    parts += [
        _label(middle - reach, height - 6, "less than they do", "start"),
        _label(width - 8, height - 6, "more", "end"),
    ]
    return _svg(width, height, parts)


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">{"".join(parts)}</svg>'


def _line(start: Point, end: Point, colour: str, width: float, *, opacity: float = 1, dashes: str = "") -> str:
    return (
        f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" stroke="{colour}"'
        f' stroke-width="{width}" stroke-opacity="{opacity}" stroke-dasharray="{dashes}" stroke-linecap="round"/>'
    )


def _dot(x: float, y: float, radius: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}"/>'


def _label(x: float, y: float, label: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text(label)}</text>'


def _anchor(x: float, width: int) -> str:
    return "start" if x < width * 0.2 else "end" if x > width * 0.8 else "middle"
