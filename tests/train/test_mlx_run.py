"""Whole runs on MLX: what they leave is an adapter like any other. `make test-mlx`; skipped where MLX is missing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stages import train

pytest.importorskip("mlx.core")

import mlx.core as mx

from ventriloquist.errors import MissingExtraError, ModelError
from ventriloquist.layout import CHECKPOINTS, LOG, SETTINGS
from ventriloquist.model.adapter import WEIGHTS, load_adapter
from ventriloquist.model.base import SMOLLM2
from ventriloquist.model.manifest import read_manifest
from ventriloquist.model.smollm2 import find_gguf
from ventriloquist.store import Connection
from ventriloquist.train import Interrupted, Step, backends, log, measure_time, plan, preset
from ventriloquist.train.checkpoints import newest_whole_checkpoint, step_of
from ventriloquist.train.folder import unfinished_run

QUICK = preset("tiny").changed(
    backend="mlx", max_steps=4, max_length=128, targets_per_window=2, context=0, window=3, rank=4, alpha=8,
    rows_per_step=1, validations=2, validation_messages=4,
)  # fmt: skip
IDS = list(range(5, 60, 3))


def logits(folder: Path, backend: str) -> Any:
    """Return the logits of a run's adapter, as chat and eval load it with a back end."""
    model = load_adapter(folder, backend=backend).model
    if backend == "mlx":
        return np.array(model.module(mx.array([IDS]))[0])
    with torch.inference_mode():
        return model(input_ids=torch.tensor([IDS])).logits[0].numpy()


def test_a_run_of_mlx_leaves_an_adapter_that_both_back_ends_load_and_train_on(prepared: Connection, home: Path) -> None:
    first = train(prepared, QUICK.changed(learning_rate=1e-2), home=home)
    folder = Path(first.run)
    assert (first.plan.backend, first.plan.device) == ("mlx", "cpu")
    assert first.steps == 4
    assert first.bits_per_character is not None
    assert all(step.memory_gib > 0 for step in log.read(folder / LOG))
    assert json.loads((folder / SETTINGS).read_text())["backend"] == "mlx"
    assert {"mlx", "mlx-lm"} <= read_manifest(folder).packages.keys()
    assert not (folder / CHECKPOINTS).exists()
    assert np.abs(logits(folder, "mlx") - logits(folder, "transformers")).max() < 1e-4
    on_torch = train(prepared, QUICK.changed(backend="transformers", max_steps=1, continue_from=folder.name), home=home)
    assert on_torch.first_loss == pytest.approx(first.last_loss, rel=0.2)
    again = train(prepared, QUICK.changed(max_steps=1, continue_from=Path(on_torch.run).name), home=home)
    assert again.first_loss == pytest.approx(on_torch.first_loss, rel=0.02)  # the same row
    assert np.abs(logits(Path(again.run), "mlx") - logits(Path(again.run), "transformers")).max() < 1e-4


@pytest.mark.parametrize("four_bit", [False, True])
def test_a_dry_run_measures_the_time_of_a_step(prepared: Connection, home: Path, four_bit: bool) -> None:
    planned = measure_time(plan(prepared, QUICK.changed(four_bit=four_bit), home=home))
    assert planned.estimate.seconds_per_step is not None
    assert planned.estimate.seconds_per_step > 0
    assert planned.estimate.memory_gib["attention"] >= 0
    assert not list((home / "runs").glob("*"))


def test_weights_in_four_bits_train_and_layers_may_be_computed_again(prepared: Connection, home: Path) -> None:
    settings = QUICK.changed(four_bit=True, top_layers=2, learning_rate=1e-2, max_steps=3, validations=0)
    summary = train(prepared, settings, home=home)
    steps = log.read(Path(summary.run) / LOG)
    assert all(np.isfinite(step.loss) and step.grad_norm > 0 for step in steps)
    names = set(mx.load(str(Path(summary.run) / WEIGHTS)))
    assert {name.split(".layers.")[1].split(".")[0] for name in names} == {"2", "3"}


def test_a_signal_saves_the_run_and_it_goes_on_to_the_same_weights(prepared: Connection, home: Path) -> None:
    whole = train(prepared, QUICK, home=home)

    def stop(step: Step) -> None:
        if step.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted) as interrupted:
        train(prepared, QUICK, home=home, observe=stop)
    assert (interrupted.value.signal, interrupted.value.steps) == (signal.SIGTERM, 3)
    folder = unfinished_run(home / "runs")
    checkpoint = newest_whole_checkpoint(folder / CHECKPOINTS)
    assert checkpoint is not None
    assert step_of(checkpoint) == 3
    resumed = train(prepared, QUICK, home=home, resume=True)
    assert resumed.run == str(folder)
    assert [step.step for step in log.read(folder / LOG)] == [1, 2, 3, 4]
    assert (folder / WEIGHTS).read_bytes() == (Path(whole.run) / WEIGHTS).read_bytes()


@pytest.mark.slow  # two processes that import torch and MLX: nothing less is a kill
def test_going_on_after_a_kill_gives_the_adapter_of_a_run_that_nobody_killed(prepared: Connection, home: Path) -> None:
    settings = QUICK.changed(save_minutes=0.0, max_steps=6)
    expected = train(prepared, settings, home=home)
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from ventriloquist.store import open_database\n"
        "from ventriloquist.train import TrainSettings, plan, run\n"
        "home, resume = Path(sys.argv[1]), sys.argv[3] == 'resume'\n"
        "out = os.fdopen(os.dup(1), 'w')  # while a run trains, stdout is stderr\n"
        "with open_database(home) as db:\n"
        "    planned = plan(db, TrainSettings.model_validate_json(sys.argv[2]), home=home, resume=resume)\n"
        "    run(db, planned, observe=lambda step: print(step.step, file=out, flush=True))\n"
    )
    arguments = [sys.executable, "-c", script, str(home), settings.model_dump_json()]
    with subprocess.Popen([*arguments, "new"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()  # the checkpoint of the third step is being written
        process.kill()
    folder = unfinished_run(home / "runs")
    subprocess.run([*arguments, "resume"], check=True, stdout=subprocess.DEVNULL)
    assert (folder / WEIGHTS).read_bytes() == (Path(expected.run) / WEIGHTS).read_bytes()
    assert [step.step for step in log.read(folder / LOG)] == [1, 2, 3, 4, 5, 6]


def test_a_run_of_mlx_is_not_resumed_where_mlx_is_missing(
    prepared: Connection, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(step: Step) -> None:
        if step.step == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        train(prepared, QUICK, home=home, observe=stop)
    monkeypatch.setattr(backends, "has_mlx", lambda: False)
    with pytest.raises(MissingExtraError, match="MLX is not installed, and that run began with it"):
        plan(prepared, QUICK, home=home, resume=True)


def test_a_base_model_that_mlx_does_not_have_is_refused_before_any_weights_are_loaded(
    prepared: Connection, home: Path, tmp_path: Path
) -> None:
    from transformers import GemmaConfig, GemmaForCausalLM

    from ventriloquist.model import tiny

    tiny.build(["x\n"] * 50, tmp_path / "gemma", seed=0)
    shape = GemmaConfig(
        vocab_size=512, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=1,
        num_key_value_heads=1, head_dim=16,
    )  # fmt: skip
    GemmaForCausalLM(shape).save_pretrained(tmp_path / "gemma")
    with pytest.raises(ModelError, match="MLX cannot train this base model") as error:
        plan(prepared, QUICK.changed(model=str(tmp_path / "gemma")), home=home)
    assert "--backend transformers" in error.value.hint


@pytest.mark.slow
@pytest.mark.skipif(find_gguf() is None, reason="SmolLM2 is not installed")
def test_smollm2_trains_with_mlx(prepared: Connection, home: Path) -> None:
    settings = preset(SMOLLM2).changed(
        backend="mlx", max_steps=2, max_length=96, targets_per_window=2, rank=4, alpha=8, top_layers=4
    )
    summary = train(prepared, settings, home=home)
    assert summary.steps == 2
    assert summary.first_loss is not None
    assert 1 < summary.first_loss < 5  # a base model that knows English
    assert load_adapter(Path(summary.run), backend="mlx").model is not None
