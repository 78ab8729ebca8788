"""Name swaps: some targets of a row are read again, without context, under their writer's name and under others.

The loss is low if a message tells who wrote it. The branches of `model/score.py` do the same for scoring. Targets that
are read again need no rows of their own: all follow one header. Each sees the header and itself, and has the positions
of the line after that header.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from ventriloquist.model.corpus import Corpus
from ventriloquist.model.score import common_prefix, line_parts
from ventriloquist.model.tokens import encode
from ventriloquist.train.loss import target_loss
from ventriloquist.train.rows import IGNORED, PackedRow
from ventriloquist.train.settings import LONGEST_SWAP_HEADER, TrainSettings
from ventriloquist.transcript import UNKNOWN, Header, Line, parse_line, render_header

AT, TOKENS, SLOTS = "name_at", "name_tokens", "name_slots"
MOST_WRITERS = 4  # of the targets of a row that are read again; with more, their header would be long


class Reading(NamedTuple):
    """A target under one name."""

    slot: int  # each target has 1 + `name_negatives` of them, its writer's first
    ids: list[int]  # of its line
    content: int  # the first of them that reaches into the content


class NameSwap:
    """Reads targets of a corpus again under other people's names."""

    def __init__(self, corpus: Corpus, settings: TrainSettings) -> None:
        self._corpus, self._settings = corpus, settings
        self._written = {name: count for name, count in corpus.written().items() if count and name != UNKNOWN}

    def add(self, pieces: PackedRow, row: dict[str, torch.Tensor], key: str) -> dict[str, torch.Tensor]:
        """Return a row with some of its targets read again under several names.

        The row's own tokens, labels and positions stay as they are, at its beginning. The header of a group follows,
        with the names in random order, then the targets under each name.

        Args:
            row: from `row_tensors`, for these pieces.
            key: draws targets and names: the same ones for the same key.

        Returns:
            The tensors of the row, an attention mask (1, 1, length, length), and three tensors (scored,) about the
            tokens of contents: the place whose logits predict each, the token, and the slot of its reading. The row as
            it is, if nothing is read again.
        """
        generator = random.Random(key)  # noqa: S311  # not for secrets
        lines = [line for line in self._known(pieces) if generator.random() < self._settings.name_share]
        generator.shuffle(lines)  # the last ones may find no room
        writers = list(dict.fromkeys(line.name for line in lines))[:MOST_WRITERS]
        members = writers + self._others(writers, generator)
        if not writers or len(members) < 2:
            return row
        generator.shuffle(members)
        day = str(self._corpus.days[pieces[0].conversation.first + pieces[0].block.start])
        text = render_header(Header("group", tuple(members), day)) + "\n"
        header = encode(self._corpus.tokenizer, text, start=True)
        readings = list(self._readings(lines, members, generator)) if len(header) <= LONGEST_SWAP_HEADER else []
        return _joined(row, header, readings) if readings else row

    def _known(self, pieces: PackedRow) -> Iterator[Line]:
        """Yield the targets of a row whose writers are known."""
        for piece in pieces:
            for position, _, _ in self._corpus.row(piece.conversation, piece.block, "train").targets:
                line = parse_line(self._corpus.line(piece.conversation, position).removesuffix("\n"))
                if line.name != UNKNOWN:
                    yield line

    def _others(self, without: Sequence[str], generator: random.Random) -> list[str]:
        """Draw the writers of random messages: people who write much are drawn more often."""
        counts = {name: count for name, count in self._written.items() if name not in without}
        if not counts:
            return []
        most = self._settings.name_negatives
        drawn = generator.choices(list(counts), list(counts.values()), k=4 * most)
        return list(dict.fromkeys(drawn))[:most]

    def _readings(self, lines: Sequence[Line], members: Sequence[str], generator: random.Random) -> Iterator[Reading]:
        """Yield each line by a member under its own name, then under others, while there is room."""
        slot, room = 0, self._settings.max_length
        for line in lines:
            if line.name not in members:
                continue
            others = [name for name in members if name != line.name]
            names = [line.name, *generator.sample(others, min(self._settings.name_negatives, len(others)))]
            parts = [line_parts(self._corpus.tokenizer, line._replace(name=name)) for name in names]
            length = sum(len(ids) for ids, _, _ in parts)
            if length <= room:
                room -= length
                for number, (ids, _, in_content) in enumerate(parts):
                    yield Reading(slot + number, ids, int(in_content.argmax()))
                slot += 1 + self._settings.name_negatives


def _joined(row: dict[str, torch.Tensor], header: list[int], readings: Sequence[Reading]) -> dict[str, torch.Tensor]:
    """Append a header and the readings after it to a row."""
    # what all readings begin with: it ends within the name at the latest
    shared = min(common_prefix(readings[0].ids, reading.ids) for reading in readings)
    stem = header + readings[0].ids[:shared]
    branches = [reading.ids[shared:-1] for reading in readings]  # a line's last token is only predicted
    length = row["input_ids"].shape[1]
    ends = np.cumsum([length, len(stem), *map(len, branches)]).tolist()
    fork, stop = ends[1], ends[-1]
    positions = torch.cat(
        [row["position_ids"][0], torch.arange(len(stem)), *(torch.arange(len(ids)) + len(stem) for ids in branches)]
    )
    piece = (positions == 0).cumsum(0)  # each begins at zero; the branches belong to the stem's
    allowed = (piece[:, None] == piece).tril_()
    for begin, end in pairwise(ends[1:]):
        allowed[begin:end, fork:begin] = False
    places = [
        (begin + index - 1 - shared, reading.ids[index], reading.slot)
        for reading, begin in zip(readings, ends[1:], strict=False)
        for index in range(reading.content, len(reading.ids))
    ]
    at, tokens, slots = torch.tensor(places).T
    return {
        "input_ids": torch.cat([row["input_ids"][0], torch.tensor(stem), *map(torch.tensor, branches)])[None],
        "labels": functional.pad(row["labels"], (0, stop - length), value=IGNORED),
        "position_ids": positions[None],
        "attention_mask": allowed[None, None],
        AT: at,
        TOKENS: tokens,
        SLOTS: slots,
    }


def contrasted_loss(model: Any, row: Mapping[str, torch.Tensor], settings: TrainSettings) -> torch.Tensor:
    """Return the loss of a row, and of the targets that it reads again: −log P(name | content), in nats.

    All names are equally likely before the content is read, so P(name | content) is a softmax over the
    log-probabilities of the content under each of them. It is multiplied by `name_contrast` and added to the sum.
    """
    if SLOTS not in row:
        return target_loss(model, row)
    labels = row["labels"][0]
    labelled = (labels != IGNORED).nonzero()[:, 0]
    places, index = torch.unique(torch.cat([labelled - 1, row[AT]]), return_inverse=True)
    dtype = next(parameter.dtype for parameter in model.parameters() if parameter.is_floating_point())
    logits = model(
        input_ids=row["input_ids"],
        position_ids=row["position_ids"],
        attention_mask=_added(row["attention_mask"], dtype),
        logits_to_keep=places,
        use_cache=False,
    ).logits.squeeze(0)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    expected = torch.cat([labels[labelled], row[TOKENS]])
    nats: torch.Tensor = -logits.log_softmax(-1)[index, expected]
    names = name_nats(nats[len(labelled) :], row[SLOTS], 1 + settings.name_negatives)
    return nats[: len(labelled)].sum() + settings.name_contrast * names


def _added(allowed: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return a mask that is added to attention's scores, as every attention takes it; a boolean one suits some only."""
    return torch.zeros_like(allowed, dtype=dtype).masked_fill(~allowed, torch.finfo(dtype).min)


def name_nats(nats: torch.Tensor, slots: torch.Tensor, names: int) -> torch.Tensor:
    """Return the sum of −log P(true name | content) over targets.

    Args:
        nats: of each token of a content, (scored,).
        slots: the reading of each, (scored,); of each target `names` slots, the true name's first. Some may be empty.
    """
    targets = -(-(int(slots.max()) + 1) // names)
    scores = nats.new_zeros(targets * names).index_add(0, slots, -nats)
    empty = torch.bincount(slots, minlength=targets * names) == 0
    return -scores.masked_fill(empty, -torch.inf).view(targets, names).log_softmax(-1)[:, 0].sum()
