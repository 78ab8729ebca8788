"""The rows of exported files, as bytes. Each line is escaped once, then rows only join it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, pairwise
from json.encoder import encode_basestring
from typing import Literal, NamedTuple

from ventriloquist.store import Connection
from ventriloquist.store.corpus import windows
from ventriloquist.windows import Split

Format = Literal["blocks", "prompt-completion", "windows"]


class ExportRow(NamedTuple):
    """A row of a file, and how many of its lines are targets."""

    data: bytes
    targets: int


def window_rows(db: Connection, split: Split) -> Iterator[ExportRow]:
    """Yield `{"text": …}` for every window of a split."""
    for window in windows(db, split, escape):
        yield ExportRow(b'{"text": "' + window.header + b"".join(window.lines) + b'"}\n', 1)


def prompt_completion_rows(db: Connection, split: Split) -> Iterator[ExportRow]:
    """Yield `{"prompt": …, "completion": …}` for every window of a split; the completion is the target's line."""
    for window in windows(db, split, escape):
        *context, target = window.lines
        prompt = window.header + b"".join(context)
        yield ExportRow(b'{"prompt": "' + prompt + b'", "completion": "' + target + b'"}\n', 1)


def block_rows(db: Connection, split: Split, *, targets_per_window: int) -> Iterator[ExportRow]:
    """Yield a row for every block: its text, and the spans of the targets in it.

    `loss_spans` are [start, end) in characters (Unicode code points) of `text`, one for each target's line, newline
    included.
    """
    for window in windows(db, split, _measured, targets=targets_per_window):
        escaped, characters = zip(window.header, *window.lines, strict=True)
        begins = list(accumulate(characters))[window.first_target - window.start :]  # where each target begins
        spans = [list(span) for span, is_target in zip(pairwise(begins), window.is_target, strict=True) if is_target]
        id, start = window.conversation.id, window.start
        rest = f'", "loss_spans": {spans}, "conversation": {id}, "first_position": {start}}}\n'
        yield ExportRow(b'{"text": "' + b"".join(escaped) + rest.encode(), len(spans))


def escape(text: str) -> bytes:
    """Escape a text for a JSON string."""
    return encode_basestring(text)[1:-1].encode()


def _measured(text: str) -> tuple[bytes, int]:
    return escape(text), len(text)
