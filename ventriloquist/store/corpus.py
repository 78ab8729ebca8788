"""The prepared conversations: prepare writes them; export, training, evaluation and chat read them.

A training message is a line of a transcript. Lines have positions 0, 1, 2 … in their conversation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from ventriloquist.store import Connection
from ventriloquist.transcript import (
    ConversationType,
    Header,
    Kind,
    Line,
    parse_members,
    render_header,
    render_members,
)
from ventriloquist.windows import SPLITS, WINDOW_SIZE, Span, Split, blocks

Text = TypeVar("Text")

_END = 2**62  # beyond every position


class StoredConversation(NamedTuple):
    """A prepared conversation."""

    id: int
    type: ConversationType
    members: tuple[str, ...]  # the owner first
    messages: int  # lines
    first: int  # index of its first line among the lines of all conversations

    def header(self, day: str) -> str:
        """Render the header of a window; `day` is the local date (ISO) of its first line."""
        return render_header(Header(self.type, self.members, day))


class StoredLine(NamedTuple):
    """A training message."""

    position: int
    message_id: int | None  # None: a reaction's line
    kind: Kind
    day: str  # local date (ISO)
    line: str  # rendered, without its newline
    split: Split | None  # None: context only


NewLine = tuple[int, int | None, Kind, str, int, str, str, str, str]
"""Position, message id (None: a reaction's line), kind, sender, time, day, delta, content and rendered line.

A plain tuple: there are millions. Its split is `train` until `hold_out` moves it.
"""

LongContent = tuple[int, Kind, str]
"""Id, kind and content of a line. A plain tuple: there are millions."""


class QuotedAhead(NamedTuple):
    """A line that quotes a message which comes later, or is in another conversation."""

    conversation_id: int
    position: int
    guid: str  # of the message that it quotes
    content: str  # without the quote
    line: str  # likewise, rendered


class Window(NamedTuple, Generic[Text]):
    """A window, or a block if it has several targets: the targets and the lines before them."""

    conversation: StoredConversation
    start: int  # position of the first line
    first_target: int  # position
    header: Text  # encoded, newline included
    lines: Sequence[Text]  # from `start` on, encoded, newlines included
    is_target: Sequence[bool]  # for each line from `first_target` on


# Writing


def clear(db: Connection) -> None:
    """Remove everything that is prepared."""
    db.execute("DELETE FROM training_messages")
    db.execute("DELETE FROM training_conversations")


def add_lines(db: Connection, conversation_id: int, lines: Iterable[NewLine]) -> None:
    """Write a conversation's lines."""
    db.executemany(
        "INSERT INTO training_messages (conversation_id, position, message_id, kind, sender, sent_at, day, delta,"
        f" content, line, split) VALUES ({conversation_id:d}, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'train')",
        lines,
    )


def add_conversation(db: Connection, id: int, type: ConversationType, members: Sequence[str], messages: int) -> None:
    """Write a conversation, after its lines."""
    db.execute(
        "INSERT INTO training_conversations (conversation_id, type, members, messages) VALUES (?, ?, ?, ?)",
        (id, type, render_members(members), messages),
    )


def hold_out(db: Connection, conversation_id: int, validation_start: int, test_start: int) -> None:
    """Move the lines from `validation_start` on to validation, and those from `test_start` on to test."""
    for split, first, stop in (("validation", validation_start, test_start), ("test", test_start, _END)):
        if first != stop:
            db.execute(
                "UPDATE training_messages SET split = ? WHERE conversation_id = ? AND position >= ? AND position < ?",
                (split, conversation_id, first, stop),
            )


def unquote_held_out(db: Connection, lines: Sequence[QuotedAhead]) -> None:
    """Take the quotes out of lines that stand before the split of the message that they quote: it is held out there."""
    if not lines:
        return
    rows = db.execute(
        "SELECT t.guid, m.split FROM training_messages m JOIN text_messages t ON t.id = m.message_id"
        " WHERE m.split IN ('validation', 'test') AND t.guid IN (SELECT value FROM json_each(?))",
        (json.dumps([line.guid for line in lines]),),
    )
    held_out = {guid: SPLITS.index(split) for guid, split in rows}
    for line in lines:
        place = line.conversation_id, line.position
        (own,) = db.execute(
            "SELECT split FROM training_messages WHERE conversation_id = ? AND position = ?", place
        ).fetchone()
        if line.guid in held_out and SPLITS.index(own) < held_out[line.guid]:
            db.execute(
                "UPDATE training_messages SET content = ?, line = ? WHERE conversation_id = ? AND position = ?",
                (line.content, line.line, *place),
            )


def make_context_only(db: Connection, ids: Iterable[int]) -> None:
    """Take lines out of every split."""
    db.executemany("UPDATE training_messages SET split = NULL WHERE id = ?", ((id,) for id in ids))


def long_contents(db: Connection, splits: Sequence[Split], characters: int) -> Iterator[LongContent]:
    """Yield id, kind and content of the lines of some splits that have at least so many characters."""
    rows = db.execute(  # length() ends at a NUL, len() does not
        "SELECT id, kind, content FROM training_messages"
        " WHERE split IN (SELECT value FROM json_each(?)) AND (length(content) >= ? OR instr(content, char(0)))",
        (json.dumps(splits), characters),
    )
    return (row for row in rows if len(row[2]) >= characters)


# Reading: whether there is anything


def is_empty(db: Connection) -> bool:
    """Return whether nothing is prepared."""
    return db.execute("SELECT 1 FROM training_messages LIMIT 1").fetchone() is None


def has_targets(db: Connection, split: Split) -> bool:
    """Return whether a split has a line."""
    return db.execute("SELECT 1 FROM training_messages WHERE split = ? LIMIT 1", (split,)).fetchone() is not None


# Reading: conversations, lines and windows


def conversations(db: Connection) -> list[StoredConversation]:
    """Return every prepared conversation, by id."""
    rows = db.execute(
        "SELECT conversation_id, type, members, messages,"
        " sum(messages) OVER (ORDER BY conversation_id) - messages FROM training_conversations ORDER BY 1"
    )
    return [StoredConversation(id, type, parse_members(members), *rest) for id, type, members, *rest in rows]


def lines(db: Connection, conversation_id: int, first: int = 0, stop: int = _END) -> Iterator[StoredLine]:
    """Yield a conversation's lines from position `first` up to, not including, `stop`."""
    rows = db.execute(
        "SELECT position, message_id, kind, day, line, split FROM training_messages"
        " WHERE conversation_id = ? AND position >= ? AND position < ? ORDER BY position",
        (conversation_id, first, stop),
    )
    return map(StoredLine._make, rows)


def lines_of_all(db: Connection) -> Iterator[tuple[Split | None, str, str, str]]:
    """Yield split, day, rendered line and sender of every line, by conversation and position."""
    return db.execute("SELECT split, day, line, sender FROM training_messages ORDER BY conversation_id, position")


def typed_lines(db: Connection) -> Iterator[tuple[int, int, str, str, str, int, Split | None, int]]:
    """Yield conversation, position, sender, content, delta, time, split and message id of every text line."""
    return db.execute(
        "SELECT conversation_id, position, sender, content, delta, sent_at, split, message_id FROM training_messages"
        " WHERE kind = 'text' ORDER BY conversation_id, position"
    )


def line_kinds(db: Connection) -> set[Kind]:
    """Return the kinds of lines that there are."""
    return {kind for (kind,) in db.execute("SELECT DISTINCT kind FROM training_messages")}


def training_lines(db: Connection, limit: int) -> list[str]:
    """Return the first lines of the training split, each with its newline."""
    rows = db.execute(
        "SELECT line || char(10) FROM training_messages WHERE split = 'train'"
        " ORDER BY conversation_id, position LIMIT ?",
        (limit,),
    )
    return [line for (line,) in rows]


def windows(
    db: Connection,
    split: Split,
    encode: Callable[[str], Text],
    *,
    context: int = WINDOW_SIZE - 1,
    targets: int = 1,
) -> Iterator[Window[Text]]:
    """Yield every window of a split, by conversation and position, in constant memory.

    Args:
        encode: called once with each rendered line, and with each new header, newline included.
        context: lines before the first target.
        targets: targets in a window (K), see `windows.blocks`.
    """
    for conversation in conversations(db):
        span = _span(db, conversation.id, split)
        if span is None:
            continue
        rows = lines(db, conversation.id, max(0, span.first - context), span.last + 1)
        begins = max(0, span.first - context)  # position of the first item in these lists
        texts: list[Text] = []
        days: list[str] = []
        are_targets: list[bool] = []
        day, header = "", encode("")
        for block in blocks(span, context=context, size=targets):
            for row in islice(rows, block.stop - begins - len(texts)):
                texts.append(encode(row.line + "\n"))
                days.append(row.day)
                are_targets.append(row.split == split)
            if block.start - begins > 4 * WINDOW_SIZE + targets:
                old = block.start - begins
                del texts[:old], days[:old], are_targets[:old]
                begins = block.start
            start, first_target = block.start - begins, block.first_target - begins
            if any(are_targets[first_target:]):
                if days[start] != day:
                    day = days[start]
                    header = encode(conversation.header(day) + "\n")
                shown, targeted = texts[start:], are_targets[first_target:]
                yield Window(conversation, block.start, block.first_target, header, shown, targeted)


def _span(db: Connection, conversation_id: int, split: Split) -> Span | None:
    first, last = db.execute(
        "SELECT min(position), max(position) FROM training_messages WHERE conversation_id = ? AND split = ?",
        (conversation_id, split),
    ).fetchone()
    return None if first is None else Span(first, last)


def data_hash(db: Connection) -> str:
    """Return a hash of everything that is prepared. It takes a CPU-second for a million messages."""
    digest = hashlib.sha256()
    for conversation in conversations(db):
        without_day = conversation.header("").removesuffix('""}')
        digest.update(f"{conversation.id} {without_day}\n".encode())
    for split, day, line, _ in lines_of_all(db):
        digest.update(f"{split} {day} {line}\n".encode())
    return digest.hexdigest()


# Reading: times


def positions_at(db: Connection, times: Mapping[int, int]) -> dict[int, int]:
    """Return the first position after a time (Unix milliseconds), for each conversation given."""
    query = "SELECT count(*) FROM training_messages WHERE conversation_id = ? AND sent_at <= ?"
    return {id: db.execute(query, (id, sent_at)).fetchone()[0] for id, sent_at in times.items()}


def times_before(db: Connection, positions: Mapping[int, int]) -> dict[int, int]:
    """Return when the last line before a position was sent (Unix milliseconds), for conversations that have one."""
    query = "SELECT max(sent_at) FROM training_messages WHERE conversation_id = ? AND position < ?"
    found = {id: db.execute(query, (id, position)).fetchone()[0] for id, position in positions.items()}
    return {id: sent_at for id, sent_at in found.items() if sent_at is not None}


def first_day(db: Connection, conversation_id: int) -> str:
    """Return the local date (ISO) of a conversation's first line."""
    query = "SELECT day FROM training_messages WHERE conversation_id = ? ORDER BY position LIMIT 1"
    return str(db.execute(query, (conversation_id,)).fetchone()[0])


def last_day(db: Connection) -> str | None:
    """Return the local date (ISO) of the newest line."""
    (day,) = db.execute("SELECT max(day) FROM training_messages").fetchone()
    return day  # type: ignore[no-any-return]


# For chat


class TitledConversation(NamedTuple):
    """A prepared conversation, with the title and the senders by which it can be found."""

    id: int
    type: ConversationType
    members: tuple[str, ...]  # the owner first
    title: str | None
    senders: frozenset[str]


def titled_conversations(db: Connection) -> list[TitledConversation]:
    """Return the prepared conversations, the one with the newest message first."""
    rows = db.execute(
        "SELECT t.conversation_id, t.type, t.members, c.title, json_group_array(DISTINCT m.sender)"
        " FROM training_conversations t"
        " JOIN training_messages m ON m.conversation_id = t.conversation_id"
        " LEFT JOIN conversations c ON c.id = t.conversation_id"
        " GROUP BY t.conversation_id ORDER BY max(m.sent_at) DESC"
    )
    return [
        TitledConversation(id, type, parse_members(members), title, frozenset(json.loads(senders)))
        for id, type, members, title, senders in rows
    ]


class SentLine(NamedTuple):
    """A line and the time at which it was sent."""

    line: Line
    sent_at: int  # Unix milliseconds
    day: str  # local date (ISO)


def last_lines(db: Connection, conversation_id: int, limit: int, *, before: str | None = None) -> list[SentLine]:
    """Return a conversation's last lines; with `before`, a local date (ISO), its last lines before that day."""
    rows = db.execute(
        "SELECT sender, delta, content, sent_at, day FROM training_messages"
        " WHERE conversation_id = ? AND day < ? ORDER BY position DESC LIMIT ?",
        (conversation_id, before or "9999-12-31", limit),
    ).fetchall()
    return [SentLine(Line(sender, delta, content), at, day) for sender, delta, content, at, day in reversed(rows)]
