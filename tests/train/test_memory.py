"""Memory by part, from a configuration alone; what cannot fit is refused, and the way down is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from stages import train
from transformers import Qwen3Config

from ventriloquist.errors import ModelError
from ventriloquist.model import tiny
from ventriloquist.store import Connection
from ventriloquist.train import TrainPlan, TrainSettings, measure_time, plan, preset, run
from ventriloquist.train.memory import GIB, Rung, Shapes, check_memory, exhaustion_explained, ladder
from ventriloquist.train.presets import PRESETS

# the published configurations: parameters, and those of the adapter of rank 128 on all seven linears
QWEN3 = {
    "8b": ({"hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36, "num_attention_heads": 32}, 8.19),
    "4b": ({"hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32}, 4.02),
    "1.7b": (
        {"hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28, "num_attention_heads": 16},
        1.72,
    ),
    "0.6b": (
        {"hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16},
        0.6,
    ),
}


def config_of(size: str) -> Qwen3Config:
    values, _ = QWEN3[size]
    return Qwen3Config(
        **values, vocab_size=151_936, num_key_value_heads=8, head_dim=128, tie_word_embeddings=size != "8b"
    )


def total(shapes: Shapes, settings: TrainSettings, device: str = "cuda", share: float = 0.4) -> float:
    tokens = settings.max_length
    return sum(shapes.memory(settings, device, tokens, int(share * tokens)).values()) / GIB


@pytest.mark.parametrize("size", QWEN3)
def test_parameters_are_those_of_the_published_models(size: str) -> None:
    shapes = Shapes(config_of(size), TrainSettings())
    assert shapes.base / 1e9 == pytest.approx(QWEN3[size][1], abs=0.01)


def test_rank_128_on_qwen3_8b_is_349_million_parameters() -> None:
    shapes = Shapes(config_of("8b"), TrainSettings())
    assert shapes.trainable == 349_175_808
    assert Shapes(config_of("8b"), TrainSettings(top_layers=9)).trainable == 349_175_808 // 4


def test_the_adapter_that_is_trained_has_the_parameters_of_the_plan(model: Any) -> None:
    from ventriloquist.train.backends import add_lora

    settings = TrainSettings(rank=6, alpha=12, top_layers=3)
    lora = add_lora(model, settings)
    trained = sum(parameter.numel() for parameter in lora.parameters() if parameter.requires_grad)
    assert Shapes(model.config, settings).trainable == trained


@pytest.mark.parametrize("name", [name for name in PRESETS if name.startswith("qwen")])
@pytest.mark.parametrize("backend", ["unsloth", "transformers"])
def test_every_preset_fits_the_device_that_it_is_for(name: str, backend: str) -> None:
    preset = PRESETS[name]
    shapes = Shapes(config_of(preset.settings.model.split("-")[1].lower()), preset.settings)
    assert total(shapes, preset.settings.changed(backend=backend)) < 0.92 * preset.memory_gib


def test_each_rung_of_the_ladder_needs_less() -> None:
    settings = TrainSettings(adam_8bit=False)
    shapes = Shapes(config_of("8b"), settings)
    rungs = ladder(shapes, settings, "cuda", 8192, 3000)
    assert [rung.gib for rung in rungs] == sorted((rung.gib for rung in rungs), reverse=True)
    assert "--four-bit" in rungs[-1].changes
    assert "8-bit Adam" in rungs[-1].changes
    assert rungs[-1].changes.count("--rank") == rungs[-1].changes.count("--max-length") == 1


def test_processes_that_share_a_model_have_their_part_of_it_and_what_is_gathered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = TrainSettings(adam_8bit=False)
    shapes = Shapes(config_of("8b"), settings)
    alone = shapes.memory(settings, "cuda", 8192, 3000)
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    monkeypatch.setenv("WORLD_SIZE", "4")
    shared = shapes.memory(settings, "cuda", 8192, 3000)
    assert (shared["weights"], shared["adapter"]) == (alone["weights"] / 4, alone["adapter"] / 4)
    assert (shared["activations"], shared["logits"]) == (alone["activations"], alone["logits"])
    assert shared["gathered"] / GIB == pytest.approx(
        3.04, abs=0.01
    )  # 2 × 151,936 × 4,096 and two of 36 layers, 16 bits
    rungs = ladder(shapes, settings, "cuda", 8192, 3000)
    assert not any(what in rung.changes for rung in rungs for what in ("--four-bit", "8-bit"))


def test_the_least_change_that_fits_is_named() -> None:
    rungs = [Rung("--max-length 4096", 30), Rung("--max-length 4096, --four-bit", 14), Rung("everything", 9)]
    check_memory("M", 24, 24, "cuda", rungs)
    with pytest.raises(ModelError) as error:
        check_memory("M", 40, 16, "cuda", rungs)
    assert "40 GiB" in error.value.what
    assert error.value.hint.startswith("Use --max-length 4096, --four-bit (about 14 GiB)")
    with pytest.raises(ModelError, match="40 GiB") as error:
        check_memory("M", 40, 8, "cuda", rungs)
    assert "would not be enough" in error.value.hint
    assert "smollm2" in error.value.hint


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9.05 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:80] data. DefaultCPUAllocator: not enough memory"),
        MemoryError(),
    ],
)
def test_exhausted_memory_is_answered_with_what_to_make_smaller(error: Exception) -> None:
    with pytest.raises(ModelError, match="memory of mps is exhausted") as answer, exhaustion_explained("mps"):
        raise error
    assert "--max-length" in answer.value.hint


def test_another_error_is_not_taken_for_exhausted_memory() -> None:
    with pytest.raises(RuntimeError, match="shapes"), exhaustion_explained("cpu"):
        raise RuntimeError("shapes cannot be multiplied")


@pytest.mark.parametrize("make", [measure_time, partial(run, None)], ids=["to measure", "to train"])
def test_memory_is_exhausted_wherever_a_model_is_made(
    prepared: Connection, home: Path, make: Callable[[TrainPlan], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhaust(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    planned = plan(prepared, preset("tiny").changed(max_steps=1, max_length=512), home=home)
    monkeypatch.setattr(torch.nn.Module, "to", exhaust)
    with pytest.raises(ModelError, match="exhausted"):
        make(planned)


def test_a_model_that_cannot_fit_is_refused_before_any_weights_are_looked_for(
    prepared: Connection, home: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "huge"
    tiny.build(["{}\n"], folder, seed=0)
    huge = {key: value for key, value in config_of("8b").to_dict().items() if key != "layer_types"}
    huge["num_hidden_layers"] = 500
    (folder / "config.json").write_text(json.dumps(huge), encoding="utf-8")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="GiB") as error:
        train(prepared, TrainSettings(model=str(folder)), home=home)
    assert "smollm2" in error.value.hint
    assert not list((home / "runs").glob("*"))
