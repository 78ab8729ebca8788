"""Recognising a model under another name: another owner's copy, or a folder that holds it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ventriloquist.errors import ModelError
from ventriloquist.model.gate import CONFIG, read_json

SHAPES = {  # kind, hidden size, feed-forward size and layers, as published
    "qwen3-8b": ("qwen3", 4096, 12288, 36),
    "qwen3-4b": ("qwen3", 2560, 9728, 36),
    "qwen3-1.7b": ("qwen3", 2048, 6144, 28),
    "qwen3-0.6b": ("qwen3", 1024, 3072, 28),
    "smollm2-135m": ("llama", 576, 1536, 30),
}
ALSO = {"smollm2": "smollm2-135m"}  # our own name


def same_model(name: str, known: Iterable[str]) -> str | None:
    """Return which of the known models a name means, or None.

    Owner and case of an id of the hub do not matter, and neither does `-Base`: a model that was trained further has the
    same shape. A folder is recognised by its configuration, whatever it is called.
    """
    models = list(known)
    if name in models:
        return name
    folder = Path(name).expanduser()
    wanted = _of_folder(folder) if folder.is_dir() else _of_name(name)
    return next((model for model in models if wanted in SHAPES and _of_name(model) == wanted), None)


def _of_name(name: str) -> str:
    last = name.rsplit("/", 1)[-1].casefold().removesuffix("-base")
    return ALSO.get(last, last)


def _of_folder(folder: Path) -> str | None:
    try:
        config = read_json(folder / CONFIG)
    except ModelError:  # the plan says what is wrong with it
        return None
    shape = [config.get(key) for key in ("model_type", "hidden_size", "intermediate_size", "num_hidden_layers")]
    return next((model for model, published in SHAPES.items() if [*published] == shape), None)
