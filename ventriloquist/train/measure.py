"""The time of a training step on this machine, measured on a few rows before any weights are fetched.

A model of the same shape with random weights takes as long as the real one.
"""

from __future__ import annotations

import time
from typing import Any

from ventriloquist.model.base import multiply_fast
from ventriloquist.model.corpus import Corpus
from ventriloquist.train.backends import add_lora, row_loss
from ventriloquist.train.estimate import row_tokens
from ventriloquist.train.rows import Schedule
from ventriloquist.train.settings import TrainSettings
from ventriloquist.train.tensors import row_tensors

MEASURED_ROWS = 3
ENOUGH_SECONDS = 30.0


def seconds_per_token(corpus: Corpus, settings: TrainSettings, rows: Schedule, config: Any, device: str) -> float:
    """Return the seconds that forward and backward take for a token of a row. The first row is a warm-up."""
    import torch
    from transformers import AutoModelForCausalLM

    if device == "cpu":
        multiply_fast()
    with torch.random.fork_rng():
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32 if device == "cpu" else torch.bfloat16)
        model = add_lora(model.to(device), settings).train()
    if settings.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    loss = row_loss(settings)
    middle = sorted(rows.first_epoch, key=row_tokens)[len(rows.first_epoch) // 2 :][:MEASURED_ROWS]
    best = float("inf")
    started = time.monotonic()
    for row in (middle[0], *middle):
        tensors = {name: tensor.to(device) for name, tensor in row_tensors(corpus, row).items()}
        before = time.monotonic()
        torch.autograd.backward(loss(model, tensors))
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, (time.monotonic() - before) / row_tokens(row))
        if time.monotonic() - started > ENOUGH_SECONDS:
            break
    return best
