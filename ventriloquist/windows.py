"""Arithmetic on positions: windows, held-out ends and blocks.

A conversation's training messages have positions 0, 1, 2 … A *window* is a target and the messages before it. A *block*
holds many windows: the context of the first target, then the targets.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:  # the light core has no numpy
    import numpy as np
    from numpy.typing import NDArray

WINDOW_SIZE = 100  # messages, the target included
MIN_HOLDOUT_MESSAGES = 10  # smaller conversations are all training

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class Span(NamedTuple):
    """Positions first … last, both included."""

    first: int
    last: int


class Holdout(NamedTuple):
    """Where a conversation's held-out end begins: training < validation_start <= test_start <= its messages."""

    validation_start: int
    test_start: int


class Block(NamedTuple):
    """Positions [start, stop) of one conversation, of which [first_target, stop) are targets."""

    start: int
    first_target: int
    stop: int


def holdout_size(messages: int) -> int:
    """Return how many messages of a conversation the test split takes: a twentieth, at least 2, at most 1,000."""
    if messages < MIN_HOLDOUT_MESSAGES:
        return 0
    return max(2, min(1000, messages // 20))


def holdout(starts: Sequence[int], size: int | None = None) -> Holdout:
    """Return where a conversation's held-out end begins. Lines of one message stay on one side.

    Args:
        starts: for each position, the position at which its message begins (a message may be several lines).
        size: lines for test, and as many for validation: 0 for none, else at least 2, so that the final two windows are
            test; None for `holdout_size`.
    """
    messages = len(starts)
    if messages < MIN_HOLDOUT_MESSAGES or size == 0:
        return Holdout(messages, messages)
    lines = holdout_size(messages) if size is None else min(max(2, size), messages)
    test_start = starts[messages - lines]
    validation_start = starts[max(0, test_start - lines)]
    return Holdout(validation_start, test_start)


def blocks(targets: Span, *, context: int, size: int, offset: int = 0) -> Iterator[Block]:
    """Cut a conversation's targets into blocks, every target in exactly one.

    Args:
        targets: the first and last position that may be a target.
        context: messages before a block's first target, fewer at the conversation's start.
        size: targets in a block (K). With K = 1 a block is a window.
        offset: targets in the first block, which cuts every epoch anew; 0 for a full one.
    """
    first = targets.first
    end = first + (offset % size or size)
    while first <= targets.last:
        stop = min(end, targets.last + 1)
        yield Block(max(0, first - context), first, stop)
        first, end = stop, stop + size


def fit_block(block: Block, lengths: NDArray[np.int64], budget: int, *, context: int) -> Iterator[Block]:
    """Shorten a block to a budget of tokens: drop the oldest context first, then move targets to further blocks.

    Args:
        lengths: tokens of each position of the conversation, (messages,).
        budget: tokens of a block without its header.
        context: messages before the first target of a further block.

    Yields:
        Blocks that fit. A target that is longer than the budget is in none of them.
    """
    start, first, end = block
    origin = min(start, max(0, first - context))
    before = [0, *lengths[origin:end].cumsum().tolist()]  # tokens from `origin` to each position
    while first < end:
        without = bisect_left(before, before[end - origin] - budget) + origin  # the first that can be kept
        start = max(start, min(first, without))
        stop = end
        if before[end - origin] - before[start - origin] > budget:
            fitting = bisect_right(before, before[first - origin] + budget) - 1 + origin
            stop = max(first + 1, fitting)
        if before[stop - origin] - before[start - origin] <= budget:
            yield Block(start, first, stop)
        start, first = max(0, stop - context), stop
