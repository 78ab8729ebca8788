"""Writing one conversation: positions, deltas, rendered lines, members and splits."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ventriloquist.prepare.lines import Sources, conversation_lines
from ventriloquist.prepare.options import PrepareOptions
from ventriloquist.prepare.splits import hold_out
from ventriloquist.store import Connection, corpus
from ventriloquist.store.corpus import NewLine
from ventriloquist.transcript import (
    UNKNOWN,
    ConversationType,
    Line,
    delta_bucket,
    order_members,
    render_line,
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


def load_names(db: Connection) -> Names:
    """Read who is called what; the owner is whoever is_me says."""
    rows = db.execute("SELECT id, name, is_me FROM people").fetchall()
    return Names(next(name for _, name, is_me in rows if is_me), {id: name for id, name, _ in rows})


def store_conversation(sources: Sources, target: Target, conversation_id: int, type: ConversationType) -> int:
    """Write a conversation's lines, its members and its splits; return how many lines it has."""
    db = sources.db
    starts = array("q")  # for each position, where its message begins
    cut = 0  # the first position at or after the split date
    has_unknown = False

    def rows() -> Iterator[NewLine]:
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
            yield position, message_id, kind, sender, sent_at, day(sent_at), delta, content, line
            previous_message, previous_at = message_id, sent_at

    corpus.add_lines(db, conversation_id, rows())
    if not starts:
        return 0
    members = db.execute("SELECT person_id FROM members WHERE conversation_id = ?", (conversation_id,)).fetchall()
    others = [target.names.by_id[id] for (id,) in members if id not in sources.selection.people]
    shown = order_members(target.names.owner, [*others, *([UNKNOWN] if has_unknown else [])])
    corpus.add_conversation(db, conversation_id, type, shown, len(starts))
    held = hold_out(starts, size=target.options.holdout, cut=None if target.cut_at is None else cut)
    corpus.hold_out(db, conversation_id, *held)
    return len(starts)
