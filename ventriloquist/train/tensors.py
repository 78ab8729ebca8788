"""Rows as tensors: token ids, labels at the targets, and positions that restart with each piece."""

from __future__ import annotations

import numpy as np
import torch

from ventriloquist.model.corpus import Corpus
from ventriloquist.train.rows import IGNORED, PackedRow, labelled
from ventriloquist.train.settings import TrainSettings
from ventriloquist.windows import Split

Tensors = dict[str, torch.Tensor]
FILLED = 32  # tokens: oneDNN compiles a product in bfloat16 anew for every length of a row, and keeps each


class Rows(torch.utils.data.Dataset[Tensors]):
    """The rows of a run as tensors, each (1, length). Rows without loss fill them up to a multiple of `multiple`.

    Processes that train together need equally many rows, and no message may be trained on twice.
    """

    def __init__(self, corpus: Corpus, rows: list[PackedRow], settings: TrainSettings, multiple: int = 1) -> None:
        self.corpus, self.rows, self.settings = corpus, rows, settings
        self.content_only = settings.supervise == "content"
        self.length = -(-len(rows) // multiple) * multiple

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Tensors:
        if index < len(self.rows):
            return filled(row_tensors(self.corpus, self.rows[index], content_only=self.content_only), self.settings)
        filler = row_tensors(self.corpus, self.rows[-1][:1])
        filler["labels"].fill_(IGNORED)
        return filled(filler, self.settings)


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


def filled(row: Tensors, settings: TrainSettings) -> Tensors:
    """Fill a row of a CPU that trains in bfloat16 up to a multiple of FILLED tokens, but not beyond `max_length`.

    The filling carries no loss, and no token before it sees it. So loss and gradient stay the same. Other rows are
    returned as they are.
    """
    length = row["input_ids"].shape[1]
    missing = min(-length % FILLED, settings.max_length - length) if settings.bfloat16 else 0
    if missing <= 0:
        return row
    last = int(row["position_ids"][0, -1])
    filling = {
        "input_ids": torch.zeros(missing, dtype=torch.long),
        "labels": torch.full((missing,), IGNORED),
        "position_ids": torch.arange(last + 1, last + 1 + missing),  # goes on: no piece of its own
    }
    return {name: torch.cat([tensor, filling[name][None]], dim=1) for name, tensor in row.items()}
