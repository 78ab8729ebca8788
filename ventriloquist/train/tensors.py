"""Rows as tensors: token ids, labels at the targets, and positions that restart with each piece."""

from __future__ import annotations

import numpy as np
import torch

from ventriloquist.model.corpus import Corpus
from ventriloquist.train.rows import IGNORED, PackedRow, labelled
from ventriloquist.train.settings import TrainSettings
from ventriloquist.windows import Split

Tensors = dict[str, torch.Tensor]


class Rows(torch.utils.data.Dataset[Tensors]):
    """The rows of a run as tensors, each (1, length). Rows without loss fill them up to a multiple of `multiple`.

    Processes that train together need equally many rows, and no message may be trained on twice.
    """

    def __init__(self, corpus: Corpus, rows: list[PackedRow], settings: TrainSettings, multiple: int = 1) -> None:
        self.corpus, self.rows, self.content_only = corpus, rows, settings.supervise == "content"
        self.length = -(-len(rows) // multiple) * multiple

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Tensors:
        if index < len(self.rows):
            return row_tensors(self.corpus, self.rows[index], content_only=self.content_only)
        filler = row_tensors(self.corpus, self.rows[-1][:1])
        filler["labels"].fill_(IGNORED)
        return filler


def row_tensors(corpus: Corpus, pieces: PackedRow, *, split: Split = "train", content_only: bool = False) -> Tensors:
    """Assemble a packed row: input_ids, labels and position_ids, each (1, length). See `rows.labelled`."""
    ids, labels = zip(
        *(labelled(corpus, piece, split=split, content_only=content_only) for piece in pieces), strict=True
    )
    positions = [np.arange(len(tokens)) for tokens in ids]
    return {
        "input_ids": torch.from_numpy(np.concatenate(ids))[None],
        "labels": torch.from_numpy(np.concatenate(labels))[None],
        "position_ids": torch.from_numpy(np.concatenate(positions))[None],
    }
