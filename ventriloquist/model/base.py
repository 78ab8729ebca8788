"""Base models: which one a name means, where it is, and loading it."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from ventriloquist.database.connect import make_private_folder
from ventriloquist.errors import ModelError
from ventriloquist.model.extras import require_train_extra
from ventriloquist.paths import found_path

TINY = "tiny"
SMOLLM2 = "smollm2"

Bits = Literal[4, 16]


@dataclass(frozen=True, slots=True)
class Base:
    """A base model that can be loaded: a folder, or a repository of the hub at a revision."""

    source: str
    revision: str | None = None


def resolve(name: str, models: Path) -> Base:
    """Return what a model's name means: `smollm2`, a folder, or an id of the hub.

    Args:
        models: the folder of converted models; SmolLM2 is converted into it on first use.

    Raises:
        ModelError: the folder is not there or holds no model.
    """
    if name == SMOLLM2:
        from ventriloquist.model import smollm2

        gguf_file = smollm2.find_gguf()
        if gguf_file is None:
            return Base(smollm2.HUB_ID)
        folder = models / smollm2.FOLDER
        if not folder.exists():
            smollm2.convert(gguf_file, make_private_folder(models) / smollm2.FOLDER)
        return Base(str(folder))
    path = model_folder(name, models.parent)
    if path is not None:
        if not (path / "config.json").exists():
            raise ModelError(f"{path} holds no model.", hint="Name a folder with a config.json, or an id of the hub.")
        return Base(str(path.resolve()))
    if name.startswith(("/", ".", "~")) or name.count("/") > 1:  # an id of the hub is OWNER/NAME
        raise ModelError(
            f"There is no folder {Path(name).expanduser()}.",
            hint="Name a folder with a config.json, or an id of the hub.",
        )
    return Base(name)


def model_folder(name: str, home: Path) -> Path | None:
    """Return the folder that a model's name means, from where one stands or from VQ_HOME; None if it means none."""
    if name in (SMOLLM2, TINY):
        return None
    folders = (Path(name).expanduser(), found_path(name, home))
    return next((folder for folder in folders if folder.is_dir()), None)


def load_tokenizer(base: Base, *, offline: bool = True) -> Any:
    """Load a base model's fast tokenizer."""
    from transformers import AutoTokenizer

    return _load(AutoTokenizer, base, offline=offline)


def load_config(base: Base, *, offline: bool = True) -> Any:
    """Load a base model's configuration: kilobytes, no weights."""
    from transformers import AutoConfig

    return _load(AutoConfig, base, offline=offline)


def load_base(base: Base, *, offline: bool = True, device: str | None = None, bits: Bits | None = None) -> Any:
    """Load a base model's weights.

    Args:
        offline: never ask the hub; only `vq train` may fetch a base model.
        device: default the best there is.
        bits: of a weight; default 16 (bf16) on an accelerator and 32 on a CPU. 4 needs bitsandbytes, and computes in
            the default.

    Raises:
        ModelError: it is not here and cannot be fetched, or is no causal language model.
    """
    import torch
    from transformers import AutoModelForCausalLM

    device = device or best_device()
    if device == "cpu":
        multiply_fast()
    dtype = torch.float32 if device == "cpu" and bits != 16 else torch.bfloat16
    load = partial(_load, AutoModelForCausalLM, base, offline=offline, dtype=dtype, use_safetensors=True)
    if bits != 4:
        return load().to(device).eval()
    from transformers import BitsAndBytesConfig

    quantization = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",  # Dettmers et al., 2023, arXiv 2305.14314
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    return load(quantization_config=quantization, device_map={"": device}).eval()


def multiply_fast() -> None:
    """Have torch multiply float32 matrices on a CPU through oneDNN, where that is as exact.

    torch's own choice, MKL, does not use AVX-512 on AMD: there oneDNN is twice as fast. torch asks it only where it may
    round to bf16, which it does on CPUs with AMX: those keep MKL.
    """
    import torch

    torch.set_float32_matmul_precision("medium")
    values = torch.linspace(-1, 1, 256 * 256).reshape(256, 256)
    if not torch.allclose((values @ values.T).double(), values.double() @ values.double().T, rtol=0, atol=2e-3):
        torch.set_float32_matmul_precision("highest")


def best_device() -> str:
    """Return the device to use: cuda (also ROCm), mps or cpu."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def has_bitsandbytes() -> bool:
    """Return whether weights can be held in 4 bits and Adam's moments in 8."""
    return find_spec("bitsandbytes") is not None


def require_torch() -> None:
    """Check that the `train` extra is installed, and keep the libraries of the hub quiet and to themselves.

    Raises:
        MissingExtraError: it is not.
    """
    require_train_extra()
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    import transformers

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # what cannot be fetched is said once, in our words
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def _load(loader: Any, base: Base, *, offline: bool, **settings: Any) -> Any:
    from safetensors import SafetensorError

    if Path(base.source).is_absolute() and not Path(base.source).is_dir():
        raise ModelError(
            f"The base model {base.source} is not there any more.",
            hint="Put it back where it was when the adapter was trained, or train anew: vq train",
        )
    try:
        return loader.from_pretrained(
            base.source, revision=base.revision, local_files_only=offline, trust_remote_code=False, **settings
        )
    except (OSError, ValueError, SafetensorError) as error:
        first_line = str(error).strip().split("\n", 1)[0].rstrip(" :")
        if Path(base.source).is_absolute():
            hint = "Check the files in that folder, and that transformers is as new as the model."
        elif offline:
            hint = f"Only vq train fetches a base model. Run: vq train --model {base.source}"
        else:
            hint = "Check its name and the network, or use --model smollm2 or a local folder."
        raise ModelError(f"The base model {base.source} cannot be loaded: {first_line}", hint=hint) from None
