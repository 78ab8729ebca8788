"""The floating-point operations of training a token, and the peaks of cards, for benchmarks/gpu.py."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ventriloquist.train import TrainSettings

PEAKS = {  # TFLOP/s of dense bf16 products that sum in fp32, as the makers publish them; the first match counts
    "B200": 2250,
    "H200": 989,
    "H100 PCIe": 756,
    "H100 NVL": 835,
    "H100": 989,
    "A100": 312,
    "L40S": 362,
    "L40": 181,
    "L4": 121,
    "A10G": 70,
    "A10": 125,
    "RTX 6000 Ada": 364,
    "A6000": 155,
    "RTX PRO 6000": 503,
    "5090": 210,
    "5080": 113,
    "4090": 165,
    "4080": 97,
    "3090": 71,
}


class Part(NamedTuple):
    """A part of the work of a token: so many passes over so many operations."""

    what: str
    passes: float  # forward 1, backward with the gradient of the inputs alone 1, and of the weights 1 more
    recomputed: float  # of the passes: what gradient checkpointing or the attention kernel computes a second time
    operations: float  # of one pass
    shown: str  # where `operations` comes from


def work_a_token(config: Any, settings: TrainSettings, *, context: float, supervised: float) -> list[Part]:
    """Return the operations of forward and backward for a token.

    Args:
        context: tokens of the piece that a token stands in, averaged over tokens; it attends to half of them.
        supervised: share of tokens that carry loss; the head runs at these alone.
    """
    from ventriloquist.train.memory import Shapes

    shapes = Shapes(config, settings)
    again = float(bool(settings.gradient_checkpointing))
    width = config.num_attention_heads * config.head_dim
    attention = 2 * context * width * shapes.layers  # two products, 2 operations each, half of the context
    head = 2 * shapes.hidden * shapes.vocabulary * supervised
    return [
        Part("linears", 2 + again, again, 2 * shapes.quantizable, f"2 × {count(shapes.quantizable)}"),
        Part("LoRA", 3 + again, again, 2 * shapes.trainable, f"2 × {count(shapes.trainable)}"),
        Part(
            "attention",
            3.5 + again,  # its backward pass makes five products, where forward makes two
            0.5 + again,
            attention,
            f"2 × {context:,.0f} × {width:,} × {shapes.layers}",
        ),
        Part(
            "head",
            2,
            0,
            head,
            f"2 × {shapes.hidden:,} × {shapes.vocabulary:,} × {supervised:.0%}",
        ),
    ]


def flop(parts: list[Part], *, recomputed: bool = True) -> float:
    return sum(part.operations * (part.passes - (0 if recomputed else part.recomputed)) for part in parts)


def peak_of(card: str) -> float | None:
    """Return the published peak of a card in FLOP a second, by its name; None if it is not in the table."""
    if "Laptop" in card:  # slower than the card of the same name
        return None
    return next((1e12 * peak for name, peak in PEAKS.items() if re.search(rf"\b{name}\b", card)), None)


def arithmetic(parts: list[Part], tokens_a_second: float, card: str, product: float) -> list[str]:
    """Show how the share of a card's peak comes about."""
    total, useful = flop(parts), flop(parts, recomputed=False)
    peak = peak_of(card)
    name = "the published peak" if peak else "what a plain matrix product reaches"
    peak = peak or product
    terms = " + ".join(f"{part.passes:g} × {part.what} ({part.shown})" for part in parts)
    reached, at_all = useful * tokens_a_second, total * tokens_a_second
    return [
        f"- FLOP a token: {terms} = {count(total)}; without what is computed twice {count(useful)}.",
        f"- {count(useful)} × {tokens_a_second:,.0f} tokens a second = {reached / 1e12:.3g} TFLOP/s:"
        f" {reached / peak:.1%} of {name}, {peak / 1e12:,.3g} TFLOP/s (MFU)."
        f" With what is computed twice {at_all / peak:.1%}.",
    ]


def count(number: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.3g}"
