"""Do base model, weights and adapter fit? Compared on a model without memory, from headers, before all is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ventriloquist.errors import ModelError
from ventriloquist.model.configs import LINEARS, AdapterConfig
from ventriloquist.model.gate import (
    CHECK_FILES,
    OTHER_ADAPTER,
    WEIGHTS,
    explained,
    read_tensors,
)

if TYPE_CHECKING:
    from ventriloquist.model.header import Tensor

UNUSED = ("rotary_emb.inv_freq", "lm_head.weight")  # what a file may have besides: it is computed, or tied


def skeleton(config: Any, name: str) -> Any:
    """Build a base model from its configuration without memory for its weights (on `meta`), and check its layers.

    Args:
        name: of the model, for the error.

    Raises:
        ModelError: it cannot be built, or a layer lacks one of the linears that LoRA is put on.
    """
    import torch
    from transformers import AutoModelForCausalLM

    with explained(f"The base model {name} cannot be built", CHECK_FILES), torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    found = {(layer, linear) for layer, linear, _, _ in linears(model)}
    for layer in range(config.num_hidden_layers):
        lacking = [linear for linear in LINEARS if (layer, linear) not in found]
        if lacking:
            raise ModelError(
                f"The base model {name} has no {lacking[0]} in its layer {layer}: LoRA cannot be put on it.",
                hint="Use another base model.",
            )
    return model


def check_weights(model: Any, tensors: dict[str, Tensor], name: str) -> None:
    """Check that every weight of a model is in its files, shaped as its configuration says, and no layer more.

    Args:
        model: a skeleton.
        tensors: what the headers of the files say.
        name: of the model, for the error.

    Raises:
        ModelError: one is missing, has another shape, or is one too many.
    """
    expected = {key: tuple(weight.shape) for key, weight in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        expected.pop("lm_head.weight", None)
    found = {
        key if key in expected else f"model.{key}" if f"model.{key}" in expected else key: tensor.shape
        for key, tensor in tensors.items()
    }
    missing = [key for key in expected if key not in found]
    if missing:
        raise ModelError(
            f"The base model {name} is not whole: {len(missing)} of {len(expected)} weights are missing,"
            f" {missing[0]} is the first.",
            hint=CHECK_FILES,
        )
    for key, shape in expected.items():
        if found[key] != shape:
            raise ModelError(
                f"The base model {name} does not fit its config.json: {key} is {_by(found[key])}, not {_by(shape)}.",
                hint=CHECK_FILES,
            )
    more = [key for key in found if key not in expected and key.startswith("model.") and not key.endswith(UNUSED)]
    if more:
        raise ModelError(
            f"The base model {name} does not fit its config.json: it has no place for {len(more)} weights, {more[0]} is"
            " the first.",
            hint=CHECK_FILES,
        )


def check_adapter(model: Any, config: AdapterConfig, folder: Path) -> None:
    """Check that every tensor of an adapter has a place in its base model, and every place its tensor.

    Args:
        model: a skeleton of the base model.

    Raises:
        ModelError: one has not, or has another shape: it is an adapter for another base model, or not whole.
    """
    expected = {
        f"base_model.model.{name}.{part}.weight": shape
        for layer, linear, name, module in linears(model)
        if linear in config.target_modules and (not config.layers_to_transform or layer in config.layers_to_transform)
        for part, shape in (
            ("lora_A", (config.r, module.in_features)),
            ("lora_B", (module.out_features, config.r)),
        )
    }
    found = {key: tensor.shape for key, tensor in read_tensors(folder / WEIGHTS, hint=OTHER_ADAPTER).items()}
    missing = sorted(expected.keys() - found.keys())
    more = sorted(found.keys() - expected.keys())
    if not expected or more or (missing and not expected.keys() & found.keys()):
        raise ModelError(
            f"The adapter in {folder} is one for another base model"
            + (f": there is no place for {more[0][:120]!r}." if more else "."),
            hint=OTHER_ADAPTER,
        )
    if missing:
        raise ModelError(
            f"The adapter in {folder} is not whole: {len(missing)} of {len(expected)} tensors are missing.",
            hint=OTHER_ADAPTER,
        )
    for key, shape in expected.items():
        if found[key] != shape:
            raise ModelError(
                f"The adapter in {folder} is one for another base model: {key} is {_by(found[key])}, not {_by(shape)}.",
                hint=OTHER_ADAPTER,
            )


def linears(model: Any) -> Iterator[tuple[int, str, str, Any]]:
    """Yield layer, kind, name and module of each linear that LoRA can be put on."""
    import torch

    for name, module in model.named_modules():
        parts = name.split(".")
        if parts[-1] in LINEARS and parts[:2] == ["model", "layers"] and isinstance(module, torch.nn.Linear):
            yield int(parts[2]), parts[-1], name, module


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"
