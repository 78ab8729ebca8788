"""Validation during a run: bits per character of messages of the validation split, never of the test split."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from ventriloquist.model.corpus import Corpus
from ventriloquist.train.rows import PackedRow, make_piece, pack
from ventriloquist.train.settings import TrainSettings
from ventriloquist.transcript import parse_line


class Validation:
    """Messages of the validation split, drawn once with the seed, packed into rows like those of training."""

    def __init__(self, corpus: Corpus, settings: TrainSettings) -> None:
        pieces = [
            make_piece(corpus, conversation, block, "validation")
            for conversation in corpus.conversations
            for block in corpus.blocks(
                conversation,
                "validation",
                # training without context (every line is a target) still validates with some
                context=settings.context or settings.window // 2,
                size=settings.targets_per_window,
                max_length=settings.max_length,
            )
        ]
        random.Random(settings.seed).shuffle(pieces)  # noqa: S311  # not for secrets
        drawn: PackedRow = []
        for piece in pieces:
            if sum(other.targets for other in drawn) >= settings.validation_messages:
                break
            if piece.targets:
                drawn.append(piece)
        self.rows = list(pack(drawn, settings.max_length))
        self.characters = sum(_characters(corpus, row) for row in self.rows)

    def bits_per_character(self, nats: Callable[[PackedRow], float]) -> float | None:
        """Return the mean bits per character of content, or None if nothing is held out.

        They are NaN or infinite if a step has spoilt the weights.

        Args:
            nats: returns the summed loss of the contents of a row's targets, those of the validation split.
        """
        if not self.characters:
            return None
        return sum(map(nats, self.rows)) / math.log(2) / self.characters


def _characters(corpus: Corpus, row: PackedRow) -> int:
    """Count the characters of the targets' contents."""
    lines = (
        corpus.line(piece.conversation, position)
        for piece in row
        for position, _, _ in corpus.row(piece.conversation, piece.block, "validation").targets
    )
    return sum(len(parse_line(line.removesuffix("\n")).content) for line in lines)
