"""The summed loss of a row's labelled tokens, for each back end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.nn import functional

from ventriloquist.train.rows import IGNORED

Loss = Callable[[Any, Mapping[str, torch.Tensor]], torch.Tensor]  # (model, row) → nats, summed


def target_loss(model: Any, row: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the summed cross-entropy of a row's labelled tokens, in nats. The head runs only at these tokens."""
    labels = row["labels"][0]
    labelled = (labels != IGNORED).nonzero()[:, 0]
    logits = model(
        input_ids=row["input_ids"],
        position_ids=row["position_ids"],
        logits_to_keep=labelled - 1,  # the logits before a token predict it
        use_cache=False,
    ).logits.squeeze(0)  # [0] would make a matrix of zeros for its gradient
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return functional.cross_entropy(logits, labels[labelled], reduction="sum")


def held_out_nats(model: Any, loss: Loss, row: Mapping[str, torch.Tensor], device: torch.device | str) -> float:
    """Return the summed loss of a row's labelled tokens, computed for validation: without a gradient."""
    was_training = model.training
    model.eval()
    with torch.no_grad():
        nats = float(loss(model, {name: tensor.to(device) for name, tensor in row.items()}))
    model.train(was_training)
    return nats


def unsloth_loss(model: Any, row: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the same sum from an Unsloth model, which ignores `logits_to_keep` and computes its loss in chunks.

    Its attention takes the pieces of a packed row from `packed_seq_lengths`, not from the positions.
    """
    starts = (row["position_ids"][0] == 0).nonzero()[:, 0]
    ends = torch.cat([starts[1:], starts.new_tensor([row["position_ids"].shape[1]])])
    loss: torch.Tensor = model(
        input_ids=row["input_ids"],
        position_ids=row["position_ids"],
        packed_seq_lengths=(ends - starts).to(torch.int32),
        labels=row["labels"],
        num_items_in_batch=1,  # the sum, not the mean
        use_cache=False,
    ).loss
    return loss
