"""Which framework runs a model, and why."""

from __future__ import annotations

import pytest

from ventriloquist.errors import MissingExtraError, ModelError, SettingsError
from ventriloquist.model import framework
from ventriloquist.model.framework import choose_framework


class Config:
    model_type = "gemma2"
    layer_types = ("sliding_attention", "full_attention")


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    monkeypatch.setattr(framework, "find_spec", lambda name: object())


def test_elsewhere_than_on_apple_silicon_it_is_transformers() -> None:
    chosen = choose_framework()
    assert (chosen.name, chosen.reason) == ("transformers", "this is not a Mac with Apple silicon")


@pytest.mark.usefixtures("mac")
def test_on_apple_silicon_it_is_mlx_unless_something_else_is_set_or_the_model_needs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert choose_framework().name == "mlx"
    assert choose_framework("transformers").reason == "as set"
    assert choose_framework("unsloth").reason == "Unsloth only trains"
    assert choose_framework("auto", "qwen3").name == "mlx"
    assert choose_framework("auto", "stablelm").reason == "mlx_lm does not have stablelm models as they are"
    assert choose_framework("auto", Config()).reason == "mlx_lm does not have gemma2 models as they are"
    with pytest.raises(ModelError, match="cannot run this base model"):
        choose_framework("mlx", Config())
    monkeypatch.setattr(framework, "find_spec", lambda name: None)
    assert choose_framework().reason == "MLX is not installed"
    with pytest.raises(MissingExtraError, match="MLX is not installed") as error:
        choose_framework("mlx")
    assert "[mlx]" in (error.value.hint or "")


def test_a_back_end_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SettingsError, match="VQ_BACKEND is 'metal'"):
        choose_framework("metal")
