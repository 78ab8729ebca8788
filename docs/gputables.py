"""The tables about GPUs, for cog: what `vq train` picks for each card, and how long cards take."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]


def card_table() -> None:
    """Write what each card gets if nothing is named."""
    from cards import CARDS, pick

    print("| card | such as | model | weights | gradient checkpointing | rank | Adam | K, context | tokens a row | GiB |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for gib, bfloat16, examples in CARDS:
        settings, needed = pick(gib, bfloat16=bfloat16)
        name = settings.model.removeprefix("unsloth/")
        bits = "4 bits" if settings.four_bit else "16 bits"
        checkpointing = "on" if settings.gradient_checkpointing else "off"
        card = f"{gib} GB" if bfloat16 else f"{gib} GB, no bfloat16"
        print(
            f"| {card} | {examples} | {name} | {bits} | {checkpointing} | {settings.rank} |"
            f" {8 if settings.adam_8bit else 32} bits | {settings.targets_per_window}, {settings.context} | {settings.max_length:,} | {needed:.1f} |"
        )


def work_table() -> None:
    """Write the operations of a token, by part, with gradient checkpointing and without."""
    from training_flops import QWEN3_8B, work

    from ventriloquist.train import TrainSettings
    from ventriloquist.train.memory import Shapes

    shapes = Shapes(QWEN3_8B, TrainSettings())
    print("| gradient checkpointing | linears | LoRA | attention | head | GFLOP a token |")
    print("|---|---|---|---|---|---|")
    for checkpointing in (True, False):
        parts = work(shapes, 99, 64, 33, checkpointing=checkpointing)
        cells = " | ".join(f"{count / 1e9:.1f}" for count in (*parts, parts.total))
        print(f"| {'on' if checkpointing else 'off'} | {cells} |")


def hours_table() -> None:
    """Write the hours of an epoch of 300,000 messages, by card and share of its peak."""
    from training_flops import CARDS, QWEN3_8B, SHARES, epoch_tokens, work

    from ventriloquist.train import TrainSettings
    from ventriloquist.train.memory import Shapes

    whole = work(Shapes(QWEN3_8B, TrainSettings()), 99, 64, 33, checkpointing=True).total
    whole *= epoch_tokens(300_000, 99, 64, 33)
    print("| card | peak, TFLOP/s | at 40 % of it | at 30 % |")
    print("|---|---|---|---|")
    for card, peak in CARDS.items():
        hours = [whole / (share * peak * 1e12) / 3600 for share in SHARES]
        print(f"| {card} | {peak} | {whole:.2e} / (0.4 × {peak}e12) s = {hours[0]:.2f} h | {hours[1]:.2f} h |")
