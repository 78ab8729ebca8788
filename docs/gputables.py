"""The tables about GPUs, for cog: what `vq train` picks for each card, and how long cards take."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = 99, 64, 33  # messages of context, targets, tokens of a message
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]


def card_table() -> None:
    """Write what each card gets if nothing is named."""
    from cards import CARDS, pick

    print("| card | such as | model | weights | gradient checkpointing | rank | Adam | K, context | tokens a row | needs, GiB |")
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
    from gpu_arithmetic import flop
    from training_flops import work

    print("| gradient checkpointing | linears | LoRA | attention | head | GFLOP a token |")
    print("|---|---|---|---|---|---|")
    for checkpointing in (True, False):
        parts = work(*BLOCK, checkpointing=checkpointing)
        cells = " | ".join(f"{count / 1e9:.1f}" for count in (*(part.total for part in parts), flop(parts)))
        print(f"| {'on' if checkpointing else 'off'} | {cells} |")


def hours_table() -> None:
    """Write the hours of an epoch of 300,000 messages, by card and share of its peak."""
    from gpu_arithmetic import flop, peak_of
    from training_flops import CARDS, SHARES, epoch_tokens, hours, work

    whole = flop(work(*BLOCK, checkpointing=True)) * epoch_tokens(300_000, *BLOCK)
    print("| card | peak, TFLOP/s | at 40 % of it | at 30 % |")
    print("|---|---|---|---|")
    for card in CARDS:
        peak = f"{(peak_of(card) or 0) / 1e12:.0f}"
        high, low = (hours(whole, card, share) for share in SHARES)
        print(f"| {card} | {peak} | {whole:.2e} / (0.4 × {peak}e12) s = {high:.2f} h | {low:.2f} h |")
