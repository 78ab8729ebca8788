"""Rows of the exported files, as bytes: every line is escaped once and then only joined."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from json.encoder import encode_basestring
from typing import Literal, NamedTuple

from ventriloquist.database import Database
from ventriloquist.transcript import complete_header
from ventriloquist.windows import WINDOW_SIZE, Block, Span, Split, blocks

Format = Literal["blocks", "prompt-completion", "windows"]


class Row(NamedTuple):
    """One line of a file, and how many targets carry loss in it."""

    data: bytes
    targets: int


class _Conversation(NamedTuple):
    id: int
    header: str
    targets: Span  # the first and last position of the split


class _Line(NamedTuple):
    position: int
    day: str
    escaped: bytes  # as it stands within a JSON string, its newline included
    characters: int  # code points, its newline included
    is_target: bool


def window_rows(db: Database, split: Split) -> Iterator[Row]:
    """Yield `{"text": …}` for every window of a split."""
    for header, context, target in _windows(db, split):
        yield Row(b'{"text": "' + header + b"".join(context) + target + b'"}\n', 1)


def prompt_completion_rows(db: Database, split: Split) -> Iterator[Row]:
    """Yield `{"prompt": …, "completion": …}` for every window of a split: the completion is the target line."""
    for header, context, target in _windows(db, split):
        yield Row(b'{"prompt": "' + header + b"".join(context) + b'", "completion": "' + target + b'"}\n', 1)


def block_rows(db: Database, split: Split, *, targets_per_window: int) -> Iterator[Row]:
    """Yield a row a block: its text, and where in it the targets stand.

    `loss_spans` are [start, end) in characters (Unicode code points) of `text`, one for each target line, its newline
    included.
    """
    for conversation in _conversations(db, split):
        cut = blocks(conversation.targets, context=WINDOW_SIZE - 1, size=targets_per_window)
        lines = _lines(db, conversation, split)
        recent: deque[_Line] = deque(maxlen=WINDOW_SIZE - 1 + targets_per_window)
        for block in cut:
            recent.extend(
                islice(lines, block.stop - (recent[-1].position + 1 if recent else _first_line(conversation)))
            )
            row = _block_row(conversation, block, [line for line in recent if line.position >= block.start])
            if row.targets:
                yield row


def _block_row(conversation: _Conversation, block: Block, lines: list[_Line]) -> Row:
    header = complete_header(conversation.header, lines[0].day) + "\n"
    spans: list[list[int]] = []
    at = len(header)
    for line in lines:
        if line.is_target and line.position >= block.first_target:
            spans.append([at, at + line.characters])
        at += line.characters
    text = escape(header) + b"".join(line.escaped for line in lines)
    rest = f'", "loss_spans": {spans}, "conversation": {conversation.id}, "first_position": {block.start}}}\n'
    return Row(b'{"text": "' + text + rest.encode(), len(spans))


def _windows(db: Database, split: Split) -> Iterator[tuple[bytes, deque[bytes], bytes]]:
    """Yield each window as its header, its context and its target, escaped."""
    for conversation in _conversations(db, split):
        context: deque[bytes] = deque(maxlen=WINDOW_SIZE - 1)
        days: deque[str] = deque(maxlen=WINDOW_SIZE)
        rendered_day, header = "", b""
        for line in _lines(db, conversation, split):
            days.append(line.day)
            if line.is_target:
                if days[0] != rendered_day:
                    rendered_day = days[0]
                    header = escape(complete_header(conversation.header, rendered_day) + "\n")
                yield header, context, line.escaped
            context.append(line.escaped)


def _conversations(db: Database, split: Split) -> Iterator[_Conversation]:
    # a cursor of its own: nothing is written while rows are read
    for id, header in db.conn.execute("SELECT conversation_id, header FROM training_conversations ORDER BY 1"):
        first, last = db.conn.execute(
            "SELECT min(position), max(position) FROM training_messages WHERE conversation_id = ? AND split = ?",
            (id, split),
        ).fetchone()
        if first is not None:
            yield _Conversation(id, header, Span(first, last))


def _first_line(conversation: _Conversation) -> int:
    return max(0, conversation.targets.first - WINDOW_SIZE + 1)


def _lines(db: Database, conversation: _Conversation, split: Split) -> Iterator[_Line]:
    """Yield a split's lines, and the context before its first target."""
    rows = db.conn.execute(
        "SELECT position, day, line, split FROM training_messages"
        " WHERE conversation_id = ? AND position BETWEEN ? AND ? ORDER BY position",
        (conversation.id, _first_line(conversation), conversation.targets.last),
    )
    for position, day, line, line_split in rows:
        yield _Line(position, day, escape(line + "\n"), len(line) + 1, line_split == split)


def escape(text: str) -> bytes:
    """Return a text as it stands within a JSON string."""
    return encode_basestring(text)[1:-1].encode()
