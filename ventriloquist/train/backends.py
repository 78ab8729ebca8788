"""The back ends: Unsloth on CUDA, MLX on Apple silicon, transformers and peft everywhere. Choose one, load with it."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ventriloquist.errors import MissingExtraError, ModelError
from ventriloquist.installation import install_hint
from ventriloquist.model.adapter import load_adapter_weights, put_on
from ventriloquist.model.base import Base, Bits, best_device, has_bitsandbytes, load_base
from ventriloquist.model.configs import LINEARS
from ventriloquist.model.extras import on_apple_silicon
from ventriloquist.model.framework import has_mlx
from ventriloquist.model.precision import ENOUGH_FASTER, ENOUGH_HIDDEN, bfloat16_speedup, has_bfloat16
from ventriloquist.train.lora_init import first_a
from ventriloquist.train.memory import EAGER_TOKENS, GIB, available_memory, card
from ventriloquist.train.ranks import broadcast, is_sharded, local_rank, world_size
from ventriloquist.train.settings import BackendWish, TrainSettings
from ventriloquist.train.stdout import stdout_to_stderr

if TYPE_CHECKING:
    from ventriloquist.train.loss import Loss

NO_BFLOAT16 = "this card has no bfloat16"
SEVERAL = "several processes train together"
ONE_PROCESS = {"unsloth": "Unsloth", "mlx": "MLX"}


@dataclass(frozen=True, slots=True)
class Backend:
    """The back end that trains, and why it was chosen."""

    name: Literal["unsloth", "mlx", "transformers"]
    reason: str


def choose_backend(wish: BackendWish, device: str, *, begun: bool = False) -> Backend:
    """Choose a back end, and import Unsloth if it is chosen: it must be imported before transformers.

    Args:
        begun: a run began with that back end and is resumed: no other one can read its checkpoints.

    Raises:
        MissingExtraError: the back end that is asked for is not installed.
        ModelError: it does not run here, in several processes, or without bfloat16.
    """
    if wish in ONE_PROCESS and world_size() > 1:
        raise ModelError(
            f"{ONE_PROCESS[wish]} trains in one process, but there are several.", hint=f"Leave out --backend {wish}."
        )
    if wish == "unsloth" and not has_bfloat16(device):
        hint = "Leave out --backend unsloth: transformers trains in float16 there."
        raise ModelError("Unsloth needs a card with bfloat16, and this one has none.", hint=hint)
    missing = (wish == "mlx" and not has_mlx()) or (wish == "unsloth" and find_spec("unsloth") is None)
    if missing:
        why = ", and that run began with it" if begun else ""
        raise MissingExtraError(f"{ONE_PROCESS[wish]} is not installed{why}.", hint=install_hint(wish))
    if wish in ("transformers", "mlx"):
        return Backend(wish, "as set")
    if wish == "auto" and prefers_mlx():
        return Backend("mlx", "this is Apple silicon and MLX is installed")
    return _unsloth_or_transformers(wish, device)


def device_of(backend: Backend) -> str:
    """Return the device that a back end computes on: metal or cpu with MLX, else the one that torch finds."""
    return _mlx_device() if backend.name == "mlx" else best_device()


def _unsloth_or_transformers(wish: BackendWish, device: str) -> Backend:
    """Choose Unsloth if it runs here; if it is asked for and does not, raise why."""
    obstacle = _obstacle(device) if wish == "auto" else None
    if obstacle is not None:
        return Backend("transformers", obstacle)
    if find_spec("unsloth") is None:
        return Backend("transformers", "Unsloth is not installed")
    os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")  # otherwise it contacts a server
    try:
        with stdout_to_stderr():
            importlib.import_module("unsloth")
    except Exception as error:  # ImportError, NotImplementedError or RuntimeError, depending on version and machine
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        reason = f"Unsloth does not run here: {first_line}"
        if wish == "unsloth":
            raise ModelError(reason, hint="Run: vq train --backend transformers") from None
        return Backend("transformers", reason)
    return Backend("unsloth", "as set" if wish == "unsloth" else "CUDA is there and Unsloth is installed")


def without_obstacle(backend: Backend, wish: BackendWish, config: Any) -> Backend:
    """Return the back end, or transformers if it was chosen by itself and cannot run a base model.

    Raises:
        ModelError: MLX is asked for and cannot run a base model with this configuration.
    """
    if backend.name != "mlx":
        return backend
    from ventriloquist.model.mlx_base import mlx_obstacle

    obstacle = mlx_obstacle(config)
    if obstacle is not None and wish == "mlx":
        raise ModelError(f"MLX cannot train this base model: {obstacle}.", hint="Use --backend transformers.")
    return backend if obstacle is None else Backend("transformers", obstacle)


def machine_memory(wish: object) -> dict[str, Any]:
    """Return this machine as `resolve_settings` takes it, for the back end that is asked for."""
    if not has_mlx() or not (wish == "mlx" or (wish in (None, "auto") and prefers_mlx())):
        return card()
    import psutil

    unified = psutil.virtual_memory().total
    return {"memory_gib": available_memory(_mlx_device()) / GIB, "unified_gib": unified / GIB}


def _mlx_device() -> str:
    from ventriloquist.model.mlx_base import on_metal

    return "metal" if on_metal() else "cpu"


def prefers_mlx() -> bool:
    """Return whether this machine trains with MLX if nothing else is asked for."""
    return on_apple_silicon() and has_mlx() and world_size() == 1


def _obstacle(device: str) -> str | None:
    """Return why Unsloth is not tried, or None."""
    import torch

    if device != "cuda":
        no_mlx = SEVERAL if has_mlx() else "MLX is not installed"
        return no_mlx if on_apple_silicon() else f"Unsloth needs CUDA, this is {device}"
    if torch.version.hip is not None:
        return "this is ROCm"
    if not has_bfloat16(device):  # Unsloth's own check makes transformers refuse after the download
        return f"{NO_BFLOAT16}: it trains in float16"
    if world_size() > 1:
        return SEVERAL
    if "transformers" in sys.modules and "unsloth" not in sys.modules:
        return "transformers was loaded before Unsloth could be"
    return None


def adapt_to(settings: TrainSettings, backend: Backend, device: str) -> TrainSettings:
    """Return the settings adapted to this device, so that plan, run and manifest say the same.

    Raises:
        MissingExtraError: 4-bit weights are asked for and bitsandbytes is not installed.
        ModelError: 4-bit weights are asked for with FSDP, or FSDP on a card without bfloat16.
    """
    if is_sharded() and not has_bfloat16(device):
        raise ModelError(f"FSDP computes in bfloat16, and {NO_BFLOAT16}.", hint="Start the processes without FSDP.")
    if settings.four_bit and is_sharded():
        raise ModelError("4-bit weights cannot be split over processes (FSDP).", hint="Use --no-four-bit.")
    if settings.four_bit and backend.name != "mlx" and not has_bitsandbytes():
        hint = "Leave out --four-bit." if device == "mps" else install_hint("unsloth")
        raise MissingExtraError("4-bit weights need bitsandbytes.", hint=hint)
    return settings.changed(
        backend=backend.name,
        adam_8bit=settings.adam_8bit and device == "cuda" and has_bitsandbytes() and not is_sharded(),
        gradient_checkpointing=settings.gradient_checkpointing if device != "cpu" else False,
    )


def with_bfloat16(
    settings: TrainSettings, config: Any, device: str, *, begun: bool
) -> tuple[TrainSettings, float | None]:
    """Decide whether a CPU trains in bfloat16: as set, or if that is clearly faster on this machine.

    Other devices decide themselves: what a CPU's run or a `--config` file says of it does not count there.

    Args:
        begun: a run is resumed. It goes on in the type that it began with.

    Returns: the settings, and how many times as fast products are in bfloat16, None if that was not measured.
    """
    if device != "cpu" or settings.backend == "mlx" or is_sharded() or config.hidden_size < ENOUGH_HIDDEN:
        on_cpu = device == "cpu" and settings.backend != "mlx"
        return settings.model_copy(update={"bfloat16": bool(settings.bfloat16) if on_cpu else None}), None
    speedup = broadcast(round(bfloat16_speedup(config.hidden_size, config.intermediate_size), 1))
    chosen = settings.bfloat16
    if chosen is None:
        chosen = speedup >= ENOUGH_FASTER and not begun
    return settings.changed(bfloat16=chosen), speedup


def load_model(base: Base, settings: TrainSettings, device: str) -> Any:
    """Load a base model of torch with LoRA on it (Hu et al., 2021, arXiv 2106.09685), ready to train."""
    model = _load_unsloth(base, settings) if settings.backend == "unsloth" else _load_plain(base, settings, device)
    if settings.continue_from is not None:
        load_adapter_weights(model, Path(settings.continue_from))
    return model


def row_loss(settings: TrainSettings) -> Loss:
    """Return the loss of the settings' back end, of those that use torch."""
    from ventriloquist.train.loss import target_loss, unsloth_loss

    return unsloth_loss if settings.backend == "unsloth" else target_loss


def add_lora(model: Any, settings: TrainSettings) -> Any:
    """Put LoRA on all linears of the layers that the settings name, with seeded first weights."""
    import torch

    if settings.bfloat16 and settings.max_length <= EAGER_TOKENS:
        model.set_attn_implementation("eager")  # torch's fused attention on a CPU has no fast bfloat16
    adapted = put_on(model, **_options(model, settings))
    for name, module in adapted.base_model.model.named_modules():
        if hasattr(module, "lora_A"):
            weight = module.lora_A["default"].weight
            rank, features = weight.shape
            with torch.no_grad():
                weight.copy_(torch.from_numpy(first_a(name, rank, features, settings.seed)))
            module.cast_input_dtype_enabled = not settings.bfloat16  # autocast does that, without a copy in 32 bits
    return adapted


def _load_plain(base: Base, settings: TrainSettings, device: str) -> Any:
    bits: Bits | None = 4 if settings.four_bit else 16 if settings.bfloat16 else None
    if device == "cuda" and is_sharded():
        device, bits = "cpu", 16  # accelerate takes each process's part from there: one GPU could not hold the model
    elif device == "cuda" and world_size() > 1:
        device = f"cuda:{local_rank()}"
    # peft's prepare_model_for_kbit_training is not needed: get_peft_model freezes the base, Trainer switches gradient
    # checkpointing on. It would also put embeddings and head into 32 bits: 2.3 GiB more for Qwen3-8B.
    return add_lora(load_base(base, offline=False, device=device, bits=bits), settings)


def _load_unsloth(base: Base, settings: TrainSettings) -> Any:
    from unsloth import FastLanguageModel

    model, _ = FastLanguageModel.from_pretrained(
        model_name=base.source,
        revision=base.revision,
        max_seq_length=settings.max_length,
        dtype=None,  # its choice for the device
        load_in_4bit=settings.four_bit,  # its default is True
        load_in_16bit=not settings.four_bit,
        use_exact_model_name=True,  # otherwise it may load another repository than the manifest names
        use_gradient_checkpointing="unsloth" if settings.gradient_checkpointing else False,
        random_state=settings.seed,
    )
    return FastLanguageModel.get_peft_model(
        model,
        **_options(model, settings),
        lora_dropout=0,  # its fast path
        use_gradient_checkpointing="unsloth" if settings.gradient_checkpointing else False,
        random_state=settings.seed,
        use_rslora=False,  # True would scale alpha 256 by 22.6
    )


def adapter_options(layers: int, settings: TrainSettings) -> dict[str, Any]:
    """Return the options of an adapter that all back ends share, under peft's names.

    Args:
        layers: of the base model.
    """
    top = settings.top_layers
    return {
        "r": settings.rank,
        "lora_alpha": settings.alpha,
        "target_modules": list(LINEARS),
        "layers_to_transform": None if top is None else list(range(max(0, layers - top), layers)),
    }


def _options(model: Any, settings: TrainSettings) -> dict[str, Any]:
    return adapter_options(model.config.num_hidden_layers, settings) | {"bias": "none"}
