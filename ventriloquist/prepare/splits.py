"""Decide which lines train, which are held out, and which are context only."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from ventriloquist.store import Connection, corpus
from ventriloquist.windows import Holdout, holdout

EQUAL_CHARACTERS = 15  # shorter texts are common: "good morning" twice is style, not a leak


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


def drop_equal_texts(db: Connection) -> int:
    """Make training lines context only if their long text is also held out; return how many."""
    held = {_digest(content) for _, content in corpus.long_contents(db, ("validation", "test"), EQUAL_CHARACTERS)}
    training = corpus.long_contents(db, ("train",), EQUAL_CHARACTERS) if held else ()
    equal = [id for id, content in training if _digest(content) in held]
    corpus.make_context_only(db, equal)
    return len(equal)


def _digest(content: str) -> bytes:
    """Return a digest of a text: the digests of all held-out texts fit in memory, the texts would not."""
    return blake2b(content.encode(), digest_size=16).digest()
