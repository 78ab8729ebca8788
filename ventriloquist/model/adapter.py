"""A trained adapter: the run folders, and loading one with its base model and manifest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ventriloquist.errors import ModelError, NotReadyError
from ventriloquist.model.base import (
    Base,
    Bits,
    best_device,
    has_bitsandbytes,
    load_base,
    load_tokenizer,
    require_torch,
)
from ventriloquist.model.manifest import FILENAME, MERGED, Manifest, read_manifest
from ventriloquist.paths import found_path

WEIGHTS = "adapter_model.safetensors"


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
        folder = next((path for path in places if (path / FILENAME).exists()), None)
        if folder is None:
            raise ModelError(f"There is no finished run {name!r}.", hint="Run: vq status")
        return folder
    finished = sorted(path.parent for path in runs.glob(f"*/{FILENAME}"))
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
    if manifest.base_model != MERGED and not (folder / WEIGHTS).exists():  # peft would take a pickle instead
        raise ModelError(f"{folder} has no {WEIGHTS}.", hint="Run: vq train")
    require_torch()
    from peft import PeftModel
    from safetensors import SafetensorError

    base = Base(manifest.base_folder_or_id(folder), manifest.base_revision)
    tokenizer = load_tokenizer(base)
    if manifest.base_model == MERGED:
        return Adapter(folder, manifest, load_base(base), tokenizer)
    device, bits = _place(manifest, to_merge)
    try:
        plain = load_base(base, device=device, bits=bits)
        model = PeftModel.from_pretrained(plain, folder, torch_device=device).eval()
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"The adapter in {folder} cannot be loaded: {error}", hint="Run: vq train") from None
    return Adapter(folder, manifest, model, tokenizer)


def _place(manifest: Manifest, to_merge: bool) -> tuple[str, Bits | None]:
    """Return where a base model is loaded, and with how many bits a weight."""
    device = best_device()
    if device != "cuda" or not manifest.settings.get("four_bit"):
        return device, None
    if to_merge:
        return "cpu", 16
    return device, 4 if has_bitsandbytes() else None
