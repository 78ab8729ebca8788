"""A trained adapter: the run folders, and loading one with its base model and manifest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ventriloquist.errors import ModelError, NotReadyError
from ventriloquist.layout import MANIFEST
from ventriloquist.model.base import (
    Base,
    Bits,
    best_device,
    check_base_weights,
    has_bitsandbytes,
    load_base,
    load_config,
    load_tokenizer,
    require_torch,
    try_out,
)
from ventriloquist.model.fit import check_adapter
from ventriloquist.model.gate import (
    ADAPTER_CONFIG,
    LINEARS,
    OTHER_ADAPTER,
    WEIGHTS,
    AdapterConfig,
    check_files,
    explained,
    read_adapter_config,
    read_tensors,
)
from ventriloquist.model.manifest import MERGED, Manifest, read_manifest
from ventriloquist.model.run_folder import finished_runs, is_finished
from ventriloquist.model.tokens import check_tokenizer, sample_hash
from ventriloquist.paths import found_path


@dataclass(frozen=True)
class Adapter:
    """A base model with an adapter on it, or merged with one, ready to score and generate."""

    folder: Path
    manifest: Manifest
    model: Any  # in evaluation mode; a peft model unless merged
    tokenizer: Any

    @contextmanager
    def disabled(self) -> Iterator[Any]:
        """Use the bare base model inside the block.

        Raises:
            ModelError: the adapter was merged into it.
        """
        if self.manifest.base_model == MERGED:
            raise ModelError(f"{self.folder} is merged: it has no base model.", hint="Name the run it was made from.")
        with self.model.disable_adapter():
            yield self.model


def find_run(runs: Path, name: str | None = None) -> Path:
    """Return a run folder that has a finished adapter: by name or path, else the newest.

    Raises:
        NotReadyError: nothing has been trained.
        ModelError: no finished run has that name.
    """
    if name is not None:
        places = (runs / name, Path(name), found_path(name, runs.parent))  # the last as paths are kept
        folder = next(filter(is_finished, places), None)
        if folder is None:
            raise ModelError(f"There is no finished run {name!r}.", hint="Run: vq status")
        return folder
    finished = finished_runs(runs)
    if not finished:
        raise NotReadyError("There is no trained adapter yet.", hint="Run: vq train")
    return finished[-1]


def load_adapter(folder: Path, *, to_merge: bool = False) -> Adapter:
    """Load an adapter and its base model from this machine; never from the network.

    One that was trained on weights in 4 bits has them so on CUDA, too: its card may not hold more.

    Args:
        to_merge: load weights that an adapter can be merged into, in 16 bits at least, on the CPU if need be.

    Raises:
        MissingExtraError: the `train` extra is not installed.
        ModelError: the folder or its base cannot be used.
    """
    manifest = read_manifest(folder)
    check_files(folder)
    if manifest.base_model != MERGED:
        _require_weights(folder)
    require_torch()
    base = Base(manifest.base_folder_or_id(folder), manifest.base_revision)
    config = load_config(base)
    tokenizer = load_tokenizer(base)
    check_same_base(folder, manifest, config, tokenizer)
    if manifest.base_model == MERGED:
        return Adapter(folder, manifest, load_base(base), tokenizer)
    check_adapter(check_base_weights(base, config), adapter_config(folder, manifest), folder)
    device, bits = _place(manifest, to_merge)
    plain = load_base(base, device=device, bits=bits)
    with explained(f"The adapter in {folder} cannot be loaded", OTHER_ADAPTER):
        model = put_on(plain, adapter_config(folder, manifest))
        load_adapter_weights(model, folder)
        try_out(model, str(folder))
    return Adapter(folder, manifest, model, tokenizer)


def adapter_config(folder: Path, manifest: Manifest) -> AdapterConfig:
    """Return what shape an adapter has; it must be the one that its manifest says it was trained with.

    Raises:
        ModelError: it is not, or the folder holds no adapter that can be used.
    """
    _require_weights(folder)
    config = read_adapter_config(folder)
    trained = manifest.settings
    if "rank" in trained and (
        config.r != trained["rank"]
        or config.lora_alpha != trained.get("alpha")
        or set(config.target_modules) != set(LINEARS)
        or (config.layers_to_transform is None) != (trained.get("top_layers") is None)
    ):
        raise ModelError(
            f"The adapter in {folder} is not the one that was trained: {ADAPTER_CONFIG} and {MANIFEST} differ.",
            hint=OTHER_ADAPTER,
        )
    return config


def _require_weights(folder: Path) -> None:
    if not (folder / WEIGHTS).is_file():  # peft would take a pickle instead
        raise ModelError(f"{folder} has no {WEIGHTS}.", hint="Run: vq train")


def check_same_base(folder: Path, manifest: Manifest, config: Any, tokenizer: Any) -> None:
    """Check that a base model is of the kind that an adapter was trained on, and that its tokenizer encodes alike.

    Raises:
        ModelError: it is not, or does not.
    """
    if manifest.base_kind is not None and manifest.base_kind != config.model_type:
        raise ModelError(
            f"The adapter in {folder} was trained on a base model of the kind {manifest.base_kind!r}; this one is"
            f" {config.model_type!r}.",
            hint="Put its own base model back, or train anew: vq train",
        )
    check_tokenizer(tokenizer, config.vocab_size, manifest.base_folder_or_id(folder))
    if manifest.tokens_hash is not None and manifest.tokens_hash != sample_hash(tokenizer):
        raise ModelError(
            f"The base model of {folder} has another tokenizer now than the one that the adapter was trained with.",
            hint="Put its own base model back, or train anew: vq train",
        )


def put_on(model: Any, config: AdapterConfig) -> Any:
    """Put LoRA of an adapter's shape on a base model, without its weights and with nothing to train."""
    from peft import LoraConfig, get_peft_model

    return get_peft_model(
        model,
        LoraConfig(
            r=config.r,
            lora_alpha=config.lora_alpha,
            target_modules=list(config.target_modules),
            layers_to_transform=config.layers_to_transform,
            use_rslora=bool(config.use_rslora),
            inference_mode=True,
            task_type="CAUSAL_LM",
        ),
    ).eval()


def load_adapter_weights(model: Any, folder: Path) -> None:
    """Give a model with LoRA on it the adapter weights of a folder: each of its parts must be there, and no other.

    Raises:
        ModelError: the folder's adapter does not fit.
    """
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    read_tensors(folder / WEIGHTS, hint=OTHER_ADAPTER)
    with explained(f"The adapter in {folder} cannot be loaded", OTHER_ADAPTER):
        state = load_file(folder / WEIGHTS, device="cpu")
        odd = [name for name, tensor in state.items() if not bool(tensor.isfinite().all())]
        if odd:
            raise ModelError(f"The adapter in {folder} has weights that are no numbers.", hint=OTHER_ADAPTER)
        mismatch = set_peft_model_state_dict(model, state)
    missing = [name for name in mismatch.missing_keys if "lora_" in name]  # peft lists the base model's, too
    if missing or mismatch.unexpected_keys:
        raise ModelError(f"The adapter in {folder} is one for another model, or not whole.", hint=OTHER_ADAPTER)


def _place(manifest: Manifest, to_merge: bool) -> tuple[str, Bits | None]:
    """Return where a base model is loaded, and with how many bits a weight."""
    device = best_device()
    if device != "cuda" or not manifest.settings.get("four_bit"):
        return device, None
    if to_merge:
        return "cpu", 16
    return device, 4 if has_bitsandbytes() else None
