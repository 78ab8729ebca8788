"""Count the floating-point operations of training Qwen3-8B, and how long cards take for them at a share of their peak.

    python benchmarks/training_flops.py [--messages 300000] [--tokens 33] [--context 99] [--targets 64]

Nothing is run and no card is needed: the parameters come from the model's configuration, the peaks from the makers'
data sheets (dense bf16 with sums in 32 bits). Operations that gradient checkpointing repeats are counted.
"""

from __future__ import annotations

import argparse
import json
from typing import NamedTuple

from transformers import Qwen3Config

from ventriloquist.train import TrainSettings
from ventriloquist.train.memory import Shapes

QWEN3_8B = Qwen3Config(
    hidden_size=4096,
    intermediate_size=12288,
    num_hidden_layers=36,
    num_attention_heads=32,
    num_key_value_heads=8,
    head_dim=128,
    vocab_size=151_936,
    tie_word_embeddings=False,
)
CARDS = {"H100": 989, "A100": 312, "L40S": 362, "RTX 4090, 4 bits": 165, "L4, 4 bits": 121}  # TFLOP/s
SHARES = (0.4, 0.3)  # of the peak
HEADER = 30  # tokens


class Work(NamedTuple):
    """Operations for a token of a row, by part."""

    linears: float  # forward and to the inputs; the base's weights get no gradient
    lora: float  # its weights do
    attention: float  # of a token to those before it, half of the row on average
    head: float  # logits and their gradient, at supervised tokens only

    @property
    def total(self) -> float:
        return sum(self)


def work(shapes: Shapes, context: int, targets: int, tokens: int, *, checkpointing: bool) -> Work:
    """Return the operations for a token of a block. A product takes two for each weight.

    Attention is two products forward and five backward, as flash attention repeats the first one (Dao, 2023, arXiv
    2307.08691).
    """
    forward = 2 if checkpointing else 1
    length = HEADER + tokens * (context + targets)
    scores = 2 * shapes.queries * length / 2 * shapes.layers  # one product
    return Work(
        linears=2 * shapes.quantizable * (forward + 1),
        lora=2 * shapes.trainable * (forward + 2),
        attention=scores * (2 * forward + 5),
        head=2 * shapes.hidden * shapes.vocabulary * 2 * targets * tokens / length,
    )


def epoch_tokens(messages: int, context: int, targets: int, tokens: int) -> float:
    """Return the tokens of an epoch of blocks."""
    return messages / targets * (HEADER + tokens * (context + targets))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=300_000)
    parser.add_argument("--tokens", type=int, default=33, help="of a message")
    parser.add_argument("--context", type=int, default=99)
    parser.add_argument("--targets", type=int, default=64)
    arguments = parser.parse_args()
    shapes = Shapes(QWEN3_8B, TrainSettings())
    block = arguments.context, arguments.targets, arguments.tokens
    tokens = epoch_tokens(arguments.messages, *block)
    for checkpointing in (True, False):
        parts = work(shapes, *block, checkpointing=checkpointing)
        figures = {part: round(count / 1e9, 1) for part, count in {**parts._asdict(), "total": parts.total}.items()}
        whole = parts.total * tokens
        hours = {
            f"{card} at {share:.0%}": round(whole / (share * peak * 1e12) / 3600, 2)
            for card, peak in CARDS.items()
            for share in SHARES
        }
        print(json.dumps({"checkpointing": checkpointing, "gflop_a_token": figures, "tokens": round(tokens)}))
        print(json.dumps({"checkpointing": checkpointing, "flop": f"{whole:.3g}", "hours": hours}))


if __name__ == "__main__":
    main()
