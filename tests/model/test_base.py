from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from ventriloquist.errors import ModelError
from ventriloquist.model.base import Base, resolve
from ventriloquist.model.precision import multiply_fast


@pytest.fixture
def multiplying() -> Iterator[None]:
    """Leave torch as it was."""
    before, threads = torch.get_float32_matmul_precision(), torch.get_num_threads()
    yield
    torch.set_float32_matmul_precision(before)
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("multiplying")
def test_fast_products_are_those_of_float32() -> None:
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.randn(512, 512, generator=generator) for _ in range(2))
    multiply_fast()
    exact = one.double() @ other.double()
    assert ((one @ other) - exact).abs().max() < 1e-3  # in bf16 it would be 0.2


@pytest.mark.usefixtures("multiplying")
def test_torch_takes_no_more_threads_than_a_container_has_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "2")  # joblib reads it beside the container's limits
    torch.set_num_threads(16)
    multiply_fast()
    assert torch.get_num_threads() == min(2, os.cpu_count() or 1)
    torch.set_num_threads(1)
    multiply_fast()
    assert torch.get_num_threads() == 1


@pytest.mark.usefixtures("multiplying")
def test_the_users_number_of_threads_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "16")
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    torch.set_num_threads(16)
    multiply_fast()
    assert torch.get_num_threads() == 16


@pytest.mark.parametrize(
    "name", ["/nowhere/model", "./model", "../model", "~/model", "runs/of/mine", "~no-such-user/model"]
)
def test_a_folder_that_is_not_there_is_not_asked_for_on_the_hub(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no folder"):
        resolve(name, tmp_path)


def test_an_id_is_one_of_the_hub(tmp_path: Path) -> None:
    assert resolve("unsloth/Qwen3-8B-Base", tmp_path) == Base("unsloth/Qwen3-8B-Base")


@pytest.mark.parametrize(("name", "meant"), [("tinny", "tiny"), ("Tiny", "tiny"), ("smolm2", "smollm2")])
def test_a_misspelt_built_in_model_is_not_looked_for_on_the_hub(name: str, meant: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no model called") as caught:
        resolve(name, tmp_path)
    assert caught.value.hint == f"Did you mean {meant}?"
    assert resolve("gpt2", tmp_path) == Base("gpt2")  # an old id of the hub has no owner


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not a model"):
        resolve(str(tmp_path), tmp_path)
