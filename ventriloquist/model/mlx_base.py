"""Loading a base model into MLX. The files are checked as for transformers, and mlx_lm sees only those."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from ventriloquist.errors import ModelError
from ventriloquist.model.base import Base, Bits, check_base_weights, complete_folder, load_config
from ventriloquist.model.configs import LINEARS, slides
from ventriloquist.model.gate import CHECK_FILES, CONFIG, explained, read_json, weight_files

# Kinds of base models that compute the same in mlx_lm; the others are refused, see `mlx_obstacle`.
MLX_KINDS = ("cohere", "cohere2", "ernie4_5", "gemma3_text", "granite", "helium", "hunyuan_v1_dense", "llama",
             "ministral3", "mistral", "olmo2", "qwen2", "qwen3", "seed_oss", "smollm3")  # fmt: skip
MLX_SLIDES = ("cohere2", "gemma3_text")  # those whose sliding windows it has
GROUP_SIZE = 64  # weights that share a scale, in 4 bits; mlx_lm's own


def load_mlx_base(base: Base, *, offline: bool = True, bits: Bits | None = None) -> Any:
    """Load a base model's weights as an mlx.nn.Module; `mlx_path` says how its modules are named.

    Args:
        offline: do not use the hub; only `vq train` fetches base models.
        bits: of a weight; default 16 (bf16) on Metal and 32 on a CPU. With 4, the seven linears of each layer are
            quantised and all else is of the default type.

    Raises:
        ModelError: it cannot be found, is damaged, or mlx_lm does not have its architecture.
    """
    config = load_config(base, offline=offline)
    if obstacle := mlx_obstacle(config):
        raise ModelError(f"MLX cannot run {base.source}: {obstacle}.", hint="Use the back end transformers.")
    folder = complete_folder(base, offline=offline)
    names = {name for _, _, name in linear_names(check_base_weights(Base(str(folder)), config))}
    with explained(f"MLX cannot load the base model {base.source}", CHECK_FILES):
        model = _load(folder, config)
        if missing := names - {name for name, _ in model.named_modules()}:
            raise ModelError(f"MLX has no {min(missing)} in {base.source}: LoRA cannot be added.", hint=CHECK_FILES)
        _make_ready(model, bits)
        try_out_mlx(model, config.vocab_size, base.source)
    return model


def random_mlx_model(config: Any, bits: Bits | None = None) -> Any:
    """Build a model with random weights from a base model's configuration: it computes as long as the real one."""
    from mlx_lm.utils import _get_classes  # its loader asks for files of weights

    values = _with_defaults({}, config)
    kind, arguments = _get_classes(values)
    model = kind(arguments.from_dict(values))
    _make_ready(model, bits)
    return model


def mlx_obstacle(config: Any) -> str | None:
    """Say why MLX cannot be used for a base model, or return None.

    Args:
        config: its configuration, or its `model_type` if no more is known.
    """
    kind = config if isinstance(config, str) else config.model_type
    if kind not in MLX_KINDS:
        return f"mlx_lm does not have {kind} models as they are"
    if slides(config) and kind not in MLX_SLIDES:
        return f"mlx_lm has no sliding windows in {kind} models"
    return None


def on_metal() -> bool:
    """Return whether MLX computes on Apple's GPU."""
    import mlx.core as mx

    return bool(mx.default_device().type == mx.gpu)


def linear_names(skeleton: Any) -> list[tuple[int, str, str]]:
    """Return layer, kind and name of each linear of a skeleton to which LoRA can be added."""
    from ventriloquist.model.fit import linears

    return [(layer, linear, name) for layer, linear, name, _ in linears(skeleton)]


def try_out_mlx(model: Any, vocabulary: int, name: str) -> None:
    """Run three tokens through a model; raise a ModelError if the logits are not finite or have another shape."""
    import mlx.core as mx

    logits = model(mx.zeros((1, 3), dtype=mx.int32))
    if not bool(mx.isfinite(logits).all()):
        raise ModelError(f"{name} computes NaN: its weights or its config.json are damaged.", hint=CHECK_FILES)
    if logits.shape[-1] != vocabulary:
        raise ModelError(f"{name} does not compute what its config.json says.", hint=CHECK_FILES)


def _make_ready(model: Any, bits: Bits | None) -> None:
    """Give a model's weights their type, read or make them, and freeze them."""
    import mlx.core as mx
    from mlx import nn

    model.set_dtype(mx.float32 if not on_metal() and bits != 16 else mx.bfloat16)
    if bits == 4:
        nn.quantize(model, GROUP_SIZE, bits, class_predicate=_is_quantised)
    mx.eval(model.parameters())  # reads the files, until here nothing was
    model.freeze()


def _load(folder: Path, config: Any) -> Any:
    """Let mlx_lm load a folder in which only a config.json and the checked files of weights are."""
    from mlx_lm.utils import load_model

    with tempfile.TemporaryDirectory() as name:
        for number, file in enumerate(weight_files(folder)):
            (Path(name) / f"model-{number:05}.safetensors").symlink_to(file.resolve())
        (Path(name) / CONFIG).write_text(json.dumps(_with_defaults(read_json(folder / CONFIG), config)))
        model, _ = load_model(Path(name), lazy=True)
        return model


def _with_defaults(values: dict[str, Any], config: Any) -> dict[str, Any]:
    """Return a config.json with the values that transformers takes if they are not in it.

    mlx_lm has other defaults, and most of its models look for `rope_theta`, which transformers 5 writes within
    `rope_parameters`.
    """
    values = {**config.to_dict(), **{key: value for key, value in values.items() if value is not None}}
    rope = values.get("rope_parameters") or {}
    if "rope_theta" in rope:
        values["rope_theta"] = rope["rope_theta"]
        if rope.get("rope_type", "default") != "default":
            values["rope_scaling"] = rope
    return values


def _is_quantised(path: str, module: Any) -> bool:
    return path.rsplit(".", maxsplit=1)[-1] in LINEARS and module.weight.shape[-1] % GROUP_SIZE == 0
