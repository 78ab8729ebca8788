"""Count the floating-point operations of training Qwen3-8B, and how long cards take for them at a share of their peak.

    python benchmarks/training_flops.py [--messages 300000] [--tokens 33] [--context 99] [--targets 64]

Nothing is run and no card is needed: the parameters come from the model's configuration, the peaks from the makers'
data sheets (dense bf16 with sums in 32 bits). Operations that gradient checkpointing repeats are counted.
"""

from __future__ import annotations

import argparse
import json

from gpu_arithmetic import Part, flop, peak_of, work_a_token
from gpu_base import SHAPES, qwen3_config

from ventriloquist.train import TrainSettings

CARDS = ("H100", "A100", "L40S", "RTX 4090, 4 bits", "L4, 4 bits")
SHARES = (0.4, 0.3)  # of the peak
HEADER = 30  # tokens


def work(context: int, targets: int, tokens: int, *, checkpointing: bool) -> list[Part]:
    """Return the operations for a token of a block; `tokens` are those of a message."""
    length = block_tokens(context, targets, tokens)
    settings = TrainSettings(gradient_checkpointing=checkpointing)
    supervised = targets * tokens / length
    return work_a_token(qwen3_config(SHAPES["8B"]), settings, context=length, supervised=supervised)


def block_tokens(context: int, targets: int, tokens: int) -> int:
    return HEADER + tokens * (context + targets)


def epoch_tokens(messages: int, context: int, targets: int, tokens: int) -> float:
    """Return the tokens of an epoch of blocks."""
    return messages / targets * block_tokens(context, targets, tokens)


def hours(whole: float, card: str, share: float) -> float:
    """Return how long a card takes for so many operations at a share of its peak."""
    peak = peak_of(card)
    if peak is None:
        raise ValueError(f"the peak of {card} is not known")
    return whole / (share * peak) / 3600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=300_000)
    parser.add_argument("--tokens", type=int, default=33, help="of a message")
    parser.add_argument("--context", type=int, default=99)
    parser.add_argument("--targets", type=int, default=64)
    arguments = parser.parse_args()
    block = arguments.context, arguments.targets, arguments.tokens
    tokens = epoch_tokens(arguments.messages, *block)
    for checkpointing in (True, False):
        parts = work(*block, checkpointing=checkpointing)
        gflop = {part.what: round(part.total / 1e9, 1) for part in parts} | {"total": round(flop(parts) / 1e9, 1)}
        whole = flop(parts) * tokens
        taken = {f"{card} at {share:.0%}": round(hours(whole, card, share), 2) for card in CARDS for share in SHARES}
        print(json.dumps({"checkpointing": checkpointing, "gflop_a_token": gflop, "tokens": round(tokens)}))
        print(json.dumps({"checkpointing": checkpointing, "flop": f"{whole:.3g}", "hours": taken}))


if __name__ == "__main__":
    main()
