"""What `vq train` picks for a card, computed without one: for tests and for the table in docs/scaling.md."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from transformers import Qwen3Config

from ventriloquist.train import TrainSettings, resolve_settings
from ventriloquist.train.memory import GIB, Shapes, with_checkpointing

CARDS = (  # GiB, bfloat16, examples
    (6, True, "3050"),
    (8, True, "3070, 4060"),
    (12, True, "3060, 4070"),
    (16, True, "4080, A4000"),
    (24, True, "3090, 4090, L4"),
    (32, True, "5090"),
    (40, True, "A100 of 40 GB"),
    (48, True, "A6000, L40S"),
    (72, True, "RTX PRO 5000"),
    (80, True, "A100, H100"),
    (141, True, "H200"),
    (6, False, "2060"),
    (8, False, "2070"),
    (11, False, "2080 Ti"),
    (16, False, "T4, V100"),
    (32, False, "V100 of 32 GB"),
)

# the published configurations, with the parameters in billions
QWEN3 = {
    "8b": ({"hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36, "num_attention_heads": 32}, 8.19),
    "4b": ({"hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32}, 4.02),
    "1.7b": (
        {"hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28, "num_attention_heads": 16},
        1.72,
    ),
    "0.6b": (
        {"hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16},
        0.6,
    ),
}


def config_of(size: str) -> Qwen3Config:
    values, _ = QWEN3[size]
    return Qwen3Config(
        **values, vocab_size=151_936, num_key_value_heads=8, head_dim=128, tie_word_embeddings=size != "8b"
    )


@cache
def shapes_of(size: str) -> Shapes:
    return Shapes(config_of(size), TrainSettings())


class Pick(NamedTuple):
    """The settings that a card gets, and the memory that a run with full rows needs."""

    settings: TrainSettings
    needed_gib: float


def pick(gib: float, *, bfloat16: bool = True, backend: str = "unsloth") -> Pick:
    """Return what is trained on a card that has bitsandbytes, if nothing is named."""
    settings = resolve_settings(None, {}, memory_gib=gib, bfloat16=bfloat16)
    settings = settings.changed(backend=backend if bfloat16 else "transformers")
    return fitted(settings, gib, weights=2 if bfloat16 else 4)


def fitted(settings: TrainSettings, gib: float, *, weights: int = 2) -> Pick:
    """Return settings with a decision on gradient checkpointing, for rows that are full."""
    shapes = shapes_of(settings.model.split("-")[1].lower())
    tokens = settings.max_length
    share = settings.targets_per_window / (settings.context + settings.targets_per_window)
    full = tokens, int(share * tokens)
    settings = with_checkpointing(shapes, settings, "cuda", *full, GIB * gib, weights=weights)
    return Pick(settings, sum(shapes.memory(settings, "cuda", *full, weights=weights).values()) / GIB)
