"""The operations of training, counted by parts that can be checked by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from gpu_arithmetic import flop
from training_flops import CARDS, epoch_tokens, hours, work


def test_a_token_of_a_block_costs_53_gflop_with_checkpointing() -> None:
    linears = 36 * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 12288)  # q and o, k and v, gate, up and down
    parts = work(99, 64, 33, checkpointing=True)
    assert {part.what: part.total for part in parts} == pytest.approx(
        {
            "linears": 3 * 2 * linears,
            "LoRA": 4 * 2 * 349_175_808,
            "attention": 36 * 9 * 2 * 4096 * 5409 / 2,
            "head": 2 * 2 * 4096 * 151_936 * 64 * 33 / 5409,
        }
    )
    assert flop(parts) / 1e9 == pytest.approx(52.6, abs=0.1)
    assert flop(parts) / flop(work(99, 64, 33, checkpointing=False)) == pytest.approx(1.44, abs=0.01)


def test_an_epoch_of_blocks_has_the_tokens_of_its_targets_and_their_contexts() -> None:
    assert epoch_tokens(6_400, 99, 64, 33) == 100 * (30 + 163 * 33)


def test_hours_are_operations_by_the_share_of_a_published_peak() -> None:
    assert hours(0.4 * 989e12 * 3600, "H100", 0.4) == pytest.approx(1)
    assert all(hours(1e18, card, 0.4) > 0 for card in CARDS)  # each has a peak
