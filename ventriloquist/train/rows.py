"""The rows of a run: blocks of every conversation, cut at new offsets each epoch, packed to the row length."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ventriloquist.model.corpus import Corpus
from ventriloquist.store.corpus import StoredConversation
from ventriloquist.train.ranks import world_size
from ventriloquist.train.settings import TrainSettings
from ventriloquist.windows import SPLITS, Block, Split

TRAIN = SPLITS.index("train")
IGNORED = -100  # a label that carries no loss


class Piece(NamedTuple):
    """One block of one conversation, with its counts."""

    conversation: StoredConversation
    block: Block
    tokens: int  # header included
    targets: int
    supervised: int  # tokens of the targets


PackedRow = list[Piece]  # attention does not cross from piece to piece


@dataclass(frozen=True, slots=True)
class DroppedTarget:
    """A message that does not fit into a row, by its place."""

    conversation: int
    position: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """Every row of a run, in the order of training."""

    rows: list[PackedRow]
    first_epoch: list[PackedRow]
    dropped: list[DroppedTarget]  # targets longer than a row even without context: never trained on
    shortened: int  # targets of the first epoch with less context than planned, to fit into a row


def schedule(corpus: Corpus, settings: TrainSettings) -> Schedule:
    """Return the rows of a run: every target once an epoch, with seeded offsets and order."""
    rows: list[PackedRow] = []
    first_epoch: list[PackedRow] = []
    first_pieces: list[Piece] = []
    wanted = (settings.max_steps or 0) * rows_per_step(settings)
    for epoch in range(settings.epochs):
        generator = random.Random(f"{settings.seed} {epoch}")  # noqa: S311  # not for secrets
        pieces = list(epoch_pieces(corpus, settings, generator))
        order(pieces, corpus, settings.evenness, generator)
        rows += pack(pieces, settings.max_length)
        first_epoch = first_epoch or list(rows)
        first_pieces = first_pieces or pieces
        if wanted and len(rows) >= wanted:
            break
    shortened = sum(
        piece.targets
        for piece in first_pieces
        if piece.block.first_target - piece.block.start < min(settings.context, piece.block.first_target)
    )
    return Schedule(rows[: wanted or None], first_epoch, _dropped(corpus, first_pieces), shortened)


def rows_per_process(settings: TrainSettings) -> int:
    """Return how many rows one process takes in an optimizer step."""
    return -(-settings.rows_per_step // world_size())


def rows_per_step(settings: TrainSettings) -> int:
    """Return how many rows all processes take in an optimizer step: as set, rounded up to a multiple of them."""
    return rows_per_process(settings) * world_size()


def make_piece(corpus: Corpus, conversation: StoredConversation, block: Block, split: Split = "train") -> Piece:
    """Return a block with its counts of tokens and of targets of the split."""
    start, first_target, stop = (conversation.first + position for position in block)
    is_target = corpus.splits[first_target:stop] == SPLITS.index(split)
    lengths = np.diff(corpus.offsets[first_target : stop + 1])
    return Piece(
        conversation,
        block,
        tokens=int(corpus.offsets[stop] - corpus.offsets[start]) + len(corpus.header_tokens(conversation, block.start)),
        targets=int(np.count_nonzero(is_target)),
        supervised=int(lengths[is_target].sum()),
    )


def labelled(
    corpus: Corpus, piece: Piece, *, split: Split = "train", content_only: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a piece's token ids and labels, each (length,).

    Args:
        split: its targets are labelled.
        content_only: label only the content of each target and the end of its line, not name and delta.
    """
    row = corpus.row(piece.conversation, piece.block, split)
    tokens = row.tokens.astype(np.int64)
    labels = np.full_like(tokens, IGNORED)
    for position, first, end in row.targets:
        begin = first + corpus.content_start(piece.conversation, position) if content_only else first
        labels[begin:end] = tokens[begin:end]
    return tokens, labels


def epoch_pieces(corpus: Corpus, settings: TrainSettings, generator: random.Random) -> Iterator[Piece]:
    """Cut every conversation into blocks from a random offset."""
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
            piece = make_piece(corpus, conversation, block)
            if piece.targets:
                yield piece


def order(pieces: list[Piece], corpus: Corpus, evenness: float, generator: random.Random) -> None:
    """Shuffle an epoch's pieces, and move people who wrote little towards its start.

    A weighted order without replacement (Efraimidis and Spirakis, 2006): a piece's weight is the mean of
    1 / (its writers' messages) ** evenness. Every piece still comes once; a run with a time limit skips the last ones.
    """
    if not evenness:
        generator.shuffle(pieces)
        return
    targets = corpus.splits == TRAIN
    counts = np.array(list(corpus.written().values()))
    weights = np.where(targets, 1 / np.maximum(counts, 1)[corpus.senders] ** evenness, 0.0)

    def key(piece: Piece) -> float:
        lines = slice(piece.conversation.first + piece.block.first_target, piece.conversation.first + piece.block.stop)
        return float(generator.expovariate(weights[lines].sum() / piece.targets))

    pieces.sort(key=key)


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


def _dropped(corpus: Corpus, pieces: list[Piece]) -> list[DroppedTarget]:
    covered: NDArray[np.bool_] = np.zeros(len(corpus.splits), dtype=bool)
    for piece in pieces:
        first, stop = piece.block.first_target, piece.block.stop
        covered[piece.conversation.first + first : piece.conversation.first + stop] = True
    missing = np.flatnonzero((corpus.splits == TRAIN) & ~covered)
    starts = np.array([conversation.first for conversation in corpus.conversations])
    found = []
    for line in missing.tolist():
        conversation = corpus.conversations[int(np.searchsorted(starts, line, side="right")) - 1]
        tokens = int(corpus.offsets[line + 1] - corpus.offsets[line])
        found.append(DroppedTarget(conversation.id, line - conversation.first, tokens))
    return found
