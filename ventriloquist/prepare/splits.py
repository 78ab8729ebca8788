"""Which lines train, which are held out, and which are context only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from hashlib import blake2b

from ventriloquist.database import Database
from ventriloquist.windows import Holdout, Split, holdout

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


# length() ends at a NUL, len() does not
_LONG_TEXTS = """
    SELECT id, content FROM training_messages
    WHERE split IN (SELECT value FROM json_each(?)) AND (length(content) >= ? OR instr(content, char(0)))
"""


def drop_equal_texts(db: Database) -> int:
    """Make every training target whose long text is also held out context only; return how many."""
    held = {_digest(content) for _, content in _long_texts(db, "validation", "test")}
    equal = [(id,) for id, content in _long_texts(db, "train") if _digest(content) in held] if held else []
    db.conn.executemany("UPDATE training_messages SET split = NULL WHERE id = ?", equal)
    return len(equal)


def _long_texts(db: Database, *splits: Split) -> Iterator[tuple[int, str]]:
    for id, content in db.conn.execute(_LONG_TEXTS, (json.dumps(splits), EQUAL_CHARACTERS)):
        if len(content) >= EQUAL_CHARACTERS:
            yield id, content


def _digest(content: str) -> bytes:
    """Stand for a text of any length: a tenth of all texts would not fit into memory, their digests do."""
    return blake2b(content.encode(), digest_size=16).digest()
