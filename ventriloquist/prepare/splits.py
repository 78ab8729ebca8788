"""Which lines train, which are held out, and which are context only."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from ventriloquist.database import Database
from ventriloquist.windows import Holdout, holdout

EQUAL_CHARACTERS = 15  # shorter texts are everybody's: "good morning" twice is style, not a leak


def hold_out(starts: Sequence[int], *, size: int | None, cut: int | None) -> Holdout:
    """Return where a conversation's held-out end begins.

    Args:
        starts: for each position, the position at which its message begins.
        size: lines for test, and as many for validation; None for the default.
        cut: the first position of a global split date, whose second half is test; None to go by size.
    """
    if cut is None:
        return holdout(starts, size)
    messages = len(starts)
    if cut >= messages:
        return Holdout(messages, messages)
    # the final two windows are test wherever anything is held out
    test_start = starts[max(0, min((cut + messages) // 2, messages - 2))]
    return Holdout(min(starts[cut], test_start), test_start)


def store_splits(db: Database, conversation_id: int, held: Holdout) -> None:
    """Mark a conversation's held-out lines; the others are `train` already."""
    for split, first, stop in (("validation", *held), ("test", held.test_start, None)):
        if first != stop:
            db.conn.execute(
                "UPDATE training_messages SET split = ? WHERE conversation_id = ? AND position >= ? AND position < ?",
                (split, conversation_id, first, 2**62 if stop is None else stop),
            )


def drop_equal_texts(db: Database) -> int:
    """Make every training target whose long text is also held out context only; return how many."""
    held = {
        _digest(content)
        for (content,) in db.conn.execute("SELECT content FROM training_messages WHERE split IN ('validation', 'test')")
        if len(content) >= EQUAL_CHARACTERS
    }
    if not held:
        return 0
    equal = [
        (id,)
        for id, content in db.conn.execute("SELECT id, content FROM training_messages WHERE split = 'train'")
        if len(content) >= EQUAL_CHARACTERS and _digest(content) in held
    ]
    db.conn.executemany("UPDATE training_messages SET split = NULL WHERE id = ?", equal)
    return len(equal)


def _digest(content: str) -> bytes:
    """Stand for a text of any length: a tenth of all texts would not fit into memory, their digests do."""
    return blake2b(content.encode(), digest_size=16).digest()
