"""Macs: MLX is chosen on Apple silicon, and a Mac's unified memory decides on model and settings."""

from __future__ import annotations

import platform
import sys
from typing import Any

import pytest
from test_memory import config_of

from ventriloquist.errors import MissingExtraError, ModelError
from ventriloquist.model import extras
from ventriloquist.train import backends, preset, resolve_settings
from ventriloquist.train.backends import Backend, adapt_to, choose_backend, machine_memory, without_obstacle
from ventriloquist.train.memory import GIB, Shapes
from ventriloquist.train.presets import PRESETS

QWEN = "unsloth/Qwen3-{}-Base"


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this machine look like a Mac with Apple silicon and the extra `mlx`."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    monkeypatch.setattr(backends, "has_mlx", lambda: True)


@pytest.mark.usefixtures("mac")
def test_apple_silicon_with_mlx_trains_with_it_unless_another_back_end_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert choose_backend("auto", "mps") == Backend("mlx", "this is Apple silicon and MLX is installed")
    assert choose_backend("transformers", "mps").name == "transformers"
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert choose_backend("auto", "cpu").name == "transformers"
    assert choose_backend("mlx", "cpu").name == "mlx"


@pytest.mark.usefixtures("mac")
def test_a_mac_that_trains_without_mlx_is_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert choose_backend("auto", "mps") == Backend("transformers", "several processes train together")
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setattr(backends, "has_mlx", lambda: False)
    assert choose_backend("auto", "mps") == Backend("transformers", "MLX is not installed")


@pytest.mark.usefixtures("mac")
def test_a_mac_without_an_extra_is_told_of_the_one_for_macs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="extra `mlx`") as error:
        extras.require_train_extra()
    assert "[mlx]" in error.value.hint
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    with pytest.raises(MissingExtraError, match="extra `train`") as error:
        extras.require_train_extra()
    assert "[train]" in error.value.hint


@pytest.mark.usefixtures("mac")
def test_several_processes_do_not_train_with_mlx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert choose_backend("auto", "mps").name == "transformers"
    with pytest.raises(ModelError, match="MLX trains in one process"):
        choose_backend("mlx", "mps")


@pytest.mark.parametrize("begun", [False, True])
def test_mlx_that_is_missing_is_said_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    monkeypatch.setattr(backends, "has_mlx", lambda: False)
    with pytest.raises(MissingExtraError, match="MLX is not installed") as error:
        choose_backend("mlx", "cpu", begun=begun)
    assert ("that run began with it" in str(error.value)) is begun
    assert "[mlx]" in error.value.hint


def test_a_base_model_that_mlx_does_not_have_trains_with_transformers_unless_mlx_is_asked_for() -> None:
    gemma: Any = type("Config", (), {"model_type": "gemma"})()
    chosen = Backend("mlx", "this is Apple silicon and MLX is installed")
    assert without_obstacle(chosen, "auto", gemma).name == "transformers"
    assert "gemma" in without_obstacle(chosen, "auto", gemma).reason
    assert without_obstacle(chosen, "auto", config_of("1.7b")) == chosen
    with pytest.raises(ModelError, match="MLX cannot train"):
        without_obstacle(chosen, "mlx", gemma)


def test_four_bits_need_no_bitsandbytes_with_mlx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "has_bitsandbytes", lambda: False)
    adapted = adapt_to(preset("tiny").changed(four_bit=True), Backend("mlx", "as set"), "metal")
    assert (adapted.four_bit, adapted.backend) == (True, "mlx")
    assert adapted.gradient_checkpointing is not False


@pytest.mark.parametrize(
    ("unified", "size", "name"),
    [
        (8, "1.7B", "16gb"), (16, "1.7B", "16gb"), (24, "1.7B", "16gb"), (32, "4B", "32gb"), (36, "4B", "32gb"),
        (48, "4B", "32gb"), (64, "8B", "64gb"), (96, "8B", "64gb"), (128, "8B", "128gb"), (512, "8B", "128gb"),
    ],
)  # fmt: skip
def test_unified_memory_decides_on_the_model_and_its_settings(unified: int, size: str, name: str) -> None:
    chosen = resolve_settings(None, {}, memory_gib=0.7 * unified, unified_gib=unified)
    assert chosen.model == QWEN.format(size)
    assert chosen == PRESETS[f"mac-{name}"].settings.changed(backend="auto")


def test_a_model_that_is_named_gets_a_macs_settings_or_those_of_a_card() -> None:
    memory = {"memory_gib": 48.0, "unified_gib": 64.0}
    assert resolve_settings(None, {"model": QWEN.format("4B")}, **memory).max_length == 3072
    assert resolve_settings(None, {"model": "smollm2"}, **memory) == PRESETS["smollm2"].settings
    small = {"memory_gib": 10.7, "unified_gib": 16.0}
    assert resolve_settings(None, {"model": QWEN.format("0.6B")}, **small) == PRESETS["qwen3-0.6b"].settings
    assert resolve_settings("mac-32gb", {"rank": 8}, **small).rank == 8
    assert resolve_settings(None, {}).model == QWEN.format("8B")  # elsewhere nothing changes


@pytest.mark.parametrize(("name", "size"), [("16gb", "1.7b"), ("32gb", "4b"), ("64gb", "8b"), ("128gb", "8b")])
def test_a_macs_preset_fits_into_what_its_gpu_may_use(name: str, size: str) -> None:
    unified, settings = PRESETS[f"mac-{name}"]
    recommended = unified * (2 / 3 if unified <= 36 else 3 / 4)  # what macOS lets a GPU use
    shapes = Shapes(config_of(size), settings)
    needed = sum(shapes.memory(settings, "metal", settings.max_length, settings.max_length // 2).values()) / GIB
    assert 0.4 * recommended < needed < 0.85 * recommended


def test_mlx_is_planned_with_the_attention_of_a_layer_and_a_few_logits() -> None:
    settings = preset(QWEN.format("8B")).changed(backend="mlx", adam_8bit=False, max_length=4096)
    shapes = Shapes(config_of("8b"), settings)
    short, long = (shapes.memory(settings, "metal", tokens, 2000) for tokens in (2048, 4096))
    assert long["attention"] == 4 * short["attention"] > GIB
    assert long["logits"] == short["logits"] < 1.25 * GIB
    four = shapes.memory(settings.changed(four_bit=True), "metal", 2048, 2000)
    assert four["weights"] < 0.45 * short["weights"]


def test_a_machine_without_mlx_has_no_unified_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "has_mlx", lambda: False)
    assert "unified_gib" not in machine_memory("mlx")
    assert "unified_gib" not in machine_memory(None)
