"""Trained adapters: finding a run, and loading its adapter with base model and manifest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
from ventriloquist.model.configs import LINEARS, AdapterConfig, read_adapter_config
from ventriloquist.model.fit import check_adapter
from ventriloquist.model.framework import Framework, choose_framework
from ventriloquist.model.gate import ADAPTER_CONFIG, OTHER_ADAPTER, WEIGHTS, check_files, explained, read_tensors
from ventriloquist.model.manifest import MERGED, Manifest, read_manifest
from ventriloquist.model.precision import writes_faster_in_bfloat16
from ventriloquist.model.run_folder import finished_runs, is_finished
from ventriloquist.model.tokens import check_tokenizer, sample_hash
from ventriloquist.paths import found_path


@dataclass(frozen=True)
class Adapter:
    """A base model with an adapter on it, or merged with one, ready to score and generate."""

    folder: Path
    manifest: Manifest
    model: Any  # in evaluation mode: an MlxModel, or of peft, or of transformers if merged
    tokenizer: Any
    framework: Framework

    @contextmanager
    def disabled(self) -> Iterator[Any]:
        """Use the bare base model inside the block.

        Raises:
            ModelError: the adapter was merged into the base model.
        """
        if not self._has_lora():
            raise ModelError(f"{self.folder} is merged: it has no base model.", hint="Name the run it was made from.")
        with self.model.disable_adapter():
            yield self.model

    def merged(self) -> Adapter:
        """Add the adapter to the base model's weights, in memory and for good, and return what to use from here on.

        A token then costs no more than the base model's. In float32 the logits are the same to 1e-4. In bf16 the sums
        are rounded, which moves the logits no more than computing in bf16 does (docs/benchmarks.md). Weights in 4 bits
        would be rounded far more, so such a model is returned as it is, as is one that is merged already.
        """
        with explained(f"The adapter in {self.folder} cannot be merged", OTHER_ADAPTER):
            if self.framework.name == "mlx":
                self.model.merge()
                return self
            if not self._has_lora() or any(not weight.is_floating_point() for weight in self.model.parameters()):
                return self
            return replace(self, model=self.model.merge_and_unload(safe_merge=True))

    def to_write(self) -> Adapter:
        """Merge the adapter, and return what writes from here on: in bfloat16 on a CPU that is faster in it."""
        merged = self.merged()
        if self.writes_in_bfloat16:
            import torch

            for weight in merged.model.parameters():  # not the frequencies of positions, which need 32 bits
                weight.data = weight.data.to(torch.bfloat16)
        return merged

    @property
    def writes_in_bfloat16(self) -> bool:
        """Whether this is on a CPU that writes clearly faster in bfloat16. Scores stay in float32 there."""
        if self.framework.name == "mlx" or self.model.device.type != "cpu":
            return False
        config = self.model.config
        return writes_faster_in_bfloat16(config.hidden_size, config.intermediate_size)

    def _has_lora(self) -> bool:
        if self.framework.name == "mlx":
            return bool(self.model.has_lora)
        from peft import PeftModel

        return isinstance(self.model, PeftModel)


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


def check_run(folder: Path) -> Manifest:
    """Return a run's manifest, or raise a ModelError if the run has no finished adapter."""
    manifest = read_manifest(folder)
    check_files(folder)
    if manifest.base_model != MERGED:
        _require_weights(folder)
    return manifest


def load_adapter(folder: Path, *, to_merge: bool = False, tokenizer: Any = None, backend: str | None = None) -> Adapter:
    """Load an adapter and its base model from this machine; never from the network.

    If it was trained with 4-bit weights, they are loaded in 4 bits on CUDA and by MLX, too: memory may not hold more.

    Args:
        to_merge: load weights of 16 bits or more, on the CPU if necessary, with transformers.
        tokenizer: of the base model, if it is loaded already.
        backend: see `choose_framework`.

    Raises:
        MissingExtraError: the `train` extra is not installed.
        ModelError: the folder or its base cannot be used.
    """
    manifest = check_run(folder)
    require_torch()
    base = Base(manifest.base_folder_or_id(folder), manifest.base_revision)
    config = load_config(base)
    tokenizer = tokenizer or load_tokenizer(base)
    check_same_base(folder, manifest, config, tokenizer)
    framework = choose_framework("transformers" if to_merge else backend, config)
    if manifest.base_model != MERGED:
        check_adapter(check_base_weights(base, config), adapter_config(folder, manifest), folder)
    if framework.name == "mlx":
        from ventriloquist.model.mlx_adapter import load_mlx_model

        if manifest.base_model == MERGED:
            return Adapter(folder, manifest, load_mlx_model(base), tokenizer, framework)
        four: Bits | None = 4 if manifest.settings.get("four_bit") else None
        options = _options(adapter_config(folder, manifest))
        model = load_mlx_model(base, bits=four, adapter=folder, **options)
        return Adapter(folder, manifest, model, tokenizer, framework)
    if manifest.base_model == MERGED:
        return Adapter(folder, manifest, load_base(base), tokenizer, framework)
    device, bits = _place(manifest, to_merge)
    plain = load_base(base, device=device, bits=bits)
    with explained(f"The adapter in {folder} cannot be loaded", OTHER_ADAPTER):
        model = put_on(plain, **_options(adapter_config(folder, manifest)), inference_mode=True).eval()
        load_adapter_weights(model, folder)
        try_out(model, str(folder))
    return Adapter(folder, manifest, model, tokenizer, framework)


def adapter_config(folder: Path, manifest: Manifest) -> AdapterConfig:
    """Read an adapter's configuration; raise a ModelError if it cannot be used or differs from the manifest."""
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
            f"The adapter in {folder} was changed after training: {ADAPTER_CONFIG} and {MANIFEST} differ.",
            hint=OTHER_ADAPTER,
        )
    return config


def _options(config: AdapterConfig) -> dict[str, Any]:
    """Return an adapter's options, as `put_on` and `put_on_mlx` take them."""
    return {
        "r": config.r,
        "lora_alpha": config.lora_alpha,
        "target_modules": config.target_modules,
        "layers_to_transform": config.layers_to_transform,
        "use_rslora": bool(config.use_rslora),
    }


def _require_weights(folder: Path) -> None:
    if not (folder / WEIGHTS).is_file():  # peft would load a pickle instead
        raise ModelError(f"{folder} has no {WEIGHTS}.", hint="Run: vq train")


def check_same_base(folder: Path, manifest: Manifest, config: Any, tokenizer: Any) -> None:
    """Raise a ModelError unless a base model and its tokenizer are those that an adapter was trained with."""
    hint = "Restore the original base model, or train again: vq train"
    if manifest.base_kind is not None and manifest.base_kind != config.model_type:
        raise ModelError(
            f"The adapter in {folder} was trained on a base model of the kind {manifest.base_kind!r}; this one is"
            f" {config.model_type!r}.",
            hint=hint,
        )
    check_tokenizer(tokenizer, config.vocab_size, manifest.base_folder_or_id(folder))
    if manifest.tokens_hash is not None and manifest.tokens_hash != sample_hash(tokenizer):
        raise ModelError(
            f"The base model of {folder} has another tokenizer than when the adapter was trained.", hint=hint
        )


def put_on(model: Any, **options: Any) -> Any:
    """Add LoRA modules with new weights to a base model; the options are those of peft's LoraConfig."""
    from peft import LoraConfig, get_peft_model

    return get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **options))


def load_adapter_weights(model: Any, folder: Path) -> None:
    """Load a folder's adapter weights into a model with LoRA modules.

    Raises:
        ModelError: a tensor is missing, unknown or not finite.
    """
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    read_tensors(folder / WEIGHTS, hint=OTHER_ADAPTER)
    with explained(f"The adapter in {folder} cannot be loaded", OTHER_ADAPTER):
        state = load_file(folder / WEIGHTS, device="cpu")
        odd = [name for name, tensor in state.items() if not bool(tensor.isfinite().all())]
        if odd:
            raise ModelError(f"The adapter in {folder} has weights that are not finite.", hint=OTHER_ADAPTER)
        mismatch = set_peft_model_state_dict(model, state)
    missing = [name for name in mismatch.missing_keys if "lora_" in name]  # peft also lists those of the base model
    if missing or mismatch.unexpected_keys:
        raise ModelError(f"The adapter in {folder} is for another model, or incomplete.", hint=OTHER_ADAPTER)


def _place(manifest: Manifest, to_merge: bool) -> tuple[str, Bits | None]:
    """Return the device and the bits of a weight with which to load a base model."""
    device = best_device()
    if device != "cuda" or not manifest.settings.get("four_bit"):
        return device, None
    if to_merge:
        return "cpu", 16
    return device, 4 if has_bitsandbytes() else None
