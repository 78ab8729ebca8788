"""CPUs with fast bfloat16: found in the plan by a measurement, and trained on with float32 adapters."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from stages import train

from ventriloquist.cli.train_view import plan_lines
from ventriloquist.layout import LOG
from ventriloquist.model.base import Base, load_base
from ventriloquist.model.corpus import Corpus
from ventriloquist.model.precision import autocast
from ventriloquist.store import Connection
from ventriloquist.train import Interrupted, Step, log, measure_time, plan, preset, run
from ventriloquist.train import backends as backends_module
from ventriloquist.train.backends import add_lora
from ventriloquist.train.folder import recorded_settings
from ventriloquist.train.loss import target_loss
from ventriloquist.train.memory import Shapes
from ventriloquist.train.rows import schedule
from ventriloquist.train.settings import TrainSettings
from ventriloquist.train.tensors import FILLED, Rows, Tensors, filled, row_tensors

QUICK = preset("tiny").changed(
    max_steps=6, max_length=256, targets_per_window=5, context=1, window=6, rows_per_step=1, rank=4, validations=0
)


def cpu(monkeypatch: pytest.MonkeyPatch, speedup: float) -> None:
    """Let this CPU multiply so many times as fast in bfloat16, whatever the model's size."""
    monkeypatch.setattr(backends_module, "bfloat16_speedup", lambda _hidden, _intermediate: speedup)
    monkeypatch.setattr(backends_module, "ENOUGH_HIDDEN", 1)


@pytest.mark.parametrize(
    ("speedup", "wish", "chosen"),
    [
        (1.9, None, True),
        (1.2, None, True),
        (1.1, None, False),
        (0.4, None, False),
        (0.4, True, True),
        (1.9, False, False),
    ],
)
def test_the_plan_takes_bfloat16_where_it_is_faster_or_asked_for(
    prepared: Connection, home: Path, monkeypatch: pytest.MonkeyPatch, speedup: float, wish: bool | None, chosen: bool
) -> None:
    cpu(monkeypatch, speedup)
    planned = plan(prepared, QUICK.changed(bfloat16=wish), home=home)
    assert planned.settings.bfloat16 is planned.estimate.bfloat16 is chosen
    assert planned.estimate.bfloat16_speedup == speedup
    (line,) = (line for line in plan_lines(planned.estimate) if "bfloat16" in line)
    assert line.startswith("trains in bfloat16" if chosen else "trains in float32")


def test_a_model_too_small_to_gain_from_it_is_not_measured(prepared: Connection, home: Path) -> None:
    planned = plan(prepared, QUICK, home=home)
    assert planned.settings.bfloat16 is False
    assert planned.estimate.bfloat16_speedup is None
    assert not any("bfloat16" in line for line in plan_lines(planned.estimate))


def test_weights_in_bfloat16_take_half_the_memory(
    prepared: Connection, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = {}
    for speedup in (0.5, 2.0):
        cpu(monkeypatch, speedup)
        planned = plan(prepared, QUICK, home=home)
        shapes = Shapes(planned.config, planned.settings)
        parts[speedup] = shapes.memory(planned.settings, "cpu", 200, 100)
    assert parts[2.0]["weights"] == parts[0.5]["weights"] / 2
    assert parts[2.0]["adapter"] == parts[0.5]["adapter"]
    assert "attention" in parts[2.0]
    assert "attention" not in parts[0.5]


@pytest.mark.parametrize("max_length", [256, 1024])  # with attention's probabilities kept, and without
def test_loss_and_gradient_are_those_of_float32(base: Base, corpus: Corpus, max_length: int) -> None:
    settings = QUICK.changed(max_length=max_length, targets_per_window=12, rank=8)
    row = row_tensors(corpus, schedule(corpus, settings).rows[0])
    found: dict[bool, tuple[float, torch.Tensor]] = {}
    for bfloat16 in (False, True):
        chosen = settings.changed(bfloat16=bfloat16)
        model = add_lora(load_base(base, device="cpu", bits=16 if bfloat16 else None), chosen)
        learnable = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        generator = torch.Generator().manual_seed(0)
        for name, weight in learnable.items():
            if "lora_B" in name:  # it begins at zero
                weight.data = torch.randn(weight.shape, generator=generator) * 0.02
        with autocast("cpu", bfloat16):
            loss = target_loss(model, row)
        torch.autograd.backward(loss)
        assert {weight.dtype for weight in learnable.values()} == {torch.float32}
        gradient = torch.cat([weight.grad.flatten() for weight in learnable.values() if weight.grad is not None])
        assert gradient.dtype == torch.float32
        found[bfloat16] = loss.item(), gradient
    (exact, exact_gradient), (loss16, gradient16) = found[False], found[True]
    assert loss16 == pytest.approx(exact, rel=1e-2)
    assert float(torch.nn.functional.cosine_similarity(exact_gradient, gradient16, dim=0)) > 0.995


def test_rows_are_filled_to_few_lengths_without_another_loss_or_gradient(base: Base, corpus: Corpus) -> None:
    settings = QUICK.changed(bfloat16=True)
    model = add_lora(load_base(base, device="cpu"), settings.changed(bfloat16=False)).double()
    learnable = [weight for weight in model.parameters() if weight.requires_grad]

    def learnt(row: Tensors) -> tuple[float, torch.Tensor]:
        loss = target_loss(model, row)
        return loss.item(), torch.cat([part.flatten() for part in torch.autograd.grad(loss, learnable)])

    planned = schedule(corpus, settings).rows
    seen = Rows(corpus, planned, settings)
    assert {seen[index]["input_ids"].shape[1] % FILLED for index in range(len(seen))} == {0}
    packed = [index for index, row in enumerate(planned) if len(row) > 1]
    for index in [*packed[:2], *range(3)]:
        plain, whole = row_tensors(corpus, planned[index]), seen[index]
        assert {tensor.shape for tensor in whole.values()} == {whole["input_ids"].shape}
        (loss, gradient), (same_loss, same_gradient) = learnt(plain), learnt(whole)
        assert same_loss == pytest.approx(loss, rel=1e-12)
        torch.testing.assert_close(same_gradient, gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("length", "max_length", "bfloat16", "then"),
    [
        (33, 256, True, 64),
        (64, 256, True, 64),
        (65, 70, True, 70),
        (70, 70, True, 70),
        (33, 256, False, 33),
        (33, 256, None, 33),
    ],
)
def test_a_row_is_filled_only_in_bfloat16_and_within_its_length(
    length: int, max_length: int, bfloat16: bool | None, then: int
) -> None:
    ids = torch.arange(length)[None]
    row = {"input_ids": ids, "labels": ids, "position_ids": ids}
    whole = filled(row, QUICK.changed(max_length=max_length, bfloat16=bfloat16))
    assert {tensor.shape for tensor in whole.values()} == {(1, then)}
    assert whole["labels"][0, length:].eq(-100).all()
    assert whole["position_ids"][0].tolist() == list(range(then))


def test_pieces_of_a_packed_row_do_not_see_each_other(base: Base, corpus: Corpus) -> None:
    settings = QUICK.changed(bfloat16=True)
    packed = next(row for row in schedule(corpus, settings).rows if len(row) > 1)
    model = add_lora(load_base(base, device="cpu", bits=16), settings).eval()
    with torch.no_grad(), autocast("cpu", True):
        together = target_loss(model, row_tensors(corpus, packed)).item()
        alone = sum(target_loss(model, row_tensors(corpus, [piece])).item() for piece in packed)
    assert together == pytest.approx(alone, rel=1e-3)


def test_a_run_in_bfloat16_learns_as_one_in_float32_does_and_keeps_a_float32_adapter(
    prepared: Connection, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = QUICK.changed(learning_rate=3e-3, max_steps=12, validations=1, validation_messages=8)
    runs = {}
    for speedup in (0.5, 2.0):
        cpu(monkeypatch, speedup)
        runs[speedup] = train(prepared, settings, home=home)
    whole, half = runs[0.5], runs[2.0]
    assert recorded_settings(Path(half.run)).bfloat16 is True
    adapter = load_file(Path(half.run) / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in adapter.values()} == {torch.float32}
    steps = [log.read(Path(one.run) / LOG) for one in (whole, half)]
    for exact, step in zip(*steps, strict=True):
        assert step.loss == pytest.approx(exact.loss, rel=1e-2)
    bits = [[step.bits_per_character for step in one if step.bits_per_character] for one in steps]
    assert bits[1] == pytest.approx(bits[0], rel=1e-2)
    assert measure_time(plan(prepared, settings, home=home)).estimate.minutes is not None


def weights(run: Path) -> dict[str, Any]:
    return {name: tensor.tolist() for name, tensor in load_file(run / "adapter_model.safetensors").items()}


def test_a_run_goes_on_in_the_type_that_it_began_with(
    prepared: Connection, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(step: Step) -> None:
        if step.step == 3:
            signal.raise_signal(signal.SIGINT)

    for speedup in (2.0, 0.5):
        cpu(monkeypatch, speedup)
        undisturbed = train(prepared, QUICK, home=home)
        with pytest.raises(Interrupted):
            run(prepared, plan(prepared, QUICK, home=home), observe=interrupt)
        cpu(monkeypatch, 1 / speedup)  # another machine
        resumed = train(prepared, QUICK, home=home, resume=True)
        assert resumed.plan.bfloat16 is (speedup > 1)
        assert weights(Path(resumed.run)) == weights(Path(undisturbed.run))


def test_a_run_from_before_this_setting_goes_on_in_float32(
    prepared: Connection, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu(monkeypatch, 2.0)
    before = TrainSettings(**QUICK.model_dump(exclude={"bfloat16"}))
    config = plan(prepared, QUICK, home=home).config
    chosen, _ = backends_module.with_bfloat16(before, config, "cpu", begun=True)
    assert chosen.bfloat16 is False


def test_accelerators_decide_themselves(prepared: Connection, home: Path) -> None:
    config = plan(prepared, QUICK, home=home).config
    for device, backend in (("cuda", "transformers"), ("mps", "transformers"), ("metal", "mlx"), ("cpu", "mlx")):
        asked = QUICK.changed(bfloat16=True, backend=backend)
        assert backends_module.with_bfloat16(asked, config, device, begun=False) == (
            QUICK.changed(backend=backend),
            None,
        )
