"""The shapes of the report's charts, in the colours of its page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ventriloquist.safe_text import one_line
from ventriloquist.svg import dot, label, line, linear, svg, ticks

NAME_SHOWN = 18  # characters of a name beside its dot
LABEL_WIDTH = 110  # pixels; nearer labels go below each other


def scale(
    marks: Sequence[tuple[str, float, str]],
    interval: tuple[float, float],
    other: tuple[float, float] | None = None,
    *,
    width: int = 300,
) -> str:
    """Draw marks (label, value, colour) on an axis: a figure, with both intervals, and then its floor and ceiling."""
    x = linear([*(value for _, value, _ in marks), *interval, *(other or ())], 14, width - 14)
    parts = [line([(14, 26), (width - 14, 26)], "var(--line)", 4)]
    if other:
        parts.append(line([(x(end), 26) for end in other], "var(--accent)", 2, opacity=0.45))
    parts.append(line([(x(end), 26) for end in interval], "var(--accent)", 6, opacity=0.45))
    below = 44.0
    for index, (text, value, colour) in reversed(list(enumerate(marks))):
        at = x(value)
        anchor = "start" if at < width * 0.2 else "end" if at > width * 0.8 else "middle"
        parts += [dot(at, 26, 4 if index else 6, colour), label(at, below if index else 14, text, anchor)]
        near = any(abs(at - x(other)) < LABEL_WIDTH for _, other, _ in marks[1:index])
        below = 57.0 if near else 44.0
    return svg(width, 62, parts)


def bars(groups: Mapping[str, Sequence[float]], colours: Sequence[str], *, width: int = 360, height: int = 170) -> str:
    """Draw groups of bars: for each label, a share in each colour."""
    top = max([value for values in groups.values() for value in values] + [0.01])
    step = (width - 10) / max(1, len(groups))
    each = step * 0.72 / len(colours)
    parts = [line([(5, height - 22), (width - 5, height - 22)], "var(--line)", 1)]
    for index, (text, values) in enumerate(groups.items()):
        for place, (value, colour) in enumerate(zip(values, colours, strict=True)):
            tall = value / top * (height - 44)
            left = 5 + index * step + step * 0.14 + place * each
            parts.append(
                f'<rect x="{left:.1f}" y="{height - 22 - tall:.1f}" width="{each * 0.9:.1f}" height="{tall:.1f}"'
                f' rx="2" fill="{colour}"/>'
            )
            parts.append(label(left + each * 0.45, height - 26 - tall, f"{value:.0%}"))
        parts.append(label(5 + (index + 0.5) * step, height - 7, text))
    return svg(width, height, parts)


def calibration(points: Sequence[tuple[float, float, int]], *, size: int = 260) -> str:
    """Draw observed shares over forecast ones. A perfect forecast lies on the diagonal."""
    x, y = linear((0, 1), 42, size - 20), linear((0, 1), size - 30, 32)
    most = max((count for _, _, count in points), default=1)
    parts = [
        line([(x(0), y(1)), (x(0), y(0)), (x(1), y(0))], "var(--line)", 1),
        line([(x(0), y(0)), (x(1), y(1))], "var(--floor)", 1, dashes="4 4"),
        line([(x(forecast), y(observed)) for forecast, observed, _ in points], "var(--accent)", 1.5),
    ]
    parts += [dot(x(one), y(other), 2.5 + 4 * (count / most) ** 0.5, "var(--accent)") for one, other, count in points]
    parts += [label(x(share), y(0) + 16, f"{share:.0%}") for share in (0, 0.5, 1)]
    parts += [label(x(0) - 6, y(share) + 4, f"{share:.0%}", "end") for share in (0.5, 1)]
    return svg(size, size, parts)


def deviations(rows: Sequence[tuple[str, float, float]], *, width: int = 440) -> str:
    """Draw each row (label, deviation, half of the band) as a dot around zero, on the band of real messages."""
    widest = max(1.0, *(abs(value) for _, value, _ in rows), *(band for _, _, band in rows))
    x = linear((-widest, widest), 150, 430)
    height = 20 * len(rows) + 26
    parts = [line([(x(0), 4), (x(0), height - 22)], "var(--line)", 1)]
    for index, (text, value, band) in enumerate(rows):
        y = 14 + 20 * index
        colour = "var(--accent)" if abs(value) <= band else "var(--bad)"
        parts += [
            line([(x(-band), y), (x(band), y)], "var(--line)", 8),
            dot(x(value), y, 4, colour),
            label(140, y + 4, text, "end"),
        ]
    parts += [label(150, height - 6, "less than they do", "start"), label(width - 8, height - 6, "more", "end")]
    return svg(width, height, parts)


def over_messages(
    points: Sequence[tuple[str, int, float, float, float]],
    curve: tuple[float, float] | None,
    *,
    width: int = 620,
    height: int = 320,
) -> str:
    """Draw points (name, messages, value, low, high) over messages, on a log scale.

    Args:
        curve: its value at one message, and what it gains with each doubling.
    """
    doublings = [math.log2(messages) for _, messages, *_ in points]
    first, last = math.floor(min(doublings)), math.ceil(max(doublings) + 0.01)
    x = linear((first, last), 46, width - 20)
    drawn = [(end, curve[0] + curve[1] * end) for end in (min(doublings), max(doublings))] if curve else []
    ends = [end for *_, low, high in points for end in (low, high)] + [value for _, value in drawn]
    levels = ticks(min(0.0, *ends), max(ends))
    y = linear(levels, height - 44, 14)
    parts = []
    for level in levels:
        parts.append(line([(46, y(level)), (width - 20, y(level))], "var(--line)", 1))
        parts.append(label(40, y(level) + 4, f"{level:g}", "end"))
    marks = range(first, last + 1, max(1, math.ceil((last - first) / 9)))
    parts += [label(x(doubling), height - 26, f"{2**doubling:,}") for doubling in marks]
    parts.append(label(width / 2, height - 6, "messages that the run was trained on"))
    if drawn:
        parts.append(line([(x(end), y(value)) for end, value in drawn], "var(--real)", 2, dashes="6 5"))
    taken: list[tuple[float, float]] = []
    for (name, _, value, low, high), doubling in sorted(zip(points, doublings, strict=True), key=lambda one: one[1]):
        at, up = x(doubling), y(value)
        parts.append(line([(at, y(low)), (at, y(high))], "var(--accent)", 2, opacity=0.35))
        parts.append(dot(at, up, 4, "var(--accent)"))
        shown = one_line(name if len(name) <= NAME_SHOWN else name[: NAME_SHOWN - 1] + "…")
        left = at > width * 0.75
        place = up - 6
        while any(abs(place - other) < 12 and abs(at - beside) < LABEL_WIDTH for beside, other in taken):
            place += 12
        taken.append((at, place))
        parts.append(label(at + (-7 if left else 7), place, shown, "end" if left else "start"))
    return svg(width, height, parts)
