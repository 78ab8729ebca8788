"""Memory by part, from a configuration alone; what cannot fit is refused, and the way down is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from cards import QWEN3, config_of, fitted
from stages import train
from transformers import AutoModelForCausalLM, Qwen3Config

from ventriloquist.errors import ModelError
from ventriloquist.model import tiny
from ventriloquist.store import Connection
from ventriloquist.train import TrainPlan, TrainSettings, measure_time, plan, preset, run
from ventriloquist.train.backends import add_lora
from ventriloquist.train.loss import target_loss
from ventriloquist.train.memory import (
    GIB,
    Rung,
    Shapes,
    _left_to_container,
    check_memory,
    check_offloaded,
    exhaustion_explained,
    ladder,
    with_checkpointing,
)
from ventriloquist.train.presets import PRESETS


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
    settings = TrainSettings(rank=6, alpha=12, top_layers=3)
    lora = add_lora(model, settings)
    trained = sum(parameter.numel() for parameter in lora.parameters() if parameter.requires_grad)
    assert Shapes(model.config, settings).trainable == trained


@pytest.mark.parametrize("name", [name for name in PRESETS if name.startswith("qwen")])
@pytest.mark.parametrize("backend", ["unsloth", "transformers"])
def test_every_preset_fits_the_device_that_it_is_for(name: str, backend: str) -> None:
    preset = PRESETS[name]
    needed = fitted(preset.settings.changed(backend=backend), 0.97 * preset.memory_gib).needed_gib
    assert needed < 0.92 * preset.memory_gib


def kept_by_a_layer(hidden: int, intermediate: int, heads: int, kv_heads: int) -> tuple[float, Shapes]:
    """Return the bytes of a token that one layer with LoRA really keeps for its gradient in 16 bits."""
    tokens, kept = 256, {}
    for layers in (1, 2):
        config = Qwen3Config(
            hidden_size=hidden, intermediate_size=intermediate, num_hidden_layers=layers, num_attention_heads=heads,
            num_key_value_heads=kv_heads, head_dim=32, vocab_size=64,
        )  # fmt: skip
        model = add_lora(AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16), TrainSettings(rank=1, alpha=2))
        parameters = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
        saved: dict[int, torch.Tensor] = {}

        def note(tensor: torch.Tensor, saved: dict[int, torch.Tensor] = saved) -> torch.Tensor:
            saved[tensor.untyped_storage().data_ptr()] = tensor
            return tensor

        row = {
            "input_ids": torch.zeros((1, tokens), dtype=torch.int64),
            "position_ids": torch.arange(tokens)[None],
            "labels": torch.tensor([[-100] * (tokens - 1) + [1]]),
        }
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor), torch.autocast("cpu"):
            target_loss(model.train(), row)
        kept[layers] = sum(
            tensor.untyped_storage().nbytes() for place, tensor in saved.items() if place not in parameters
        )
    return (kept[2] - kept[1]) / tokens, Shapes(config, TrainSettings())


@pytest.mark.parametrize("sizes", [(128, 384, 4, 1), (256, 384, 4, 2), (128, 768, 8, 4), (256, 768, 16, 2)])
def test_the_activations_that_a_layer_keeps_in_16_bits_are_counted(sizes: tuple[int, int, int, int]) -> None:
    kept, shapes = kept_by_a_layer(*sizes)
    assert shapes._inside(2) == pytest.approx(kept, rel=0.06)  # the rest is norms and copies of LoRA weights


def test_without_checkpointing_the_inside_of_every_layer_is_kept() -> None:
    settings = TrainSettings(gradient_checkpointing=True, max_length=6144)
    shapes = Shapes(config_of("8b"), settings)
    plain, without = (
        shapes.memory(settings.changed(gradient_checkpointing=on), "cuda", 6144, 2400, weights=2)["activations"]
        for on in (True, False)
    )
    assert without / GIB == pytest.approx(6144 * 110_592 * 2 * 36 / GIB + 349_175_808 * 2 / GIB)
    assert plain / GIB == pytest.approx(6144 * (110_592 * 2 + 4096 * 36 * 2) / GIB)


def test_what_unsloth_offloads_is_not_counted_on_the_card() -> None:
    settings = TrainSettings(backend="unsloth", gradient_checkpointing=True)
    shapes = Shapes(config_of("8b"), settings)
    hidden_states = 6144 * 4096 * 36 * 2
    assert shapes.offloaded(settings, 6144) == hidden_states
    assert shapes.offloaded(settings.changed(gradient_checkpointing=False), 6144) == 0
    assert shapes.offloaded(settings.changed(backend="transformers"), 6144) == 0
    on_card, plain = (
        shapes.memory(settings.changed(backend=backend), "cuda", 6144, 512, weights=2)["activations"]
        for backend in ("unsloth", "transformers")
    )
    assert plain - on_card == hidden_states * (36 - 3) / 36  # two buffers and the last layer's stay


def test_a_machine_without_room_for_what_unsloth_offloads_is_refused() -> None:
    check_offloaded(1.7, 1.8)
    with pytest.raises(ModelError, match=r"1\.7 GiB of hidden states"):
        check_offloaded(1.7, 1.6)


@pytest.mark.parametrize(
    ("size", "supervised", "chunk"), [("8b", 2400, 512), ("8b", 300, 300), ("8b", 60_000, 1024), ("0.6b", 2400, 512)]
)
def test_unsloths_logits_are_those_of_one_of_its_chunks(size: str, supervised: int, chunk: int) -> None:
    settings = TrainSettings(backend="unsloth")
    shapes = Shapes(config_of(size), settings)
    assert shapes.chunk(supervised) == chunk
    assert shapes.memory(settings, "cuda", 6144, supervised, weights=2)["logits"] == chunk * 151_936 * 10


def test_gradient_checkpointing_is_left_out_only_where_everything_fits_with_room() -> None:
    settings = TrainSettings(backend="transformers")
    shapes = Shapes(config_of("8b"), settings)
    full = shapes, settings, "cuda", 6144, 2400
    needed = sum(shapes.memory(settings.changed(gradient_checkpointing=False), "cuda", 6144, 2400, weights=2).values())
    assert with_checkpointing(*full, 1.12 * needed, weights=2).gradient_checkpointing is False
    assert with_checkpointing(*full, 1.10 * needed, weights=2).gradient_checkpointing is True
    assert with_checkpointing(*full, 9 * needed, weights=4).gradient_checkpointing is True  # without bfloat16
    asked = settings.changed(gradient_checkpointing=False)
    assert with_checkpointing(shapes, asked, "cuda", 6144, 2400, 0, weights=2) == asked
    assert with_checkpointing(shapes, settings, "mps", 6144, 2400, 9 * needed).gradient_checkpointing is True


def test_a_run_without_checkpointing_that_does_not_fit_is_told_to_switch_it_on() -> None:
    settings = TrainSettings(gradient_checkpointing=False, four_bit=True)
    rungs = ladder(Shapes(config_of("8b"), settings), settings, "mps", 6144, 2400)
    assert rungs[0].changes == "gradient_checkpointing = true in --config"
    assert rungs[0].gib < 30


@pytest.mark.usefixtures("ampere")
def test_each_rung_of_the_ladder_needs_less() -> None:
    settings = TrainSettings(adam_8bit=False)
    shapes = Shapes(config_of("8b"), settings)
    rungs = ladder(shapes, settings, "cuda", 8192, 3000)
    assert [rung.gib for rung in rungs] == sorted((rung.gib for rung in rungs), reverse=True)
    assert "--four-bit" in rungs[-1].changes
    assert "8-bit Adam" in rungs[-1].changes
    assert rungs[-1].changes.count("--rank") == rungs[-1].changes.count("--max-length") == 1


@pytest.mark.usefixtures("ampere")
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


@pytest.mark.parametrize(
    ("folder", "limit", "usage", "prefix"),
    [(".", "memory.max", "memory.current", ""),
     ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_")],
    ids=["v2", "v1"],
)  # fmt: skip
def test_a_containers_limit_counts_and_cached_files_do_not(
    tmp_path: Path, folder: str, limit: str, usage: str, prefix: str
) -> None:
    assert _left_to_container(tmp_path) is None
    cgroup = tmp_path / folder
    cgroup.mkdir(exist_ok=True)
    (cgroup / usage).write_text(f"{3 * GIB}\n")
    (cgroup / "memory.stat").write_text(f"anon 7\n{prefix}inactive_file {GIB}\n{prefix}active_file {GIB}\n")
    (cgroup / limit).write_text("max\n")
    assert _left_to_container(tmp_path) is None
    (cgroup / limit).write_text(f"{6 * GIB}\n")
    assert _left_to_container(tmp_path) == 5 * GIB
