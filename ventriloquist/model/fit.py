"""Check that base model, weights and adapter fit, from file headers, before any weights are loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ventriloquist.errors import ModelError
from ventriloquist.model.configs import LINEARS, AdapterConfig
from ventriloquist.model.gate import CHECK_FILES, OTHER_ADAPTER, WEIGHTS, explained, read_tensors

if TYPE_CHECKING:
    from ventriloquist.model.header import Tensor

Shape = tuple[int, ...]

UNUSED = ("rotary_emb.inv_freq", "lm_head.weight")  # may be in a file, although they are computed or tied


def skeleton(config: Any, name: str) -> Any:
    """Build a base model from its configuration on the device `meta`, which needs no memory, and check its layers.

    Raises:
        ModelError: it cannot be built, or a layer lacks one of the linears for LoRA.
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
                f"The base model {name} has no {lacking[0]} in its layer {layer}: LoRA cannot be added.",
                hint="Use another base model.",
            )
    return model


def check_weights(model: Any, tensors: dict[str, Tensor], name: str) -> None:
    """Check that a base model's files have every weight of its skeleton in the same shape, and no others.

    Raises:
        ModelError: a weight is missing, has another shape, or is unknown to the model.
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
            f"The base model {name} is incomplete: {len(missing)} of {len(expected)} weights are missing,"
            f" {missing[0]} is the first.",
            hint=CHECK_FILES,
        )
    _check_shapes(expected, found, f"The base model {name} does not fit its config.json", CHECK_FILES)
    more = [key for key in found if key not in expected and key.startswith("model.") and not key.endswith(UNUSED)]
    if more:
        raise ModelError(
            f"The base model {name} does not fit its config.json: {len(more)} weights are unknown to the model, such as"
            f" {more[0]}.",
            hint=CHECK_FILES,
        )


def check_adapter(model: Any, config: AdapterConfig, folder: Path) -> None:
    """Check that an adapter has exactly the tensors that its configuration and its base's skeleton call for.

    Raises:
        ModelError: the adapter is for another base model, or incomplete.
    """
    expected = {
        f"base_model.model.{name}.{part}.weight": shape
        for layer, linear, name, module in linears(model)
        if linear in config.target_modules and (not config.layers_to_transform or layer in config.layers_to_transform)
        for part, shape in (("lora_A", (config.r, module.in_features)), ("lora_B", (module.out_features, config.r)))
    }
    found = {key: tensor.shape for key, tensor in read_tensors(folder / WEIGHTS, hint=OTHER_ADAPTER).items()}
    missing = sorted(expected.keys() - found.keys())
    more = sorted(found.keys() - expected.keys())
    if not expected or more or (missing and not expected.keys() & found.keys()):
        raise ModelError(
            f"The adapter in {folder} is for another base model"
            + (f", which has no {more[0][:120]!r}." if more else "."),
            hint=OTHER_ADAPTER,
        )
    if missing:
        raise ModelError(
            f"The adapter in {folder} is incomplete: {len(missing)} of {len(expected)} tensors are missing.",
            hint=OTHER_ADAPTER,
        )
    _check_shapes(expected, found, f"The adapter in {folder} is for another base model", OTHER_ADAPTER)


def linears(model: Any) -> Iterator[tuple[int, str, str, Any]]:
    """Yield layer, kind, name and module of each linear to which LoRA can be added."""
    import torch

    for name, module in model.named_modules():
        parts = name.split(".")
        if parts[-1] in LINEARS and parts[:2] == ["model", "layers"] and isinstance(module, torch.nn.Linear):
            yield int(parts[2]), parts[-1], name, module


def _check_shapes(expected: Mapping[str, Shape], found: Mapping[str, Shape], what: str, hint: str) -> None:
    for key, shape in expected.items():
        if found[key] != shape:
            is_, should_be = (" x ".join(map(str, each)) or "one number" for each in (found[key], shape))
            raise ModelError(f"{what}: {key} is {is_}, not {should_be}.", hint=hint)
