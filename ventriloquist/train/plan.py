"""What a run will do and need, computed before any weights are loaded."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from ventriloquist.errors import ModelError
from ventriloquist.model.base import Base, load_config
from ventriloquist.model.corpus import Corpus
from ventriloquist.train.rows import Schedule, count_targets
from ventriloquist.train.settings import LINEARS, TrainSettings
from ventriloquist.windows import WINDOW_SIZE

GIB = 2**30
FP32 = 4  # bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """A run before it starts. Tokens are those of the base model's tokenizer."""

    model: str
    backend: str
    device: str
    conversations: int
    targets: int
    dropped_targets: int  # longer than a row all by themselves
    tokens_per_epoch: int
    supervised_tokens_per_epoch: int
    window_tokens_per_epoch: int  # the same targets as literal windows of 100 messages, uncut
    steps_per_epoch: int
    steps: int
    trainable_parameters: int
    memory_gib: dict[str, float]  # by part; "total" is their sum
    available_gib: float


def make_plan(corpus: Corpus, settings: TrainSettings, rows: Schedule, base: Base, device: str, backend: str) -> Plan:
    """Compute a run's plan from the data and the base model's configuration alone."""
    pieces = [piece for row in rows.first_epoch for piece in row]
    shapes = _Shapes(load_config(base, offline=False), settings)
    longest = max((sum(piece.tokens for piece in row) for row in rows.first_epoch), default=0)
    memory = shapes.memory(longest, device)
    return Plan(
        model=settings.model,
        backend=backend,
        device=device,
        conversations=len({piece.conversation.id for piece in pieces}),
        targets=count_targets(corpus),
        dropped_targets=rows.dropped,
        tokens_per_epoch=sum(piece.tokens for piece in pieces),
        supervised_tokens_per_epoch=_supervised_tokens(corpus),
        window_tokens_per_epoch=window_tokens(corpus),
        steps_per_epoch=math.ceil(len(rows.first_epoch) / settings.rows_per_step),
        steps=math.ceil(len(rows.rows) / settings.rows_per_step),
        trainable_parameters=shapes.trainable,
        memory_gib={part: round(size / GIB, 3) for part, size in {**memory, "total": sum(memory.values())}.items()},
        available_gib=round(available_memory(device) / GIB, 1),
    )


def check_memory(plan: Plan) -> None:
    """Refuse a run that cannot fit.

    Raises:
        ModelError: it needs more memory than the device has.
    """
    needed = plan.memory_gib["total"]
    if needed > plan.available_gib:
        raise ModelError(
            f"{plan.model} needs about {needed:.0f} GiB to train; {plan.device} has {plan.available_gib:.0f} GiB.",
            hint="Use a smaller --max-length or --rank, or --model smollm2.",
        )


def window_tokens(corpus: Corpus) -> int:
    """Return the tokens of one epoch of literal windows: header and up to 100 messages for every target."""
    total = 0
    for conversation in corpus.conversations:
        offsets = corpus.offsets[conversation.first : conversation.first + conversation.messages + 1]
        targets = np.flatnonzero(corpus.splits[conversation.first : conversation.first + conversation.messages] == 0)
        first = np.maximum(0, targets - WINDOW_SIZE + 1)
        total += int((offsets[targets + 1] - offsets[first]).sum())
        total += len(targets) * len(corpus.header_tokens(conversation, 0))
    return total


def available_memory(device: str) -> int:
    """Return the bytes of memory that a device has."""
    if device == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[1])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _supervised_tokens(corpus: Corpus) -> int:
    return int(np.diff(corpus.offsets)[corpus.splits == 0].sum())


class _Shapes:
    """Parameter counts of a base model with LoRA on it, from its configuration (built without memory, on `meta`)."""

    def __init__(self, config: Any, settings: TrainSettings) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
        layers = config.num_hidden_layers
        adapted = settings.top_layers or layers
        linears = [module for name, module in model.named_modules() if name.rsplit(".", 1)[-1] in LINEARS]
        self.base = model.num_parameters()
        self.trainable = settings.rank * sum(m.in_features + m.out_features for m in linears) * adapted // layers
        self.layers, self.hidden, self.vocabulary = layers, config.hidden_size, config.vocab_size
        self.intermediate = config.intermediate_size

    def memory(self, tokens: int, device: str) -> dict[str, float]:
        """Return bytes by part for rows of up to `tokens` tokens.

        Weights are bf16 on an accelerator, fp32 on a CPU; the adapter has weights, gradients and two moments (8-bit on
        CUDA). Activations: on CUDA one hidden state a layer (the rest is recomputed) and one layer's inside; on a
        CPU every layer's inside (about 12 hidden states and 4 of the feed-forward). Logits and their gradient, fp32.
        """
        accelerated = device != "cpu"
        inside = tokens * (12 * self.hidden + 4 * self.intermediate)
        kept = (tokens * self.hidden * self.layers + inside) * 2 if device == "cuda" else inside * self.layers * FP32
        return {
            "weights": self.base * (2 if accelerated else FP32),
            "adapter": self.trainable * (FP32 + FP32 + (2 if device == "cuda" else 8)),
            "activations": kept,
            "logits": 2 * tokens * self.vocabulary * FP32,
        }
