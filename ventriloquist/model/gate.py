"""What a folder of somebody else's may say before a library reads it, and one place for what a library then raises.

A base model and an adapter come from strangers. Nothing of a folder is executed: no pickle, no code beside the weights.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from ventriloquist.errors import ModelError, VentriloquistError
from ventriloquist.model.header import Tensor, read_header

CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
BASE_WEIGHTS = "model.safetensors"
BASE_INDEX = "model.safetensors.index.json"
ADAPTER_CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"

LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
# Kinds of base models (`model_type`) that have all seven linears in every layer, each by itself.
KINDS = ("cohere", "cohere2", "ernie4_5", "exaone4", "gemma", "gemma2", "gemma3_text", "granite", "helium",
         "hunyuan_v1_dense", "llama", "ministral", "ministral3", "mistral", "olmo", "olmo2", "olmo3", "qwen2", "qwen3",
         "seed_oss", "smollm3", "stablelm")  # fmt: skip
MAX_RANK = 1024
BESIDE_TOKENIZER = ("generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
LARGEST = {CONFIG: 2**20, ADAPTER_CONFIG: 2**20, TOKENIZER: 2**27}  # bytes
LARGEST_OTHER = 2**25  # of another JSON file
DEEPEST = 6  # lists and objects within each other in a config.json
LONGEST = 4096  # items of a list in it
HIGHEST = 2**40  # number in it

CHECK_FILES = "Check the files in that folder, or name another model."
OTHER_ADAPTER = "Use another adapter, or train one: vq train"

Size = Annotated[int, Field(strict=True, ge=1)]


class BaseConfig(BaseModel):
    """What of a base model's config.json decides how much is computed and allocated."""

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


class AdapterConfig(BaseModel):
    """What of an adapter_config.json is used. Whatever else is in it must be off: see `read_adapter_config`."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    peft_type: str
    r: Size = Field(le=MAX_RANK)
    lora_alpha: Annotated[FiniteFloat, Field(gt=0, le=2**20)]
    target_modules: Annotated[list[str], Field(min_length=1, max_length=len(LINEARS))]
    layers_to_transform: Annotated[list[Annotated[int, Field(ge=0, lt=512)]], Field(max_length=512)] | None = None
    use_rslora: bool | None = False
    bias: str = "none"


# What an adapter_config.json says besides without changing what is computed.
HARMLESS = {"auto_mapping", "base_model_name_or_path", "revision", "peft_version", "inference_mode", "lora_dropout",
            "megatron_core", "qalora_group_size", "task_type"}  # fmt: skip

KEEPS_BASE = (True, False, None, "gaussian", "eva", "orthogonal")  # others, as pissa, train beside a changed base


@contextmanager
def explained(what: str, hint: str, *, rust: bool = False) -> Iterator[None]:
    """Turn whatever a library raises inside the block into one error with two lines.

    Args:
        rust: whether it may panic, and then write a report of its own to standard error.

    Raises:
        ModelError: `what`, with the first line of the library's words, and `hint`.
    """
    try:
        with _without_panics() if rust else nullcontext():
            yield
    except VentriloquistError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and not _is_panic(error):
            raise
        lines = str(error).strip().splitlines()
        why = lines[0].rstrip(" :")[:300] if lines else "it says nothing"
        said = isinstance(error, OSError | ValueError | RuntimeError) and not isinstance(error, RecursionError)
        raise ModelError(f"{what}: {why if said else f'{type(error).__name__}: {why}'}", hint=hint) from error


def _is_panic(error: BaseException) -> bool:
    return type(error).__name__ == "PanicException"  # a BaseException; its class cannot be imported


@contextmanager
def _without_panics() -> Iterator[None]:
    """Hold back standard error, and drop what was written to it if the block panics."""
    try:
        saved = os.dup(2)
    except OSError:  # there is none
        yield
        return
    dropped = False
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException as error:
            dropped = _is_panic(error)
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            if not dropped:
                held.seek(0)
                sys.stderr.write(held.read().decode(errors="replace"))


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file of a stranger's that must hold an object.

    Raises:
        ModelError: it is not there, not a regular file, too large, or something else than a JSON object.
    """
    try:
        if not path.is_file():
            raise ModelError(f"{path} is not there.", hint=CHECK_FILES)
        most = LARGEST.get(path.name, LARGEST_OTHER)
        if path.stat().st_size > most:
            raise ModelError(f"{path} is larger than {most / 2**20:.0f} MiB.", hint=CHECK_FILES)
        values = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise ModelError(f"{path} is damaged: it is not JSON.", hint=CHECK_FILES) from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.", hint=CHECK_FILES) from None
    if not isinstance(values, dict):
        raise ModelError(f"{path} is damaged: it holds no object.", hint=CHECK_FILES)
    return values


def check_base(folder: Path) -> None:
    """Check what a folder says of a base model, as far as it is here: configuration, and the headers of its weights.

    Raises:
        ModelError: it is of a kind that is not supported, damaged, or larger than any model.
    """
    check_files(folder)
    if (folder / CONFIG).exists():
        check_config(folder)
    for name in BESIDE_TOKENIZER:
        if (folder / name).exists():
            read_json(folder / name)
    if (folder / BASE_WEIGHTS).exists() or (folder / BASE_INDEX).exists():
        base_tensors(folder)


def check_files(folder: Path) -> None:
    """Refuse a folder with something in it that could block whoever opens it: a pipe, a socket, a device.

    Raises:
        ModelError: there is such a thing.
    """
    try:
        paths = list(folder.iterdir())
    except OSError as error:
        raise ModelError(f"{folder} cannot be read: {error.strerror}.", hint="Check its permissions.") from None
    for path in paths:
        try:
            mode = path.stat().st_mode
        except OSError:  # a link to nothing: whoever wants it says so
            continue
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise ModelError(f"{path} is not a regular file.", hint=CHECK_FILES)


def check_config(folder: Path) -> BaseConfig:
    """Check a base model's config.json.

    Raises:
        ModelError: its kind is not supported, or it has values that no model has.
    """
    path = folder / CONFIG
    values = read_json(path)
    kind = values.get("model_type")
    if isinstance(kind, str) and kind not in KINDS:
        raise ModelError(
            f"{folder} is a model of the kind {kind[:40]!r}, which cannot be trained here: its layers are not built of"
            f" {', '.join(LINEARS[:-1])} and {LINEARS[-1]}.",
            hint=f"Use a model of one of these kinds: {', '.join(KINDS)}.",
        )
    if values.get("quantization_config") is not None:
        raise ModelError(
            f"{folder} is quantised.", hint="Name the model in 16 bits; vq train --four-bit quantises it as it is read."
        )
    try:
        config = BaseConfig.model_validate(values)
    except ValidationError as error:
        raise ModelError(f"{path} is damaged: {_first(error)}.", hint=CHECK_FILES) from None
    obstacle = _obstacle(values)
    if obstacle:
        raise ModelError(f"{path} is damaged: {obstacle}.", hint=CHECK_FILES)
    return config


def base_tensors(folder: Path) -> dict[str, Tensor]:
    """Return the tensors of a base model's weights by name, from the headers of its files.

    Raises:
        ModelError: there are none in safetensors, or a file is missing or damaged.
    """
    names = [BASE_WEIGHTS]
    if not (folder / BASE_WEIGHTS).exists():
        if not (folder / BASE_INDEX).exists():
            raise ModelError(f"{folder} has no {BASE_WEIGHTS}.", hint="Use a model with weights in safetensors.")
        parts = read_json(folder / BASE_INDEX).get("weight_map")
        if not isinstance(parts, dict) or not all(isinstance(name, str) for name in parts.values()):
            raise ModelError(f"{folder / BASE_INDEX} is damaged: it names no files.", hint=CHECK_FILES)
        names = sorted(set(parts.values()))
        if any(Path(name).name != name for name in names):
            raise ModelError(f"{folder / BASE_INDEX} names files outside of its folder.", hint=CHECK_FILES)
    tensors: dict[str, Tensor] = {}
    for name in names:
        tensors |= read_tensors(folder / name, hint=CHECK_FILES)
    return tensors


def read_tensors(path: Path, *, hint: str) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file by name, from its header.

    Raises:
        ModelError: the file is missing or damaged.
    """
    if not path.is_file():
        raise ModelError(f"{path.parent} has no {path.name}.", hint=hint)
    with explained(f"{path.parent} cannot be used", hint):
        return read_header(path)


def read_adapter_config(folder: Path) -> AdapterConfig:
    """Read an adapter's adapter_config.json: LoRA on some of the seven linears, and nothing else.

    Raises:
        ModelError: it is another kind of adapter, uses what is not supported, or is damaged.
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
    unknown = [name for name in config.target_modules if name not in LINEARS]
    if unknown:
        raise ModelError(
            f"{path} cannot be used: target_modules names {unknown[0][:40]!r}; it may name {', '.join(LINEARS)}.",
            hint=OTHER_ADAPTER,
        )
    extra = dict(config.model_extra or {})
    if extra.pop("init_lora_weights", True) not in KEEPS_BASE:
        raise ModelError(
            f"{path} cannot be used: its init_lora_weights changed the base model's own weights.", hint=OTHER_ADAPTER
        )
    on = [name for name, value in extra.items() if value and name not in HARMLESS]
    if config.bias != "none":
        on.append("bias")
    if on:
        raise ModelError(f"{path} cannot be used: {on[0][:40]!r} is not supported.", hint=OTHER_ADAPTER)
    return config


def _first(error: ValidationError) -> str:
    """Say the first thing that is wrong, without the value."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part.isidentifier())
    what = first["msg"]
    return f"{where}: {what[0].lower()}{what[1:]}"


def _obstacle(value: object, name: str = "", depth: int = 0) -> str | None:
    """Return what no configuration has: depth, length, endless numbers, or an implementation from elsewhere."""
    if depth > DEEPEST:
        return f"{name} lies too deep"
    if isinstance(value, dict | list):
        if len(value) > LONGEST:
            return f"{name or 'it'} is too long"
        items = value.items() if isinstance(value, dict) else ((name, item) for item in value)
        return next((found for key, item in items if (found := _obstacle(item, key, depth + 1))), None)
    if isinstance(value, int | float) and not abs(value) <= HIGHEST:  # also what is no number
        return f"{name} is too large"
    if isinstance(value, str) and name.endswith("_implementation") and "/" in value:
        return f"{name} names code of the hub"
    return None
