"""What the measurement of earlier exchanges shows before a message."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from ventriloquist.evaluate.heldout import Target
from ventriloquist.store.corpus import StoredConversation, StoredLine
from ventriloquist.transcript import Line, parse_line, render_line

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from exchanges import GAP, Memory, apart, contexts

TARGET, CONTEXT = 150, 7


def shown(contents: dict[int, str]) -> list[list[Line]]:
    """Return the lines of each arm before message 150 of a conversation, of which 140 are trained on."""
    lines = [
        StoredLine(
            index,
            index,
            "text",
            "2024-01-01",
            render_line(Line("AB"[index % 2], "<1m", contents.get(index, f"n {index}"))),
            "train" if index < 140 else "test",
        )
        for index in range(160)
    ]
    conversation = StoredConversation(1, "dm", ("A", "B"), len(lines), 0)
    target = Target(conversation, TARGET, parse_line(lines[TARGET].line), 10)
    arms = contexts(Memory(lines), target, CONTEXT, 2, np.full(len(lines), 10))
    return [[parse_line(line) for line in arm] for arm in arms]


def test_exchanges_that_share_words_with_the_last_messages_come_first_in_order_of_time() -> None:
    plain, retrieved, drawn, longer = shown({149: "the violin concert", 20: "concert", 60: "that violin concert"})
    assert [line.content for line in retrieved[:4]] == ["concert", "n 21", "that violin concert", "n 61"]
    assert [line.delta for line in retrieved[:5]] == ["1d+", "<1m", "1d+", "<1m", "1d+"]
    assert [line[::2] for line in retrieved[4:]] == [line[::2] for line in plain]
    assert len(plain) == CONTEXT
    assert len(drawn) == len(retrieved) == len(longer) == CONTEXT + 4
    assert longer[4:] == plain


def test_no_exchange_is_held_out_or_near_the_context() -> None:
    near = range(TARGET - CONTEXT - GAP - 1, TARGET + 5)
    words = {149: "the violin concert", **dict.fromkeys(near, "violin concert"), 20: "violin", 60: "concert"}
    _, retrieved, _, _ = shown({**words, 149: "the violin concert"})
    assert [line.content for line in retrieved[:4]] == ["violin", "n 21", "concert", "n 61"]


def test_a_message_without_enough_exchanges_is_left_out() -> None:
    assert shown({149: "the violin concert", 20: "violin"}) == []


def test_exchanges_do_not_share_a_line() -> None:
    assert apart([7, 8, 3, 6, 20], 3) == [3, 7, 20]
