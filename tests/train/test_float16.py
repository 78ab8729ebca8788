"""Cards without bfloat16: found in the plan, and trained on with transformers in float16 with a scaled loss."""

from __future__ import annotations

import math
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from stages import train

from ventriloquist.errors import ModelError
from ventriloquist.layout import LOG
from ventriloquist.model.base import Base
from ventriloquist.model.precision import Precision
from ventriloquist.store import Connection
from ventriloquist.train import Interrupted, Step, log, plan, preset, resolve_settings, run
from ventriloquist.train import trainer as trainers
from ventriloquist.train.backends import Backend, adapt_to, choose_backend
from ventriloquist.train.memory import GIB, Shapes, card

QUICK = preset("tiny").changed(  # float16 is slow on a CPU
    max_steps=10, max_length=128, targets_per_window=3, context=1, window=4, rows_per_step=1, rank=4, validations=0
)


@pytest.fixture
def t4(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch report a T4."""
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _card=0: (7, 5))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _card=0: (14 * GIB, int(14.6 * GIB)))


@pytest.mark.usefixtures("t4")
def test_a_card_without_bfloat16_is_found_in_the_plan(prepared: Connection, home: Path, base: Base) -> None:
    planned = plan(prepared, QUICK.changed(model=base.source), home=home)
    assert planned.backend.name == "transformers"
    assert "no bfloat16" in planned.estimate.backend_reason
    assert "float16" in planned.estimate.backend_reason
    assert planned.estimate.gradient_checkpointing
    assert planned.estimate.memory_gib["weights"] == pytest.approx(
        4 * Shapes(planned.config, QUICK).base / GIB, abs=1e-3
    )


@pytest.mark.usefixtures("t4")
def test_unsloth_is_refused_there_before_it_is_imported(prepared: Connection, home: Path) -> None:
    with pytest.raises(ModelError, match="bfloat16") as error:
        plan(prepared, QUICK.changed(backend="unsloth"), home=home)
    assert "Leave out --backend unsloth" in error.value.hint


@pytest.mark.usefixtures("t4")
def test_fsdp_is_refused_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(ModelError, match="FSDP computes in bfloat16"):
        adapt_to(QUICK, Backend("transformers", ""), "cuda")


@pytest.mark.usefixtures("t4")
def test_a_t4_is_given_a_model_that_fits_it() -> None:
    chosen = resolve_settings(None, {}, **card())
    assert (chosen.model, chosen.four_bit) == ("unsloth/Qwen3-4B-Base", True)
    assert choose_backend("auto", "cuda").name == "transformers"


@pytest.fixture
def scalers(monkeypatch: pytest.MonkeyPatch) -> list[torch.amp.GradScaler]:
    """Let this CPU compute as a card without bfloat16 does: float32 weights, float16 products, a scaled loss.

    accelerate makes a scaler for cards only. Here it gets the same one for the CPU, with a scale that is too high.
    """
    made: list[torch.amp.GradScaler] = []
    begin = Accelerator.__init__

    def begin_with_scaler(self: Accelerator, *arguments: Any, **options: Any) -> None:
        begin(self, *arguments, **options)
        assert self.mixed_precision == "fp16"
        self.native_amp, self.scaler = True, torch.amp.GradScaler("cpu", init_scale=2.0**20)
        made.append(self.scaler)

    monkeypatch.setattr(trainers, "precision", lambda *_: Precision(torch.float32, torch.float16))
    monkeypatch.setattr(Accelerator, "__init__", begin_with_scaler)
    return made


def test_a_run_in_float16_learns_as_one_in_float32_does(
    prepared: Connection, home: Path, scalers: list[torch.amp.GradScaler], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = QUICK.changed(learning_rate=1e-2)
    half = train(prepared, settings, home=home)
    (scaler,) = scalers
    steps = log.read(Path(half.run) / LOG)
    dropped = sum(not math.isfinite(step.grad_norm) for step in steps)
    assert 1 <= dropped <= 6  # while the scale was too high
    assert scaler.get_scale() == 2.0 ** (20 - dropped)
    assert all(math.isfinite(step.loss) for step in steps)
    adapter = load_file(Path(half.run) / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in adapter.values()} == {torch.float32}
    assert all(bool(tensor.isfinite().all()) for tensor in adapter.values())
    monkeypatch.undo()
    monkeypatch.setenv("VQ_HOME", str(home))
    whole = train(prepared, settings, home=home)
    assert half.first_loss == pytest.approx(whole.first_loss, rel=2e-3)
    assert half.last_loss is not None
    assert half.first_loss is not None
    assert half.last_loss < half.first_loss - 0.3


def test_the_scale_of_the_loss_is_kept_for_a_run_that_goes_on(
    prepared: Connection, home: Path, scalers: list[torch.amp.GradScaler]
) -> None:
    scales: dict[int, float] = {}

    def interrupt(step: Step) -> None:
        scales[step.step] = scalers[-1].get_scale()
        if step.step == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted):
        run(prepared, plan(prepared, QUICK.changed(max_steps=5), home=home), observe=interrupt)
    assert max(scales) < 5
    train(prepared, QUICK, home=home, resume=True, observe=interrupt)
    assert list(scales) == [1, 2, 3, 4, 5]
    assert len(scalers) == 2
    for step in range(1, 5):  # as high as before, or halved once more: never back at its beginning
        assert scales[step + 1] in (scales[step], scales[step] / 2)
    assert scales[1] > scales[3]
