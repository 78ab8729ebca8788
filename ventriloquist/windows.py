"""Arithmetic on positions: windows, held-out ends and blocks. No database, no torch.

A conversation's training messages have positions 0, 1, 2 … A *window* is a target and the messages before it; a
*block* trains many windows at once.
"""

from __future__ import annotations

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


def window(target: int, size: int = WINDOW_SIZE) -> Span:
    """Return the window of a target: itself and up to `size - 1` messages before it."""
    return Span(max(0, target - size + 1), target)


def holdout_size(messages: int) -> int:
    """Return how many messages of a conversation the test split takes: a twentieth, at least 2, at most 1,000."""
    if messages < MIN_HOLDOUT_MESSAGES:
        return 0
    return max(2, min(1000, messages // 20))


def holdout(starts: Sequence[int], size: int | None = None) -> Holdout:
    """Return where a conversation's held-out end begins, lines of one message never separated.

    Args:
        starts: for each position, the position at which its message begins (a message may be several lines).
        size: lines for test, and as many for validation, at least 2 (the final two windows are test wherever anything
            is held out) or 0 for none; default `holdout_size`.
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
        context: messages before a block's first target, fewer only at the conversation's start.
        size: targets a block (K). K = 1 is the literal window.
        offset: targets in the first block, 0 for a full one: a new cut for every epoch.
    """
    first = targets.first
    end = first + (offset % size or size)
    while first <= targets.last:
        stop = min(end, targets.last + 1)
        yield Block(max(0, first - context), first, stop)
        first, end = stop, stop + size


def fit_block(block: Block, lengths: NDArray[np.int64], budget: int, *, context: int) -> Iterator[Block]:
    """Shorten a block to a budget of tokens: whole old messages go from the front, then targets to further blocks.

    Args:
        block: what to fit.
        lengths: tokens of each position of the conversation, (messages,).
        budget: tokens a block may have, its header not counted.
        context: messages before the first target of a further block.

    Yields:
        Blocks that fit; a target that alone does not fit is in none of them.
    """
    start, first, stop = block
    total = int(lengths[start:stop].sum())
    while total > budget and start < first:
        total -= int(lengths[start])
        start += 1
    while total > budget and stop - first > 1:
        stop -= 1
        total -= int(lengths[stop])
    if total <= budget:
        yield Block(start, first, stop)
    if stop < block.stop:
        rest = Block(max(0, stop - context), stop, block.stop)
        yield from fit_block(rest, lengths, budget, context=context)
