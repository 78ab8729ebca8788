"""Training on MLX, beside transformers: `make test-mlx`, in an environment of its own. Elsewhere this is skipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("mlx.core")

import mlx.core as mx
from mlx.utils import tree_flatten

from ventriloquist.layout import LOG
from ventriloquist.model.base import Base, load_base
from ventriloquist.model.corpus import Corpus
from ventriloquist.model.mlx_adapter import load_mlx_adapter_weights, peft_weights
from ventriloquist.model.mlx_base import load_mlx_base
from ventriloquist.train import log, preset
from ventriloquist.train.backends import add_lora
from ventriloquist.train.loop import run_loop
from ventriloquist.train.loss import target_loss as torch_loss
from ventriloquist.train.mlx_loop import (
    add_mlx_lora,
    loss_and_gradient,
    new_optimizer,
    run_mlx_loop,
    update,
)
from ventriloquist.train.mlx_loss import checkpoint_layers, target_loss
from ventriloquist.train.rows import IGNORED, PackedRow, labelled, make_piece, schedule
from ventriloquist.train.tensors import row_tensors
from ventriloquist.windows import Block

SETTINGS = preset("tiny").changed(
    backend="mlx", max_steps=4, max_length=512, targets_per_window=8, context=8, window=9, rank=4, alpha=8,
    validation_messages=8, adam_8bit=False, gradient_checkpointing=False,
)  # fmt: skip


@pytest.fixture
def adapted(base: Base, tmp_path: Path) -> tuple[Any, Any]:
    """Return a model of torch and one of MLX with the same LoRA, which is not zero."""
    model = add_lora(load_base(base, device="cpu"), SETTINGS)
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator) / 20
    model.save_pretrained(tmp_path / "lora")
    other = add_mlx_lora(load_mlx_base(base), SETTINGS)
    load_mlx_adapter_weights(other, tmp_path / "lora")
    return model, other


@pytest.fixture
def rows(corpus: Corpus) -> list[PackedRow]:
    """Return the two rows of a step; in the first are two pieces, which must not see each other."""
    long, other, short = corpus.conversations[:3]
    return [
        [make_piece(corpus, long, Block(40, 42, 46)), make_piece(corpus, short, Block(0, 1, 3))],
        [make_piece(corpus, other, Block(10, 12, 15))],
    ]


def pieces_of(corpus: Corpus, rows: list[PackedRow]) -> list[tuple[Any, Any]]:
    return [labelled(corpus, piece) for row in rows for piece in row]


def of_torch(model: Any, corpus: Corpus, rows: list[PackedRow]) -> tuple[float, dict[str, Any]]:
    """Return the loss of a step with its gradient, as transformers computes them."""
    tensors = [row_tensors(corpus, row) for row in rows]
    loss = sum(torch_loss(model, row) for row in tensors) / sum((row["labels"] != IGNORED).sum() for row in tensors)
    model.zero_grad()
    loss.backward()
    gradient = {
        name.replace(".default", ""): p.grad.numpy() for name, p in model.named_parameters() if p.grad is not None
    }
    return float(loss), gradient


def under_peft_names(gradient: Any) -> dict[str, Any]:
    names = {"lora_a": "lora_A.weight", "lora_b": "lora_B.weight"}
    return {
        f"base_model.model.{name.rsplit('.', 1)[0]}.{names[name.rsplit('.', 1)[1]]}": np.array(part).T
        for name, part in tree_flatten(gradient)
    }


def test_loss_and_gradient_of_a_step_are_those_of_transformers(
    adapted: tuple[Any, Any], corpus: Corpus, rows: list[PackedRow]
) -> None:
    loss, gradient = of_torch(adapted[0], corpus, rows)
    own, found = loss_and_gradient(adapted[1], pieces_of(corpus, rows))
    assert own == pytest.approx(loss, rel=1e-4)
    theirs = under_peft_names(found)
    assert theirs.keys() == gradient.keys()
    a, b = (np.concatenate([each[name].ravel() for name in sorted(gradient)]) for each in (gradient, theirs))
    assert a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) >= 0.9999
    assert np.linalg.norm(b) == pytest.approx(np.linalg.norm(a), rel=1e-3)
    for name, part in gradient.items():
        assert (part * theirs[name]).sum() >= 0.999 * np.linalg.norm(part) * np.linalg.norm(theirs[name]), name


def test_a_loss_in_chunks_is_the_loss_in_one(adapted: tuple[Any, Any], corpus: Corpus, rows: list[PackedRow]) -> None:
    ids, labels = pieces_of(corpus, rows)[0]
    whole = target_loss(adapted[1], ids, labels, chunk=10_000).item()
    assert (labels != IGNORED).sum() > 64
    for chunk in (7, 64):
        assert target_loss(adapted[1], ids, labels, chunk=chunk).item() == pytest.approx(whole, rel=1e-5)


def test_layers_that_are_computed_again_give_the_same_gradient(
    adapted: tuple[Any, Any], corpus: Corpus, rows: list[PackedRow]
) -> None:
    loss, gradient = loss_and_gradient(adapted[1], pieces_of(corpus, rows))
    checkpoint_layers(adapted[1])
    again, found = loss_and_gradient(adapted[1], pieces_of(corpus, rows))
    assert again == pytest.approx(loss, rel=1e-6)
    for (name, part), (_, other) in zip(tree_flatten(gradient), tree_flatten(found), strict=True):
        assert mx.allclose(part, other, rtol=1e-4, atol=1e-6).item(), name


def test_the_first_weights_are_those_of_transformers(base: Base) -> None:
    model = add_lora(load_base(base, device="cpu"), SETTINGS)
    own = peft_weights(add_mlx_lora(load_mlx_base(base), SETTINGS))
    theirs = {name.replace(".default", ""): p for name, p in model.named_parameters() if p.requires_grad}
    assert own.keys() == theirs.keys()
    assert all(np.array_equal(np.array(own[name]), weight.detach().numpy()) for name, weight in theirs.items())
    other = peft_weights(add_mlx_lora(load_mlx_base(base), SETTINGS.changed(seed=1)))
    assert not any(mx.array_equal(own[name], weight).item() for name, weight in other.items() if "lora_A" in name)


def test_the_optimizer_is_torchs(adapted: tuple[Any, Any], corpus: Corpus, rows: list[PackedRow]) -> None:
    settings = SETTINGS.changed(weight_decay=0.1, max_grad_norm=0.5)
    parameters = {name: p for name, p in adapted[0].named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(parameters.values(), lr=1.0, weight_decay=0.1)
    own = new_optimizer(settings)
    for rate in (1e-3, 5e-3, 2e-3):
        of_torch(adapted[0], corpus, rows)
        norm = float(torch.nn.utils.clip_grad_norm_(parameters.values(), 0.5))
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        _, gradient = loss_and_gradient(adapted[1], pieces_of(corpus, rows))
        assert update(adapted[1], own, gradient, rate, settings) == pytest.approx(norm, rel=1e-3)
    found = peft_weights(adapted[1])
    for name, weight in parameters.items():
        torch.testing.assert_close(
            torch.tensor(np.array(found[name.replace(".default", "")])), weight.data, rtol=1e-3, atol=1e-4
        )


def test_a_gradient_that_is_not_finite_moves_nothing(
    adapted: tuple[Any, Any], corpus: Corpus, rows: list[PackedRow]
) -> None:
    _, gradient = loss_and_gradient(adapted[1], pieces_of(corpus, rows))
    before = {name: np.array(weight) for name, weight in peft_weights(adapted[1]).items()}
    gradient["model"]["layers"][0]["mlp"]["down_proj"]["lora_a"] *= mx.nan
    update(adapted[1], new_optimizer(SETTINGS), gradient, 1e-3, SETTINGS)
    assert all(np.array_equal(before[name], np.array(weight)) for name, weight in peft_weights(adapted[1]).items())


def test_twenty_steps_end_where_those_of_transformers_end(base: Base, corpus: Corpus, tmp_path: Path) -> None:
    settings = SETTINGS.changed(
        max_steps=20,
        validations=2,
        learning_rate=2e-3,
        rows_per_step=1,
        max_length=256,
        targets_per_window=4,
        context=2,
    )
    own, theirs = tmp_path / "mlx", tmp_path / "transformers"
    own.mkdir()
    theirs.mkdir()
    planned = schedule(corpus, settings).rows
    outcome, _ = run_mlx_loop(add_mlx_lora(load_mlx_base(base), settings), corpus, planned, settings, own)
    model = add_lora(load_base(base, device="cpu"), settings)
    expected, _ = run_loop(model, torch_loss, corpus, planned, settings, theirs, device="cpu")
    steps, others = log.read(own / LOG), log.read(theirs / LOG)
    assert len(steps) == len(others) == 20
    assert others[-1].loss < 0.95 * others[0].loss
    for step, other in zip(steps, others, strict=True):
        assert step.loss == pytest.approx(other.loss, rel=0.02)
        assert (step.learning_rate, step.tokens, step.targets, step.steps) == (
            pytest.approx(other.learning_rate), other.tokens, other.targets, other.steps,
        )  # fmt: skip
    assert steps[0].grad_norm == pytest.approx(others[0].grad_norm, rel=1e-3)
    assert outcome.bits_per_character == pytest.approx(expected.bits_per_character, rel=0.02)
    assert outcome.best_step == expected.best_step
