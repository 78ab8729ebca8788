"""MLX on a CPU, beside transformers: `make test-mlx`, in an environment of its own. Elsewhere this is skipped."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ventriloquist.errors import ModelError
from ventriloquist.layout import BASE
from ventriloquist.model.adapter import load_adapter
from ventriloquist.model.base import Base
from ventriloquist.model.configs import read_adapter_config
from ventriloquist.model.mlx_adapter import (
    load_mlx_adapter_weights,
    lora_modules,
    peft_weights,
    put_on_mlx,
    save_mlx_adapter,
)
from ventriloquist.model.mlx_base import load_mlx_base

mx = pytest.importorskip("mlx.core")

IDS = list(range(5, 90, 3))


def options(folder: Path) -> dict[str, Any]:
    config = read_adapter_config(folder)
    return {"r": config.r, "lora_alpha": config.lora_alpha, "target_modules": config.target_modules}


def logits(model: Any) -> np.ndarray:
    return np.array(model(mx.array([IDS]))[0])


def torch_logits(model: Any) -> np.ndarray:
    with torch.inference_mode():
        return model(input_ids=torch.tensor([IDS])).logits[0].numpy()


def test_an_adapter_of_peft_gives_the_same_logits_in_mlx(run: Path) -> None:
    adapter = load_adapter(run)
    model = load_mlx_base(Base(str(run / BASE)))
    with adapter.disabled() as bare:
        assert np.abs(logits(model) - torch_logits(bare)).max() < 1e-4
    before = logits(model)
    load_mlx_adapter_weights(put_on_mlx(model, **options(run)), run)
    assert np.abs(logits(model) - torch_logits(adapter.model)).max() < 1e-4
    assert np.abs(logits(model) - before).max() > 0.1


def test_an_adapter_of_mlx_gives_the_same_logits_in_peft(run: Path, tmp_path: Path) -> None:
    shape = {"r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "down_proj"], "layers_to_transform": [1, 3]}
    model = put_on_mlx(load_mlx_base(Base(str(run / BASE))), **shape)
    for _, module in lora_modules(model):
        module.lora_b = mx.random.normal(module.lora_b.shape) * 0.2
    folder = tmp_path / "of-mlx"
    shutil.copytree(run, folder)
    save_mlx_adapter(model, folder, **shape)
    assert len(peft_weights(model)) == 2 * 2 * 2
    assert np.abs(logits(model) - torch_logits(load_adapter(folder).model)).max() < 1e-4


def test_only_the_adapter_can_be_trained(run: Path) -> None:
    from mlx.utils import tree_flatten

    model = put_on_mlx(load_mlx_base(Base(str(run / BASE))), r=4, lora_alpha=8)
    names = [name for name, _ in tree_flatten(model.trainable_parameters())]
    assert len(names) == 4 * 7 * 2
    assert all(name.endswith(("lora_a", "lora_b")) for name in names)


def test_four_bits_quantise_the_linears_alone(run: Path) -> None:
    from mlx import nn

    exact, model = load_mlx_base(Base(str(run / BASE))), load_mlx_base(Base(str(run / BASE)), bits=4)
    quantised = [name for name, module in model.named_modules() if isinstance(module, nn.QuantizedLinear)]
    assert len(quantised) == 4 * 7
    assert 0.9 < np.corrcoef(logits(model).ravel(), logits(exact).ravel())[0, 1] < 0.9999
    put_on_mlx(model, r=4, lora_alpha=8)
    assert len(list(lora_modules(model))) == 4 * 7


def test_an_adapter_for_another_model_is_refused(run: Path) -> None:
    model = put_on_mlx(load_mlx_base(Base(str(run / BASE))), r=4, lora_alpha=8)
    with pytest.raises(ModelError, match="another model, or incomplete"):
        load_mlx_adapter_weights(model, run)  # it has two linears only


def test_files_that_were_not_checked_are_not_read(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    shutil.copytree(run / BASE, folder)
    (folder / "model-more.safetensors").write_bytes(b"not checked")
    (folder / "hf_quant_config.json").write_text("{}")
    assert logits(load_mlx_base(Base(str(folder)))).shape == logits(load_mlx_base(Base(str(run / BASE)))).shape
