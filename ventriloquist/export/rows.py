"""Rows of the exported files, as bytes: every line is escaped once and then only joined."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, pairwise
from json.encoder import encode_basestring
from typing import Literal, NamedTuple

from ventriloquist.store import Connection
from ventriloquist.store.corpus import windows
from ventriloquist.windows import Split

Format = Literal["blocks", "prompt-completion", "windows"]


class Row(NamedTuple):
    """One line of a file, and how many targets carry loss in it."""

    data: bytes
    targets: int


def window_rows(db: Connection, split: Split) -> Iterator[Row]:
    """Yield `{"text": …}` for every window of a split."""
    for window in windows(db, split, escape):
        yield Row(b'{"text": "' + window.header + b"".join(window.lines) + b'"}\n', 1)


def prompt_completion_rows(db: Connection, split: Split) -> Iterator[Row]:
    """Yield `{"prompt": …, "completion": …}` for every window of a split: the completion is the target line."""
    for window in windows(db, split, escape):
        *context, target = window.lines
        prompt = window.header + b"".join(context)
        yield Row(b'{"prompt": "' + prompt + b'", "completion": "' + target + b'"}\n', 1)


def block_rows(db: Connection, split: Split, *, targets_per_window: int) -> Iterator[Row]:
    """Yield a row a block: its text, and where in it the targets stand.

    `loss_spans` are [start, end) in characters (Unicode code points) of `text`, one for each target line, its newline
    included.
    """
    for window in windows(db, split, _measured, targets=targets_per_window):
        escaped, characters = zip(window.header, *window.lines, strict=True)
        begins = list(accumulate(characters))[window.first_target - window.start :]  # where each target begins
        spans = [list(span) for span, is_target in zip(pairwise(begins), window.is_target, strict=True) if is_target]
        id, start = window.conversation.id, window.start
        rest = f'", "loss_spans": {spans}, "conversation": {id}, "first_position": {start}}}\n'
        yield Row(b'{"text": "' + b"".join(escaped) + rest.encode(), len(spans))


def escape(text: str) -> bytes:
    """Return a text as it stands within a JSON string."""
    return encode_basestring(text)[1:-1].encode()


def _measured(text: str) -> tuple[bytes, int]:
    return escape(text), len(text)
