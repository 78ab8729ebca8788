"""The operations of training, counted by parts that can be checked by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ventriloquist.train import TrainSettings
from ventriloquist.train.memory import Shapes

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from training_flops import QWEN3_8B, epoch_tokens, work


def test_a_token_of_a_block_costs_53_gflop_with_checkpointing() -> None:
    shapes = Shapes(QWEN3_8B, TrainSettings())
    linears = 36 * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 12288)  # q and o, k and v, gate, up and down
    parts = work(shapes, 99, 64, 33, checkpointing=True)
    assert parts.linears == 3 * 2 * linears
    assert parts.lora == 4 * 2 * 349_175_808
    assert parts.attention == pytest.approx(36 * 9 * 2 * 4096 * 5409 / 2)
    assert parts.head == pytest.approx(2 * 2 * 4096 * 151_936 * 64 * 33 / 5409)
    assert parts.total / 1e9 == pytest.approx(52.6, abs=0.1)
    without = work(shapes, 99, 64, 33, checkpointing=False)
    assert parts.total / without.total == pytest.approx(1.44, abs=0.01)


def test_an_epoch_of_blocks_has_the_tokens_of_its_targets_and_their_contexts() -> None:
    assert epoch_tokens(6_400, 99, 64, 33) == 100 * (30 + 163 * 33)
