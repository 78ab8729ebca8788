"""Rows as tensors: token ids, labels at the targets, and positions that restart with each piece."""

from __future__ import annotations

import numpy as np
import torch

from ventriloquist.model.corpus import Corpus
from ventriloquist.train.name_swap import NameSwap
from ventriloquist.train.rows import IGNORED, PackedRow, labelled
from ventriloquist.train.settings import TrainSettings
from ventriloquist.windows import Split

Tensors = dict[str, torch.Tensor]


class Rows(torch.utils.data.Dataset[Tensors]):
    """The rows of a run as tensors, each (1, length). Rows without loss fill them up to a multiple of `multiple`.

    Processes that train together need equally many rows, and no message may be trained on twice.
    """

    def __init__(self, corpus: Corpus, rows: list[PackedRow], settings: TrainSettings, multiple: int = 1) -> None:
        self.corpus, self.rows, self.settings = corpus, rows, settings
        self.swap = NameSwap(corpus, settings) if settings.name_contrast else None
        self.length = -(-len(rows) // multiple) * multiple

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Tensors:
        if index < len(self.rows):
            return self.trained(self.rows[index], index)
        filler = row_tensors(self.corpus, self.rows[-1][:1])
        filler["labels"].fill_(IGNORED)
        return filler

    def trained(self, pieces: PackedRow, index: int) -> Tensors:
        """Return a row as it is trained on; its index draws what is read again."""
        row = row_tensors(self.corpus, pieces, content_only=self.settings.supervise == "content")
        return row if self.swap is None else self.swap.add(pieces, row, key=f"{self.settings.seed} names {index}")


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
