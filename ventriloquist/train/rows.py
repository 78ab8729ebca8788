"""Which rows a run trains on: blocks of every conversation, cut anew each epoch, packed to the row length."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ventriloquist.model.corpus import Conversation, Corpus
from ventriloquist.train.settings import TrainSettings
from ventriloquist.windows import Block


class Piece(NamedTuple):
    """One block of one conversation, and what it costs."""

    conversation: Conversation
    block: Block
    tokens: int  # header included
    targets: int


PackedRow = list[Piece]  # pieces of one row; they do not see each other


@dataclass(frozen=True, slots=True)
class Schedule:
    """Every row of a run, in the order in which it is trained on."""

    rows: list[PackedRow]
    first_epoch: list[PackedRow]
    dropped: int  # targets that alone are longer than a row, in the first epoch


def schedule(corpus: Corpus, settings: TrainSettings) -> Schedule:
    """Plan a run: seeded offsets and order each epoch, every training target once an epoch."""
    rows: list[PackedRow] = []
    first_epoch: list[PackedRow] = []
    wanted = (settings.max_steps or 0) * settings.rows_per_step
    for epoch in range(settings.epochs):
        generator = random.Random(f"{settings.seed} {epoch}")  # noqa: S311  # not for secrets
        pieces = list(epoch_pieces(corpus, settings, generator))
        generator.shuffle(pieces)
        rows += pack(pieces, settings.max_length)
        first_epoch = first_epoch or list(rows)
        if wanted and len(rows) >= wanted:
            break
    dropped = count_targets(corpus) - sum(piece.targets for row in first_epoch for piece in row)
    return Schedule(rows[: wanted or None], first_epoch, dropped)


def count_targets(corpus: Corpus) -> int:
    """Return how many messages are training targets."""
    return int(np.count_nonzero(corpus.splits == 0))


def epoch_pieces(corpus: Corpus, settings: TrainSettings, generator: random.Random) -> Iterator[Piece]:
    """Cut all conversations into blocks, each from an offset of its own."""
    for conversation in corpus.conversations:
        offset = generator.randrange(settings.targets_per_window)
        for block in corpus.blocks(
            conversation,
            "train",
            context=settings.context,
            size=settings.targets_per_window,
            max_length=settings.max_length,
            offset=offset,
        ):
            first, stop = conversation.first + block.start, conversation.first + block.stop
            tokens = int(corpus.offsets[stop] - corpus.offsets[first])
            tokens += len(corpus.header_tokens(conversation, block.start))
            targets = int(np.count_nonzero(corpus.splits[conversation.first + block.first_target : stop] == 0))
            if targets:
                yield Piece(conversation, block, tokens, targets)


def pack(pieces: list[Piece], max_length: int, open_rows: int = 16) -> Iterator[PackedRow]:
    """Pack pieces into rows of at most `max_length` tokens: first fit among the rows that are still open."""
    waiting: list[tuple[int, PackedRow]] = []
    for piece in pieces:
        for index, (used, row) in enumerate(waiting):
            if used + piece.tokens <= max_length:
                row.append(piece)
                waiting[index] = (used + piece.tokens, row)
                break
        else:
            if len(waiting) == open_rows:
                fullest = max(range(open_rows), key=lambda index: waiting[index][0])
                yield waiting.pop(fullest)[1]
            waiting.append((piece.tokens, [piece]))
    yield from (row for _, row in waiting)
