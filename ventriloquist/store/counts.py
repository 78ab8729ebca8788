"""How much is prepared: lines by split, person and conversation, and the bytes of an export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ventriloquist.store import Connection
from ventriloquist.windows import WINDOW_SIZE, Span, Split

NAMES = 10  # people that are named for a group without a title
_COUNTS = "sum(t.split IS 'train'), sum(t.split IS 'validation'), sum(t.split IS 'test'), sum(t.split IS NULL)"


class LineCounts(NamedTuple):
    """How many lines of a person or a conversation each split has; `context` counts those that are no targets."""

    name: str
    train: int
    validation: int
    test: int
    context: int


class SplitSize(NamedTuple):
    """How much of one conversation is in one split."""

    split: Split | None
    lines: int
    targets: Span
    window_lines: int  # in all its windows together
    json_bytes: int  # of its lines, escaped for a JSON string


def count_by_split(db: Connection) -> dict[str, int]:
    """Return how many lines each split has; lines without a split count as `context`."""
    rows = db.execute("SELECT coalesce(split, 'context'), count(*) FROM training_messages GROUP BY split")
    return dict(rows.fetchall())


def count_by_sender(db: Connection) -> dict[str, int]:
    """Return how many lines each person wrote."""
    return dict(db.execute("SELECT sender, count(*) FROM training_messages GROUP BY 1").fetchall())


def counts_by_person(db: Connection) -> list[LineCounts]:
    """Return the counts of each person, most lines first."""
    rows = db.execute(
        f"SELECT t.sender, {_COUNTS} FROM training_messages t GROUP BY t.sender ORDER BY count(*) DESC, t.sender"
    )
    return [LineCounts(*row) for row in rows]


def counts_by_conversation(db: Connection) -> list[LineCounts]:
    """Return the counts of each conversation, named by its title or its people, most lines first."""
    rows = db.execute(
        f"""
        SELECT t.conversation_id, c.type, c.title, {_COUNTS}
        FROM training_messages t LEFT JOIN conversations c ON c.id = t.conversation_id
        GROUP BY t.conversation_id ORDER BY count(*) DESC, t.conversation_id
        """
    ).fetchall()
    return [LineCounts(title or _untitled(db, id, type), *counts) for id, type, title, *counts in rows]


def _untitled(db: Connection, id: int, type: str) -> str:
    """Return what a conversation without a title is called: its people but the owner."""
    names = [
        name
        for (name,) in db.execute(
            "SELECT p.name FROM members m JOIN people p ON p.id = m.person_id"
            " WHERE m.conversation_id = ? AND NOT p.is_me ORDER BY p.name",
            (id,),
        )
    ]
    if not names:
        return f"group {id}" if type == "group" else "notes to self"
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    return ", ".join(names[:NAMES]) + more


def sizes(db: Connection) -> Iterator[SplitSize]:
    """Yield the size of every split of every conversation."""
    rows = db.execute(  # JSON escapes each quote and backslash of a line, and its newline
        """
        SELECT split, count(*), min(position), max(position), sum(min(position + 1, ?)), sum(
            length(CAST(line AS BLOB)) + 2
            + 2 * length(line) - length(replace(line, '"', '')) - length(replace(line, '\\', ''))
        )
        FROM training_messages GROUP BY conversation_id, split
        """,
        (WINDOW_SIZE,),
    )
    for split, lines, first, last, window_lines, json_bytes in rows:
        yield SplitSize(split, lines, Span(first, last), window_lines, json_bytes)
