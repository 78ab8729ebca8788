"""Decide which lines train, which are held out, and which are context only."""

from __future__ import annotations

from collections.abc import Sequence

from ventriloquist.windows import Holdout, holdout


def hold_out(starts: Sequence[int], *, size: int | None, cut: int | None) -> Holdout:
    """Return where a conversation's held-out end begins.

    Args:
        starts: for each position, the position at which its message begins.
        size: lines for test, and as many for validation; None for the default.
        cut: the first position at or after the split date; the second half of what follows is test. None to go by size.
    """
    if cut is None:
        return holdout(starts, size)
    messages = len(starts)
    if cut >= messages:
        return Holdout(messages, messages)
    # whenever something is held out, the final two windows are test
    test_start = starts[max(0, min((cut + messages) // 2, messages - 2))]
    return Holdout(min(starts[cut], test_start), test_start)
