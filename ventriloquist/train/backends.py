"""The back ends: Unsloth on CUDA, transformers and peft everywhere. Choose one, and load the model with it."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ventriloquist.errors import MissingExtraError, ModelError
from ventriloquist.model.adapter import load_adapter_weights, put_on
from ventriloquist.model.base import Base, Bits, has_bitsandbytes, load_base
from ventriloquist.model.configs import LINEARS
from ventriloquist.model.extras import install_hint
from ventriloquist.model.precision import has_bfloat16
from ventriloquist.train.ranks import is_sharded, local_rank, world_size
from ventriloquist.train.settings import BackendWish, TrainSettings
from ventriloquist.train.stdout import stdout_to_stderr

if TYPE_CHECKING:
    from ventriloquist.train.loss import Loss

NO_BFLOAT16 = "this card has no bfloat16 (compute capability below 8.0)"


@dataclass(frozen=True, slots=True)
class Backend:
    """The back end that trains, and why it was chosen."""

    name: Literal["unsloth", "transformers"]
    reason: str


def choose_backend(wish: BackendWish, device: str) -> Backend:
    """Choose a back end, and import Unsloth if it is chosen: it must be imported before transformers.

    Raises:
        MissingExtraError: Unsloth is asked for and not installed.
        ModelError: Unsloth is asked for and does not run here, in several processes, or without bfloat16.
    """
    if wish == "transformers":
        return Backend("transformers", "as set")
    if wish == "unsloth" and world_size() > 1:
        raise ModelError("Unsloth trains in one process, but there are several.", hint="Leave out --backend unsloth.")
    if wish == "unsloth" and not has_bfloat16(device):
        hint = "Leave out --backend unsloth: transformers trains in float16 there."
        raise ModelError("Unsloth needs a card with bfloat16, and this one has none.", hint=hint)
    obstacle = _obstacle(device) if wish == "auto" else None
    if obstacle is not None:
        return Backend("transformers", obstacle)
    if find_spec("unsloth") is None:
        if wish == "unsloth":
            raise MissingExtraError("Unsloth is not installed.", hint=install_hint("unsloth"))
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


def _obstacle(device: str) -> str | None:
    """Return why Unsloth is not tried, or None."""
    import torch

    if device != "cuda":
        return f"Unsloth needs CUDA, this is {device}"
    if torch.version.hip is not None:
        return "this is ROCm"
    if not has_bfloat16(device):  # Unsloth's own check makes transformers refuse after the download
        return f"{NO_BFLOAT16}: it trains in float16"
    if world_size() > 1:
        return "several processes train together"
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
    if settings.four_bit and not has_bitsandbytes():
        hint = "Leave out --four-bit." if device == "mps" else install_hint("unsloth")
        raise MissingExtraError("4-bit weights need bitsandbytes.", hint=hint)
    return settings.changed(
        backend=backend.name,
        adam_8bit=settings.adam_8bit and device == "cuda" and has_bitsandbytes() and not is_sharded(),
        gradient_checkpointing=settings.gradient_checkpointing if device != "cpu" else False,
    )


def load_model(base: Base, settings: TrainSettings, device: str) -> Any:
    """Load a base model with LoRA on it (Hu et al., 2021, arXiv 2106.09685), ready to train."""
    model = _load_unsloth(base, settings) if settings.backend == "unsloth" else _load_plain(base, settings, device)
    if settings.continue_from is not None:
        load_adapter_weights(model, Path(settings.continue_from))
    return model


def row_loss(settings: TrainSettings) -> Loss:
    """Return the loss of the settings' back end."""
    from ventriloquist.train.loss import target_loss, unsloth_loss

    return unsloth_loss if settings.backend == "unsloth" else target_loss


def add_lora(model: Any, settings: TrainSettings) -> Any:
    """Put LoRA on all linears of the layers that the settings name, seeded."""
    import torch

    torch.manual_seed(settings.seed)
    return put_on(model, **_shape(model, settings))


def _load_plain(base: Base, settings: TrainSettings, device: str) -> Any:
    bits: Bits | None = 4 if settings.four_bit else None
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
        **_shape(model, settings),
        lora_dropout=0,  # its fast path
        use_gradient_checkpointing="unsloth" if settings.gradient_checkpointing else False,
        random_state=settings.seed,
        use_rslora=False,  # True would scale alpha 256 by 22.6
    )


def _shape(model: Any, settings: TrainSettings) -> dict[str, Any]:
    """Return the adapter's options that peft and Unsloth share."""
    layers, top = model.config.num_hidden_layers, settings.top_layers
    return {
        "r": settings.rank,
        "lora_alpha": settings.alpha,
        "target_modules": list(LINEARS),
        "layers_to_transform": None if top is None else list(range(max(0, layers - top), layers)),
        "bias": "none",
    }
