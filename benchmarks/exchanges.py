"""Measure whether earlier exchanges of a conversation help to predict its next message.

    python benchmarks/exchanges.py --home HOME [--run RUN] [--messages 60] [--context 7] [--pairs 3]

Before each held-out message, the newest run in HOME reads one of four contexts:

- plain: the last lines, as in training;
- retrieved: the same lines, after earlier exchanges that SQLite's FTS5 ranks first by bm25 for the words of the last
  three messages. An exchange is a message and the next one, both of the training split;
- random: the same lines, after as many exchanges drawn at random from the same conversation;
- longer: more of the last lines, as many tokens as `retrieved` has.

Exchanges are ordinary lines. The first line of each, and the first of the last lines, has the delta `1d+`. The script
prints bits per character of the contents and the differences, with 95 % intervals for these conversations.

`training_search.validation_home` makes a home whose held-out messages are those of the validation split.
"""

from __future__ import annotations

import argparse
import random
import re
import sqlite3
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ventriloquist.evaluate.heldout import Target, draw_targets, held_out_rows
from ventriloquist.evaluate.metrics.names import NATS_A_BIT
from ventriloquist.evaluate.statistics import bootstrap
from ventriloquist.evaluate.tally import share, tally
from ventriloquist.layout import RUNS, TOKENS
from ventriloquist.model.adapter import find_run, load_adapter
from ventriloquist.model.corpus import load_corpus
from ventriloquist.model.manifest import first_unseen
from ventriloquist.model.score import score_contents
from ventriloquist.model.tokens import encode
from ventriloquist.store import corpus as stored
from ventriloquist.store import open_database
from ventriloquist.store.corpus import StoredLine
from ventriloquist.transcript import parse_line, render_line, render_window

ARMS = ("plain", "retrieved", "random", "longer")
DIFFERENCES = (("retrieved", "plain"), ("retrieved", "random"), ("retrieved", "longer"), ("longer", "plain"))
GAP = 20  # lines between the last exchange and the context, at least
ROOM = 60  # lines before that, at least
COMMON = frozenset(
    re.findall(r"\w+", "the and you that for was have are with this but not your what just like its they she can")
)


def words(lines: Sequence[StoredLine]) -> list[str]:
    """Return the words that are searched for, each once."""
    found = (word for line in lines for word in re.findall(r"\w+", parse_line(line.line).content.lower()))
    return list(dict.fromkeys(word for word in found if len(word) > 2 and word not in COMMON))


def apart(positions: Sequence[int], count: int) -> list[int]:
    """Return the first positions that do not share a line, in order of time."""
    kept: list[int] = []
    for position in positions:
        if len(kept) < count and all(abs(position - other) > 1 for other in kept):
            kept.append(position)
    return sorted(kept)


class Memory:
    """The lines of a conversation, and an index of their words."""

    def __init__(self, lines: Sequence[StoredLine]) -> None:
        self.lines = lines
        self._index = sqlite3.connect(":memory:")
        self._index.execute("CREATE VIRTUAL TABLE contents USING fts5(content)")
        self._index.executemany(
            "INSERT INTO contents (rowid, content) VALUES (?, ?)",
            ((line.position, parse_line(line.line).content) for line in lines),
        )

    def search(self, query: Sequence[str], before: int) -> list[int]:
        """Return the positions of the twenty best lines before a position."""
        if not query:
            return []
        found = self._index.execute(
            "SELECT rowid FROM contents WHERE contents MATCH ? AND rowid < ? ORDER BY bm25(contents) LIMIT 20",
            (" OR ".join(f'"{word}"' for word in query), before),
        )
        return [position for (position,) in found]

    def shown(self, exchanges: Sequence[int], start: int, stop: int) -> list[str]:
        """Render exchanges, and the last lines after them."""
        found = [(position, position + 2) for position in exchanges] + [(start, stop)]
        rendered = []
        for first, end in found if exchanges else ():
            rendered.append(render_line(parse_line(self.lines[first].line)._replace(delta="1d+")))
            rendered += [line.line for line in self.lines[first + 1 : end]]
        return rendered or [line.line for line in self.lines[start:stop]]


def contexts(memory: Memory, target: Target, context: int, pairs: int, tokens: NDArray[np.int64]) -> list[list[str]]:
    """Return the lines of each arm, or nothing if too few exchanges are found.

    Args:
        tokens: (lines,) of the conversation.
    """
    stop, start = target.position, target.position - context
    last = max(line.position for line in memory.lines[: start - GAP] if line.split in ("train", None))
    exchanges = apart(memory.search(words(memory.lines[stop - 3 : stop]), last), pairs)
    if len(exchanges) < pairs:
        return []
    drawn = apart(random.Random(f"{target.id}").sample(range(last), min(last, 10 * pairs)), pairs)
    first = start
    room = sum(int(tokens[position : position + 2].sum()) for position in exchanges)
    while first > 0 and tokens[first:start].sum() < room:
        first -= 1
    spans = (([], start), (exchanges, start), (drawn, start), ([], first))
    return [memory.shown(chosen, begin, stop) for chosen, begin in spans]


class Reading(NamedTuple):
    """A message that was read after each of the contexts."""

    target: Target
    nats: list[float]  # of its content, (arms,)
    lengths: list[int]  # tokens of the contexts, (arms,)


def report(readings: Sequence[Reading]) -> None:
    """Print bits per character of each arm, and the differences."""
    print(f"{len(readings)} messages; bits per character of the content")

    def figures(bits: Callable[[Reading], float]) -> str:
        sums = tally((one.target.cluster, (bits(one), len(one.target.line.content))) for one in readings)
        low, high = bootstrap(sums, share, seed=0)
        value = sum(map(bits, readings)) / sum(len(one.target.line.content) for one in readings)
        return f"{value:.4f} ({low:.4f} – {high:.4f})"

    for index, arm in enumerate(ARMS):
        tokens = np.mean([one.lengths[index] for one in readings])
        print(f"{arm:22} {figures(lambda one, at=index: one.nats[at] / NATS_A_BIT)}, {tokens:.0f} tokens")
    for first, second in DIFFERENCES:
        at, other = ARMS.index(first), ARMS.index(second)
        change = figures(lambda one, at=at, other=other: (one.nats[at] - one.nats[other]) / NATS_A_BIT)
        print(f"{first + ' - ' + second:22} {change}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--run")
    parser.add_argument("--messages", type=int, default=60)
    parser.add_argument("--context", type=int, default=7, help="lines before a message")
    parser.add_argument("--pairs", type=int, default=3, help="exchanges")
    parser.add_argument("--bfloat16", action="store_true", help="read with weights of 16 bits: faster on some CPUs")
    arguments = parser.parse_args()
    with open_database(arguments.home) as db:
        adapter = load_adapter(find_run(arguments.home / RUNS, arguments.run)).merged()
        if arguments.bfloat16:
            adapter.model.to(torch.bfloat16)
        corpus = load_corpus(db, adapter.tokenizer, arguments.home / TOKENS)
        rows = held_out_rows(db, corpus, adapter.manifest, first_unseen(db, adapter.manifest))
        far = arguments.context + GAP + ROOM
        possible = [target for row in rows for target in row.targets if target.position >= far]
        memories: dict[int, Memory] = {}
        readings: list[Reading] = []
        for target in draw_targets(possible, arguments.messages, seed=0):
            conversation = target.conversation
            if conversation.id not in memories:
                memories[conversation.id] = Memory(list(stored.lines(db, conversation.id)))
            tokens = corpus.lengths(conversation)
            arms = contexts(memories[conversation.id], target, arguments.context, arguments.pairs, tokens)
            if arms:
                header = corpus.header(conversation, target.position).removesuffix("\n")
                windows = [render_window(header, lines) for lines in arms]
                nats = [next(score_contents(adapter.model, adapter.tokenizer, text, [target.line])) for text in windows]
                readings.append(Reading(target, nats, [len(encode(adapter.tokenizer, text)) for text in windows]))
                print(f"{len(readings)} messages read", file=sys.stderr, flush=True)
    report(readings)


if __name__ == "__main__":
    main()
