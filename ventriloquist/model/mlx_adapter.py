"""LoRA on an MLX model, in peft's format on the disk: an adapter that was trained anywhere is used anywhere.

MLX computes `x A B · scale` with A (in, r) and B (r, out); peft keeps both transposed, and `alpha` in place of `scale`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ventriloquist.errors import ModelError
from ventriloquist.model.base import Base, Bits, load_config
from ventriloquist.model.configs import LINEARS
from ventriloquist.model.gate import OTHER_ADAPTER, WEIGHTS, explained, read_tensors
from ventriloquist.model.mlx_base import load_mlx_base, try_out_mlx

if TYPE_CHECKING:
    from ventriloquist.model.mlx_engine import MlxModel

PREFIX = "base_model.model."
PARTS = {"lora_a": "lora_A", "lora_b": "lora_B"}  # MLX's name: peft's


def put_on_mlx(
    model: Any,
    *,
    r: int,
    lora_alpha: float,
    target_modules: Sequence[str] = LINEARS,
    layers_to_transform: Sequence[int] | None = None,
    use_rslora: bool = False,
) -> Any:
    """Add LoRA modules with new weights to a frozen base model, as peft's options of the same names say.

    Only they can be trained: A is random, B is zero. All are float32.
    """
    import mlx.core as mx
    from mlx_lm.tuner.lora import LoRALinear

    chosen = None if layers_to_transform is None else {*layers_to_transform}
    for layer, block in enumerate(model.layers):
        if chosen is not None and layer not in chosen:
            continue
        found = {path: module for path, module in block.named_modules() if path.split(".")[-1] in target_modules}
        scale = lora_alpha / (r**0.5 if use_rslora else r)
        for path in sorted(found):
            parent, name = block, path
            while "." in name:
                first, name = name.split(".", 1)
                parent = parent[first]
            parent[name] = LoRALinear.from_base(found[path], r=r, scale=scale)
    mx.eval(model.parameters())
    return model


def load_mlx_model(base: Base, *, bits: Bits | None = None, adapter: Path | None = None, **options: Any) -> MlxModel:
    """Load a base model, ready to read.

    Args:
        bits: see `load_mlx_base`.
        adapter: a folder with the weights of an adapter; the options are then those of `put_on_mlx`.
    """
    from ventriloquist.model.mlx_engine import MlxModel

    module, vocabulary = load_mlx_base(base, bits=bits), load_config(base).vocab_size
    if adapter is not None:
        with explained(f"The adapter in {adapter} cannot be loaded", OTHER_ADAPTER):
            load_mlx_adapter_weights(put_on_mlx(module, **options), adapter)
            try_out_mlx(module, vocabulary, str(adapter))
    return MlxModel(module, vocabulary)


def lora_modules(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield name, as the base model's module is called, and module of each LoRA module."""
    from mlx_lm.tuner.lora import LoRALinear

    yield from ((name, module) for name, module in model.named_modules() if isinstance(module, LoRALinear))


def merge_lora(model: Any) -> None:
    """Add the adapter to the base model's weights, and remove the LoRA modules, unless weights are in 4 bits."""
    import mlx.core as mx
    from mlx import nn
    from mlx.utils import tree_unflatten

    found = list(lora_modules(model))
    if any(isinstance(module.linear, nn.QuantizedLinear) for _, module in found):
        return
    for name, module in found:
        linear = module.linear
        weight = linear.weight.astype(mx.float32) + module.scale * (module.lora_a @ module.lora_b).T
        if not bool(mx.isfinite(weight).all()):
            raise ValueError(f"{name} is not finite")
        linear.weight = weight.astype(linear.weight.dtype)
        mx.eval(linear.weight)  # one after the other: all at once would take the memory of two models
        model.update_modules(tree_unflatten([(name, linear)]))


def peft_weights(model: Any) -> dict[str, Any]:
    """Return the adapter's weights under peft's names, as MLX arrays that safetensors can write."""
    import mlx.core as mx

    return {
        f"{PREFIX}{name}.{theirs}.weight": mx.contiguous(module[ours].T)
        for name, module in lora_modules(model)
        for ours, theirs in PARTS.items()
    }


def set_peft_weights(model: Any, weights: Mapping[str, Any]) -> None:
    """Set the adapter's weights from MLX arrays under peft's names.

    Raises:
        KeyError: one is missing.
    """
    import mlx.core as mx

    for name, module in lora_modules(model):
        for ours, theirs in PARTS.items():
            weight = weights[f"{PREFIX}{name}.{theirs}.weight"].T.astype(module[ours].dtype)
            if weight.shape != module[ours].shape:
                raise ValueError(f"{name} has another shape")
            module[ours] = mx.contiguous(weight)
    mx.eval(model.parameters())


def load_mlx_adapter_weights(model: Any, folder: Path) -> None:
    """Load a folder's adapter weights into a model with LoRA modules.

    Raises:
        ModelError: a tensor is missing, unknown or not finite.
    """
    import mlx.core as mx

    found = read_tensors(folder / WEIGHTS, hint=OTHER_ADAPTER)
    with explained(f"The adapter in {folder} cannot be loaded", OTHER_ADAPTER):
        if found.keys() != peft_weights(model).keys():
            raise ModelError(f"The adapter in {folder} is for another model, or incomplete.", hint=OTHER_ADAPTER)
        weights = mx.load(str(folder / WEIGHTS))
        if not all(bool(mx.isfinite(weight).all()) for weight in weights.values()):
            raise ModelError(f"The adapter in {folder} has weights that are not finite.", hint=OTHER_ADAPTER)
        set_peft_weights(model, weights)


def save_mlx_adapter(model: Any, folder: Path, **options: Any) -> None:
    """Write the adapter into a folder as peft does; the options are those of `put_on_mlx`."""
    import mlx.core as mx
    from peft import LoraConfig

    config = LoraConfig(task_type="CAUSAL_LM", inference_mode=True, **options)
    mx.save_safetensors(str(folder / WEIGHTS), peft_weights(model), metadata={"format": "pt"})
    config.save_pretrained(str(folder))
