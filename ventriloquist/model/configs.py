"""The config.json of a base model and the adapter_config.json of an adapter, checked before a library reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from ventriloquist.errors import ModelError
from ventriloquist.model.gate import ADAPTER_CONFIG, CHECK_FILES, CONFIG, OTHER_ADAPTER, read_json

LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
# Supported base models (`model_type`): each layer has these seven linears as separate modules.
KINDS = ("cohere", "cohere2", "ernie4_5", "exaone4", "gemma", "gemma2", "gemma3_text", "granite", "helium",
         "hunyuan_v1_dense", "llama", "ministral", "ministral3", "mistral", "olmo", "olmo2", "olmo3", "qwen2", "qwen3",
         "seed_oss", "smollm3", "stablelm")  # fmt: skip
MAX_RANK = 1024
DEEPEST = 6  # levels of nesting in a config.json
LONGEST = 4096  # items of a list
HIGHEST = 2**40  # number

Size = Annotated[int, Field(strict=True, ge=1)]


class BaseConfig(BaseModel):
    """The values of a base model's config.json that decide how much is computed and allocated."""

    model_config = ConfigDict(strict=True, extra="allow", protected_namespaces=())

    model_type: str
    vocab_size: Size = Field(le=2**22)
    hidden_size: Size = Field(le=2**16)
    intermediate_size: Size = Field(le=2**20)
    num_hidden_layers: Size = Field(le=512)
    num_attention_heads: Size = Field(le=1024)
    num_key_value_heads: Annotated[int, Field(le=1024, ge=1)] | None = None
    head_dim: Annotated[int, Field(le=4096, ge=1)] | None = None
    max_position_embeddings: Annotated[int, Field(le=2**31, ge=1)] | None = None
    sliding_window: Annotated[int, Field(ge=0)] | None = None
    tie_word_embeddings: bool | None = None
    rms_norm_eps: Annotated[FiniteFloat, Field(ge=0)] | None = None
    rope_theta: Annotated[FiniteFloat, Field(gt=0)] | None = None
    rope_parameters: dict[str, Any] | None = None
    rope_scaling: dict[str, Any] | None = None


def slides(config: Any) -> bool:
    """Return whether layers of a base model see a sliding window of the tokens before, by its configuration."""
    layers = getattr(config, "layer_types", None)
    if not layers:
        return getattr(config, "sliding_window", None) is not None
    return "sliding_attention" in layers


class AdapterConfig(BaseModel):
    """The values of an adapter_config.json that are used. All others must be off, see `read_adapter_config`."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    peft_type: str
    r: Size = Field(le=MAX_RANK)
    lora_alpha: Annotated[FiniteFloat, Field(gt=0, le=2**20)]
    target_modules: Annotated[list[str], Field(min_length=1, max_length=len(LINEARS))]
    layers_to_transform: Annotated[list[Annotated[int, Field(ge=0, lt=512)]], Field(max_length=512)] | None = None
    use_rslora: bool | None = False
    bias: str = "none"


# Keys of an adapter_config.json that do not change what is computed.
HARMLESS = {"auto_mapping", "base_model_name_or_path", "revision", "peft_version", "inference_mode", "lora_dropout",
            "megatron_core", "qalora_group_size", "task_type"}  # fmt: skip

KEEPS_BASE = (True, False, None, "gaussian", "eva", "orthogonal")  # others, such as pissa, change the base weights


def check_config(folder: Path) -> None:
    """Raise a ModelError if a base model's kind is not supported, or a value in its config.json is out of range."""
    path = folder / CONFIG
    values = read_json(path)
    kind = values.get("model_type")
    if isinstance(kind, str) and kind not in KINDS:
        raise ModelError(
            f"{folder} is a model of the kind {kind[:40]!r}, which vq cannot train: its layers do not consist of"
            f" {', '.join(LINEARS[:-1])} and {LINEARS[-1]}.",
            hint=f"Use a model of one of these kinds: {', '.join(KINDS)}.",
        )
    if values.get("quantization_config") is not None:
        raise ModelError(
            f"{folder} is quantised.", hint="Name the model in 16 bits; vq train --four-bit quantises it as it is read."
        )
    try:
        BaseConfig.model_validate(values)
    except ValidationError as error:
        raise ModelError(f"{path} is damaged: {_first(error)}.", hint=CHECK_FILES) from None
    if obstacle := _obstacle(values):
        raise ModelError(f"{path} is damaged: {obstacle}.", hint=CHECK_FILES)


def read_adapter_config(folder: Path) -> AdapterConfig:
    """Read an adapter_config.json, which must be LoRA on some of the seven linears and nothing else.

    Raises:
        ModelError: it is another kind of adapter, uses an unsupported option, or is damaged.
    """
    path = folder / ADAPTER_CONFIG
    values = read_json(path)
    kind = values.get("peft_type")
    if isinstance(kind, str) and kind != "LORA":
        raise ModelError(f"{folder} is a {kind[:40]} adapter; only LORA can be used.", hint=OTHER_ADAPTER)
    try:
        config = AdapterConfig.model_validate(values)
    except ValidationError as error:
        raise ModelError(f"{path} cannot be used: {_first(error)}.", hint=OTHER_ADAPTER) from None
    if unsupported := _unsupported(config):
        raise ModelError(f"{path} cannot be used: {unsupported}.", hint=OTHER_ADAPTER)
    return config


def _unsupported(config: AdapterConfig) -> str | None:
    """Describe the first option of an adapter that is not supported."""
    unknown = [name for name in config.target_modules if name not in LINEARS]
    if unknown:
        return f"target_modules names {unknown[0][:40]!r}; it may name {', '.join(LINEARS)}"
    extra = dict(config.model_extra or {})
    if extra.pop("init_lora_weights", True) not in KEEPS_BASE:
        return "its init_lora_weights changed the base model's own weights"
    on = [name for name, value in extra.items() if value and name not in HARMLESS]
    if config.bias != "none":
        on.append("bias")
    return f"{on[0][:40]!r} is not supported" if on else None


def _first(error: ValidationError) -> str:
    """Describe the first problem, without the value."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part.isidentifier())
    what = first["msg"]
    return f"{where}: {what[0].lower()}{what[1:]}"


def _obstacle(value: object, name: str = "", depth: int = 0) -> str | None:
    """Describe a value that no real configuration has: too deep, too long, too large, or code of the hub."""
    if depth > DEEPEST:
        return f"{name} is nested too deeply"
    if isinstance(value, dict | list):
        if len(value) > LONGEST:
            return f"{name or 'it'} is too long"
        items = value.items() if isinstance(value, dict) else ((name, item) for item in value)
        return next((found for key, item in items if (found := _obstacle(item, key, depth + 1))), None)
    if isinstance(value, int | float) and not abs(value) <= HIGHEST:  # also NaN
        return f"{name} is too large"
    if isinstance(value, str) and name.endswith("_implementation") and "/" in value:
        return f"{name} names code of the hub"
    return None
