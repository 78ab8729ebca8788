"""Format validity: does the model, decoding freely and without a grammar, write lines of the transcript?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ventriloquist.evaluate.statistics import wilson
from ventriloquist.transcript import TranscriptError, parse_line


@dataclass(frozen=True, slots=True)
class Validity:
    """The share of lines that parse, with exactly the keys in order, a known delta, and a member's name."""

    lines: int
    valid: int
    share: float
    low: float  # 95 %, Wilson
    high: float


def validity(lines: Sequence[str], members: Sequence[Sequence[str]]) -> Validity:
    """Judge generated lines.

    Args:
        lines: as they were decoded, without their newline.
        members: for each line the names that may write it.
    """
    valid = sum(is_valid(line, names) for line, names in zip(lines, members, strict=True))
    low, high = wilson(valid, len(lines))
    return Validity(len(lines), valid, valid / max(1, len(lines)), low, high)


def is_valid(line: str, members: Sequence[str]) -> bool:
    try:
        return parse_line(line).name in members
    except TranscriptError:
        return False
