"""Base models: resolving a name, and loading configuration, tokenizer and weights.

A model that cannot be found, fetched or used is a ModelError in every function.
"""

from __future__ import annotations

import difflib
import logging
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from ventriloquist.errors import ModelError
from ventriloquist.fs import make_private_folder
from ventriloquist.model.configs import check_config
from ventriloquist.model.extras import require_train_extra
from ventriloquist.model.fit import check_weights, skeleton
from ventriloquist.model.gate import (
    BASE_INDEX,
    BASE_WEIGHTS,
    CHECK_FILES,
    CONFIG,
    TOKENIZER,
    base_tensors,
    check_files,
    explained,
    read_json,
)
from ventriloquist.model.precision import multiply_fast, precision
from ventriloquist.model.tokens import suit
from ventriloquist.paths import expanded, found_path, is_folder

TINY = "tiny"
SMOLLM2 = "smollm2"

Bits = Literal[4, 16]

OTHER_JSON = ("generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
ITS_FILES = ["*.json", BASE_WEIGHTS, "model-*.safetensors"]  # in its repository
# Set whatever a config.json says: the code here relies on it.
PLAIN_OUTPUT = {"return_dict": True, "use_cache": True, "output_attentions": False, "output_hidden_states": False}


@dataclass(frozen=True, slots=True)
class Base:
    """A base model: a folder, or a repository of the hub at a revision."""

    source: str
    revision: str | None = None


def resolve(name: str, models: Path) -> Base:
    """Resolve a model's name: `smollm2`, a folder, or an id of the hub.

    Args:
        models: the folder for converted models; SmolLM2 is converted into it on first use.
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
    hint = "Name a folder with a config.json, or an id of the hub."
    path = model_folder(name, models.parent)
    if path is not None:
        if not (path / CONFIG).exists():
            raise ModelError(f"{path} is not a model.", hint=hint)
        return Base(str(path.resolve()))
    if name.startswith(("/", ".", "~")) or name.count("/") > 1:  # an id of the hub is OWNER/NAME
        raise ModelError(f"There is no folder {expanded(name)}.", hint=hint)
    if "/" not in name and (near := difflib.get_close_matches(name.lower(), (SMOLLM2, TINY), n=1, cutoff=0.75)):
        raise ModelError(f"There is no model called {name!r}.", hint=f"Did you mean {near[0]}?")
    return Base(name)


def model_folder(name: str, home: Path) -> Path | None:
    """Return the folder that a name means, relative to the current folder or to VQ_HOME; None if there is none."""
    if name in (SMOLLM2, TINY):
        return None
    folders = (expanded(name), found_path(name, home))
    return next((folder for folder in folders if is_folder(folder)), None)


def load_tokenizer(base: Base, *, offline: bool = True) -> Any:
    """Load a base model's fast tokenizer and make it encode predictably, see `tokens.suit`."""
    from transformers import AutoTokenizer

    folder = _checked_folder(base, offline=offline)
    if Path(base.source).is_absolute() or (folder / TOKENIZER).exists():
        read_json(folder / TOKENIZER)  # a tokenizer.model alone is not enough
    with explained(f"The tokenizer of {base.source} cannot be used", CHECK_FILES, rust=True):
        return suit(_load(AutoTokenizer, base, offline=offline, rust=True), base.source)


def load_config(base: Base, *, offline: bool = True) -> Any:
    """Load a base model's configuration: kilobytes, no weights."""
    from transformers import AutoConfig

    _checked_folder(base, offline=offline)
    config = _load(AutoConfig, base, offline=offline)
    for name, value in PLAIN_OUTPUT.items():
        setattr(config, name, value)
    return config


def load_base(base: Base, *, offline: bool = True, device: str | None = None, bits: Bits | None = None) -> Any:
    """Load a base model's weights.

    Args:
        offline: do not use the hub; only `vq train` fetches base models.
        device: default the best available one.
        bits: of a weight; default 16 on an accelerator with bfloat16, otherwise 32, see `precision`. 16 means bfloat16
            on every device. 4 needs bitsandbytes.
    """
    import torch
    from transformers import AutoModelForCausalLM

    device = device or best_device()
    if device == "cpu":
        multiply_fast()
    weights, compute = precision(device)
    dtype = torch.bfloat16 if bits == 16 else weights
    config = load_config(base, offline=offline)
    check_base_weights(base, config, offline=offline)
    settings: dict[str, Any] = {}
    if bits == 4:
        from transformers import BitsAndBytesConfig

        quantized = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",  # Dettmers et al., 2023, arXiv 2305.14314
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=compute,
        )
        settings = {"device_map": {"": device}, "quantization_config": quantized}
    settings |= {"config": config, "dtype": dtype, "use_safetensors": True, "output_loading_info": True}
    model, report = _load(AutoModelForCausalLM, base, offline=offline, **settings)
    if report["missing_keys"] or report["mismatched_keys"]:  # transformers would fill in random ones
        raise ModelError(
            f"The base model {base.source} is incomplete: {len(report['missing_keys'])} weights are missing and"
            f" {len(report['mismatched_keys'])} have another shape.",
            hint=CHECK_FILES,
        )
    with explained(f"The base model {base.source} cannot be used", CHECK_FILES):
        model = (model if bits == 4 else model.to(device)).eval()
        try_out(model, base.source)
    return model


def check_base_weights(base: Base, config: Any, *, offline: bool = True) -> Any:
    """Check a base model's layers, and the headers of its weight files if they are here; return its skeleton."""
    folder = _checked_folder(base, offline=offline)
    model = skeleton(config, base.source)
    if Path(base.source).is_absolute() or (folder / BASE_WEIGHTS).exists():
        check_weights(model, base_tensors(folder), base.source)
    return model


def try_out(model: Any, name: str) -> None:
    """Run three tokens through a model; raise a ModelError if the logits are not finite or have another shape."""
    import torch

    with torch.inference_mode():
        output = model(input_ids=torch.zeros((1, 3), dtype=torch.int64, device=model.device), use_cache=True)
    if not bool(torch.isfinite(output.logits).all()):
        raise ModelError(f"{name} computes NaN: its weights or its config.json are damaged.", hint=CHECK_FILES)
    if output.logits.shape[-1] != model.config.vocab_size or not output.past_key_values.get_seq_length():
        raise ModelError(f"{name} does not compute what its config.json says.", hint=CHECK_FILES)


def best_device() -> str:
    """Return the best available device: cuda (also ROCm), mps or cpu."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def has_bitsandbytes() -> bool:
    """Return whether bitsandbytes is installed, which 4-bit weights and 8-bit Adam need."""
    return find_spec("bitsandbytes") is not None


def require_torch() -> None:
    """Check that the `train` extra is installed, and turn off telemetry and chatter of the hub's libraries."""
    require_train_extra()
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    import transformers

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # a failed download gets one message, ours
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def complete_folder(base: Base, *, offline: bool = True) -> Path:
    """Return the folder of a base model with all of its files; those that are on the hub alone are fetched."""
    folder = _checked_folder(base, offline=offline)
    if folder == Path(base.source):
        return folder
    with explained(f"The base model {base.source} cannot be loaded", _hint(base, offline)):
        from huggingface_hub import snapshot_download

        folder = Path(
            snapshot_download(base.source, revision=base.revision, local_files_only=offline, allow_patterns=ITS_FILES)
        )
    check_files(folder)
    return folder


def _checked_folder(base: Base, *, offline: bool) -> Path:
    """Check the files of a base model and return their folder."""
    folder = Path(base.source)
    if folder.is_absolute() and not folder.is_dir():
        raise ModelError(
            f"The base model {base.source} no longer exists.",
            hint="Put it back where it was when the adapter was trained, or train again: vq train",
        )
    with explained(f"The base model {base.source} cannot be loaded", _hint(base, offline)):
        if not folder.is_absolute():
            from transformers.utils import cached_file

            path = cached_file(base.source, CONFIG, revision=base.revision, local_files_only=offline)
            folder = Path(path).parent
        check_files(folder)
        if (folder / CONFIG).exists():
            check_config(folder)
        for name in OTHER_JSON:
            if (folder / name).exists():
                read_json(folder / name)
        if (folder / BASE_WEIGHTS).exists() or (folder / BASE_INDEX).exists():
            base_tensors(folder)
    return folder


def _load(loader: Any, base: Base, *, offline: bool, rust: bool = False, **settings: Any) -> Any:
    with explained(f"The base model {base.source} cannot be loaded", _hint(base, offline), rust=rust):
        return loader.from_pretrained(
            base.source, revision=base.revision, local_files_only=offline, trust_remote_code=False, **settings
        )


def _hint(base: Base, offline: bool) -> str:
    if Path(base.source).is_absolute():
        return "Check the files in that folder, and that transformers is as new as the model."
    if offline:
        return f"Only vq train fetches a base model. Run: vq train --model {base.source}"
    return "Check its name and the network, or use --model smollm2 or a local folder."
