"""The plan before a run: counted from the data, and true of the run that follows."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from stages import train

from ventriloquist.model.base import Base, load_base
from ventriloquist.model.corpus import Corpus
from ventriloquist.store import Connection
from ventriloquist.store.counts import counts_by_person
from ventriloquist.train import TrainSettings, measure_time, plan, preset, run
from ventriloquist.train.estimate import advice, window_tokens

QUICK = preset("tiny").changed(
    max_steps=3, max_length=1024, targets_per_window=8, context=8, window=9, rank=4, alpha=8, validation_messages=8
)


def test_the_literal_windows_are_counted_uncut_whatever_the_preset(corpus: Corpus, prepared: Connection) -> None:
    texts = prepared.execute("SELECT text FROM rendered_windows WHERE split = 'train'")
    counted = sum(len(corpus.tokenizer(text, add_special_tokens=False)["input_ids"]) for (text,) in texts)
    assert window_tokens(corpus) == counted


def test_a_dry_run_multiplies_as_the_run_does(prepared: Connection, base: Base, home: Path) -> None:
    load_base(base, device="cpu")
    of_the_run = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")  # neither of the two that it may be
    measure_time(plan(prepared, QUICK, home=home))
    assert torch.get_float32_matmul_precision() == of_the_run


def test_the_plan_of_a_dry_run_is_that_of_the_run(prepared: Connection, home: Path) -> None:
    planned = plan(prepared, QUICK, home=home)
    timed = measure_time(planned).estimate
    real = run(prepared, planned)
    assert real.plan == planned.estimate
    assert timed.seconds_per_step is not None
    assert timed.minutes is not None
    assert timed.seconds_per_step > 0
    assert replace(timed, seconds_per_step=None, minutes=None) == planned.estimate
    assert real.steps == real.plan.steps == 3
    assert real.plan.memory_gib["total"] == pytest.approx(
        math.fsum(size for part, size in real.plan.memory_gib.items() if part != "total"), abs=0.01
    )


def test_an_epoch_has_the_steps_tokens_and_targets_of_its_plan(prepared: Connection, home: Path) -> None:
    settings = QUICK.model_copy(update={"max_steps": None, "max_length": 2048, "targets_per_window": 32})
    summary = train(prepared, settings, home=home)
    estimate = summary.plan
    assert summary.steps == estimate.steps == estimate.steps_per_epoch
    assert summary.trained_tokens == estimate.tokens_per_epoch
    assert summary.trained_targets == estimate.targets
    assert estimate.supervised_tokens_per_epoch < estimate.tokens_per_epoch < estimate.window_tokens_per_epoch


@pytest.mark.parametrize(
    ("targets", "rank", "advised"),
    [(1_000, 128, "--rank 16"), (20_000, 128, "--rank 32"), (60_000, 128, None), (1_000, 32, None)],
)
def test_a_lower_rank_is_advised_where_the_data_is_small(targets: int, rank: int, advised: str | None) -> None:
    said = advice(targets, TrainSettings(rank=rank))
    assert bool(said) == (advised is not None)
    assert advised is None or advised in said[0]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ([], None),
        ([100, 5_000], None),
        ([99, 100], "1 of 2 people has fewer than 100"),
        ([0, 40, 700], "2 of 3 people have fewer than 100"),
    ],
)
def test_the_plan_says_how_many_people_wrote_too_little_to_be_learnt(written: list[int], said: str | None) -> None:
    lines = advice(60_000, TrainSettings(rank=128), written)
    assert len(lines) == (said is not None)
    assert said is None or said in lines[0]


def test_the_plan_counts_the_training_messages_of_each_person(corpus: Corpus, prepared: Connection) -> None:
    assert sorted(corpus.written().values()) == sorted(person.train for person in counts_by_person(prepared))
