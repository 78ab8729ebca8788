"""Processes that share one model (FSDP) do what one process does that has it whole, and leave the same files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from processes import process_of_rank
from safetensors.numpy import load_file
from stages import train

from ventriloquist.errors import ModelError
from ventriloquist.layout import CHECKPOINTS, LOG
from ventriloquist.model.adapter import WEIGHTS, load_adapter
from ventriloquist.model.corpus import load_corpus
from ventriloquist.store import Connection, open_database
from ventriloquist.train import log, preset
from ventriloquist.train.backends import Backend, adapt_to
from ventriloquist.train.checkpoints import newest_whole_checkpoint, step_of
from ventriloquist.train.folder import begin, check_resumable
from ventriloquist.train.loss import held_out_nats, target_loss
from ventriloquist.train.ranks import join
from ventriloquist.train.rows import PackedRow
from ventriloquist.train.settings import TrainSettings
from ventriloquist.train.tensors import row_tensors
from ventriloquist.train.validation import Validation

SETTINGS = preset("tiny").changed(
    max_steps=6, rows_per_step=4, max_length=512, targets_per_window=8, context=8, window=9,
    rank=3, alpha=6,  # two processes cannot halve it
    validations=2, validation_messages=8, save_minutes=0.0,
)  # fmt: skip

# what `accelerate config` writes for FSDP 2, but for the number of processes and the precision of CPUs
CONFIG = """\
compute_environment: LOCAL_MACHINE
distributed_type: FSDP
downcast_bf16: 'no'
fsdp_config:
  fsdp_activation_checkpointing: false
  fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP
  fsdp_cpu_ram_efficient_loading: true
  fsdp_offload_params: false
  fsdp_reshard_after_forward: true
  fsdp_state_dict_type: SHARDED_STATE_DICT
  fsdp_version: 2
machine_rank: 0
main_training_function: main
mixed_precision: 'no'
num_machines: 1
num_processes: 2
rdzv_backend: static
same_network: true
"""
BY_FLAGS = [
    "--use_fsdp", "--fsdp_version", "2", "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no",
    "--dynamo_backend", "no", "--fsdp_cpu_ram_efficient_loading", "false",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _no_configuration_of_the_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))


def accelerate(launch: list[str], *arguments: str) -> list[str]:
    """Return a command that trains in two processes; `launch` is what `accelerate launch` is told."""
    start = [sys.executable, "-m", "accelerate.commands.launch", *launch, "--main_process_port", "0"]
    return [*start, str(Path(__file__).with_name("fsdp_on_cpus.py")), "train", *arguments, "--json"]


def by_file(home: Path) -> list[str]:
    (home / "fsdp.yaml").write_text(CONFIG, encoding="utf-8")
    return ["--config_file", str(home / "fsdp.yaml")]


def written(home: Path, settings: TrainSettings) -> str:
    (home / "settings.json").write_text(settings.model_dump_json(), encoding="utf-8")
    return str(home / "settings.json")


def weights(folder: Path) -> dict[str, np.ndarray]:
    return load_file(folder / WEIGHTS)


def assert_alike(folder: Path, expected: Path) -> None:
    """Check that two runs have the same log and the same adapter, to a hundredth of how far its weights have moved."""
    steps, others = log.read(folder / LOG), log.read(expected / LOG)
    assert [step.step for step in steps] == [step.step for step in others]
    assert [step.loss for step in steps] == pytest.approx([step.loss for step in others], rel=1e-5)
    assert [step.grad_norm for step in steps] == pytest.approx([step.grad_norm for step in others], rel=1e-3)
    bits = [[step.bits_per_character for step in run if step.bits_per_character is not None] for run in (steps, others)]
    assert bits[0] == pytest.approx(bits[1], rel=1e-4)
    whole = weights(expected)
    moved = max(float(abs(tensor).max()) for name, tensor in whole.items() if "lora_B" in name)  # from zero
    for name, tensor in weights(folder).items():
        np.testing.assert_allclose(tensor, whole.pop(name), rtol=0, atol=moved / 100)
    assert not whole


@pytest.mark.slow  # twice two processes that import torch
def test_a_run_that_a_signal_stopped_goes_on_sharded_or_not_to_what_one_process_makes(
    prepared: Connection, home: Path, tmp_path: Path
) -> None:
    expected = Path(train(prepared, SETTINGS, home=home).run)
    whole = {path.name for path in home.glob("runs/*")}
    command = accelerate(by_file(home), "--config", written(home, SETTINGS))
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as launcher:
        assert launcher.stderr is not None
        said = []
        for line in launcher.stderr:
            said.append(line)
            if line.startswith("step 2 of"):
                os.kill(process_of_rank(1, launcher.pid), signal.SIGTERM)
                break
        try:
            said.append(launcher.communicate(timeout=240)[1])
        finally:
            launcher.kill()  # nothing where it has ended
    (folder,) = (path for path in home.glob("runs/*") if path.name not in whole)
    checkpoint = newest_whole_checkpoint(folder / CHECKPOINTS)
    assert checkpoint is not None, "".join(said)[-2000:]
    assert 2 <= step_of(checkpoint) == log.read(folder / LOG)[-1].step < 6
    moments = torch.load(checkpoint / "optimizer.pt", weights_only=True)["state"]
    assert {type(value) for state in moments.values() for value in state.values()} == {torch.Tensor}

    copied = tmp_path / "copied"
    shutil.copytree(home, copied)
    with open_database(copied) as db:
        alone = Path(train(db, SETTINGS, home=copied, resume=True).run)
    assert alone.name == folder.name
    assert_alike(alone, expected)

    resumed = accelerate(BY_FLAGS, "--resume")
    finished = subprocess.run(resumed, capture_output=True, text=True, check=False, timeout=300)
    assert finished.returncode == 0, finished.stderr[-2000:]
    (line,) = finished.stdout.splitlines()  # of the main process alone
    assert (json.loads(line)["run"], json.loads(line)["plan"]["processes"]) == (str(folder), 2)
    assert_alike(folder, expected)
    assert load_adapter(folder).manifest.settings == load_adapter(expected).manifest.settings


@pytest.mark.slow  # two processes that import torch
def test_the_best_weights_are_kept_and_the_run_ends_when_validation_stops_getting_better(
    prepared: Connection, home: Path
) -> None:
    settings = SETTINGS.changed(
        max_steps=30, epochs=9, validations=30, rows_per_step=2, learning_rate=3.0, warmup=0.1, patience=3
    )
    command = accelerate([*BY_FLAGS, "--fsdp_reshard_after_forward", "false"], "--config", written(home, settings))
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert finished.returncode == 0, finished.stderr[-2000:]
    summary = json.loads(finished.stdout)
    assert summary["stopped_early"]
    assert summary["best_step"] + 3 < summary["steps"] < 30
    folder = Path(summary["run"])
    assert (log.read(folder / LOG)[-1].bits_per_character or 0) > 1.001 * summary["bits_per_character"]
    adapter = load_adapter(folder)
    corpus = load_corpus(prepared, adapter.tokenizer, home / "tokens")

    def nats(row: PackedRow) -> float:
        tensors = row_tensors(corpus, row, split="validation", content_only=True)
        return held_out_nats(adapter.model, target_loss, tensors, "cpu")

    bits = Validation(corpus, settings).bits_per_character(nats)
    assert bits == pytest.approx(summary["bits_per_character"], rel=1e-4)


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"ACCELERATE_USE_DEEPSPEED": "true"}, "DeepSpeed"),
        ({"ACCELERATE_USE_PARALLELISM_CONFIG": "true"}, "several dimensions"),
        ({"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "1"}, "FSDP 1"),
        ({"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}, "FSDP in one process"),
        ({"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "FSDP_OFFLOAD_PARAMS": "true"}, "on the CPU"),
    ],
)
def test_what_is_not_supported_is_refused_in_a_line(
    environment: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ModelError, match=named) as error:
        join("cuda")
    assert "--fsdp_version 2" in error.value.hint


@pytest.fixture
def sharded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say that four processes share the model."""
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    monkeypatch.setenv("WORLD_SIZE", "4")


@pytest.mark.usefixtures("sharded", "ampere")
def test_weights_in_four_bits_are_refused_and_moments_in_eight_left_out() -> None:
    settings = TrainSettings(backend="transformers", adam_8bit=True)
    assert not adapt_to(settings, Backend("transformers", ""), "cuda").adam_8bit
    with pytest.raises(ModelError, match="4-bit") as error:
        adapt_to(settings.changed(four_bit=True), Backend("transformers", ""), "cuda")
    assert "--no-four-bit" in error.value.hint


@pytest.mark.usefixtures("sharded", "ampere")
def test_a_run_that_began_with_moments_in_eight_bits_does_not_go_on_with_others(tmp_path: Path) -> None:
    settings = TrainSettings(backend="transformers", adam_8bit=True)
    begin(tmp_path / "run", settings, "data")
    check_resumable(tmp_path / "run", settings, "data")
    with pytest.raises(ModelError, match="8-bit Adam"):
        check_resumable(tmp_path / "run", adapt_to(settings, Backend("transformers", ""), "cuda"), "data")
