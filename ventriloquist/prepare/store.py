"""Writing one conversation: positions, deltas, rendered lines, header and splits."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ventriloquist.database import Database
from ventriloquist.prepare.lines import Sources, conversation_lines
from ventriloquist.prepare.options import PrepareOptions
from ventriloquist.prepare.splits import hold_out, store_splits
from ventriloquist.transcript import (
    UNKNOWN,
    ConversationType,
    Line,
    delta_bucket,
    header_prefix,
    order_members,
    render_line,
)

_INSERT = (
    "INSERT INTO training_messages (conversation_id, position, message_id, kind, sender, sent_at, day, delta, content,"
    " line, split) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'train')"
)


class Names(NamedTuple):
    """What people are called in transcripts."""

    owner: str
    by_id: dict[int, str]


class Target(NamedTuple):
    """How lines are written, the same for every conversation."""

    options: PrepareOptions
    names: Names
    day: Callable[[int], str]
    cut_at: int | None  # Unix milliseconds of the split date


def load_names(db: Database) -> Names:
    """Read who is called what; the owner is whoever is_me says."""
    rows = db.conn.execute("SELECT id, name, is_me FROM people").fetchall()
    return Names(next(name for _, name, is_me in rows if is_me), {id: name for id, name, _ in rows})


def store_conversation(sources: Sources, target: Target, conversation_id: int, type: ConversationType) -> int:
    """Write a conversation's training messages and its header; return how many lines it has."""
    db = sources.db
    starts = array("q")  # for each position, where its message begins
    cut = 0  # the first position at or after the split date
    has_unknown = False

    def rows() -> Iterator[tuple[object, ...]]:
        nonlocal cut, has_unknown
        options, names, day, cut_at = target
        previous_message: int | None = None
        previous_at: int | None = None
        for position, draft in enumerate(conversation_lines(sources, conversation_id, reactions=options.reactions)):
            message_id, kind, sender_id, sent_at, content = draft
            same_message = message_id is not None and message_id == previous_message
            starts.append(starts[-1] if same_message else position)
            sender = UNKNOWN if sender_id is None else names.by_id[sender_id]
            has_unknown = has_unknown or sender_id is None
            delta = delta_bucket(0 if previous_at is None else sent_at - previous_at)
            if cut_at is not None and sent_at < cut_at:
                cut = position + 1
            line = render_line(Line(sender, delta, content))
            yield conversation_id, position, message_id, kind, sender, sent_at, day(sent_at), delta, content, line
            previous_message, previous_at = message_id, sent_at

    db.conn.executemany(_INSERT, rows())
    if not starts:
        return 0
    members = db.conn.execute("SELECT person_id FROM members WHERE conversation_id = ?", (conversation_id,)).fetchall()
    others = [target.names.by_id[id] for (id,) in members if id not in sources.selection.people]
    header = header_prefix(type, order_members(target.names.owner, [*others, *([UNKNOWN] if has_unknown else [])]))
    db.conn.execute("INSERT INTO training_conversations VALUES (?, ?, ?)", (conversation_id, header, len(starts)))
    held = hold_out(starts, size=target.options.holdout, cut=None if target.cut_at is None else cut)
    store_splits(db, conversation_id, held)
    return len(starts)
