"""The Unsloth path, executed through Unsloth's CPU back end: `make test-unsloth`, in an environment of its own.

Elsewhere Unsloth is not installed and this is skipped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stages import train

from ventriloquist.layout import LOG

pytest.importorskip("unsloth", exc_type=ImportError)  # before transformers

import torch
from transformers import Qwen3Config

from ventriloquist.model.adapter import load_adapter
from ventriloquist.model.base import Base, load_base
from ventriloquist.model.corpus import Corpus
from ventriloquist.store import Connection
from ventriloquist.train import log, preset
from ventriloquist.train.backends import choose_backend, load_model
from ventriloquist.train.loss import target_loss, unsloth_loss
from ventriloquist.train.memory import Shapes
from ventriloquist.train.rows import IGNORED, make_piece, schedule
from ventriloquist.train.settings import TrainSettings
from ventriloquist.train.tensors import row_tensors
from ventriloquist.windows import Block

SETTINGS = preset("tiny").changed(
    backend="unsloth", max_steps=4, max_length=1024, targets_per_window=8, context=8, rank=4, alpha=8
)


def test_it_is_chosen_when_asked_for_and_not_by_itself_on_a_cpu() -> None:
    assert choose_backend("unsloth", "cpu").name == "unsloth"
    assert choose_backend("auto", "cpu").name == "transformers"


@pytest.mark.parametrize("supervised", [1, 300, 2400, 6000, 60_000])
@pytest.mark.parametrize(("hidden", "vocabulary"), [(4096, 151_936), (1024, 151_936), (2048, 128_256), (576, 49_152)])
def test_the_plan_counts_its_chunks_as_it_makes_them(supervised: int, hidden: int, vocabulary: int) -> None:
    from unsloth_zoo.fused_losses.fused_linear import fused_linear_rows

    shapes = Shapes(Qwen3Config(hidden_size=hidden, vocab_size=vocabulary, num_hidden_layers=1), SETTINGS)
    assert shapes.chunk(supervised) == fused_linear_rows(supervised, hidden, vocabulary)


@pytest.fixture
def adapted(base: Base) -> Any:
    """Return tiny as Unsloth loads it, with LoRA that is not zero."""
    model = load_model(base, SETTINGS.changed(model=base.source), "cpu")
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator) / 20
    return model


def test_its_loss_is_that_of_the_labelled_tokens_and_no_other(adapted: Any, corpus: Corpus) -> None:
    pieces = [
        make_piece(corpus, corpus.conversations[0], Block(40, 60, 64)),
        make_piece(corpus, corpus.conversations[2], Block(2, 8, 15)),
    ]
    row = row_tensors(corpus, pieces)
    by_hand = torch.zeros(())
    for piece in pieces:  # each piece alone: packed ones must not see each other
        alone = row_tensors(corpus, [piece])
        with torch.no_grad():
            logits = adapted(input_ids=alone["input_ids"]).logits[0, :-1].float()
        by_hand = by_hand + torch.nn.functional.cross_entropy(
            logits, alone["labels"][0, 1:], ignore_index=IGNORED, reduction="sum"
        )
    torch.testing.assert_close(unsloth_loss(adapted, row).float(), by_hand, rtol=1e-4, atol=1e-3)


def test_its_gradient_is_that_of_the_other_back_end(adapted: Any, corpus: Corpus) -> None:
    row = row_tensors(corpus, [make_piece(corpus, corpus.conversations[0], Block(40, 60, 64))])
    parameters = [parameter for parameter in adapted.parameters() if parameter.requires_grad]
    gradients = [
        torch.cat([part.flatten() for part in torch.autograd.grad(loss(adapted, row), parameters)])
        for loss in (unsloth_loss, target_loss)
    ]
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-4)


def test_a_run_learns_and_its_first_loss_is_the_base_models(prepared: Connection, home: Path, corpus: Corpus) -> None:
    summary = train(prepared, SETTINGS.changed(learning_rate=1e-2), home=home)
    assert summary.plan.backend == "unsloth"
    folder = Path(summary.run)
    assert summary.last_loss is not None
    assert summary.first_loss is not None
    assert summary.last_loss < summary.first_loss
    assert [step.step for step in log.read(folder / LOG)] == [1, 2, 3, 4]
    own = Base(str(folder / "base"))
    expected = base_loss(own, prepared, home)
    assert summary.first_loss == pytest.approx(expected, rel=1e-4)
    assert load_adapter(folder).model.peft_config["default"].r == 4


def base_loss(base: Base, db: Connection, home: Path) -> float:
    """Return the mean loss of the first step's labelled tokens under the bare base model."""
    from ventriloquist.model.base import load_tokenizer
    from ventriloquist.model.corpus import load_corpus

    corpus = load_corpus(db, load_tokenizer(base), home / "tokens")
    settings: TrainSettings = SETTINGS
    rows = schedule(corpus, settings).rows[: settings.rows_per_step]
    model = load_base(base, device="cpu")
    tensors = [row_tensors(corpus, row) for row in rows]
    with torch.no_grad():
        nats = sum(float(target_loss(model, row)) for row in tensors)
    return nats / sum(int((row["labels"] != IGNORED).sum()) for row in tensors)
