"""The manifest of an adapter: what it was made from. Chat and eval read it to use the adapter as it was trained."""

from __future__ import annotations

import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ventriloquist.errors import ModelError
from ventriloquist.fs import write_text
from ventriloquist.layout import BASE, MANIFEST
from ventriloquist.paths import found_path, kept_path
from ventriloquist.settings import home_folder
from ventriloquist.store import Connection, corpus
from ventriloquist.transcript import FORMAT_VERSION

PACKAGES = ("ventriloquist-cli", "torch", "transformers", "peft", "accelerate", "tokenizers", "unsloth", "mlx",
            "mlx-lm")  # fmt: skip


class Manifest(BaseModel):
    """The description of an adapter, in its folder."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format_version: int
    base_model: str  # a folder (relative to the run if both are in VQ_HOME), a repository of the hub, BASE or MERGED
    base_revision: str | None
    base_kind: str | None = None  # its `model_type`; None in older runs
    tokens_hash: str | None = None  # of a sample document, encoded by its tokenizer; None in older runs
    window: int  # messages a context may have, the target included
    context: int  # messages before the first target of a block
    targets_per_window: int  # K
    max_length: int  # tokens
    settings: dict[str, Any]
    seed: int
    data_hash: str
    people: list[str]  # the owner first
    held_out: dict[int, int]  # conversation id: position of its first held-out message, or its length if none is
    trained_until: dict[int, int] = {}  # conversation id: time of the last message before that, Unix ms
    packages: dict[str, str]
    created_at: str  # ISO, UTC
    result: dict[str, Any] = {}
    tainted: str | None = None  # why it should not be used any more

    def write(self, folder: Path) -> None:
        write_text(folder / MANIFEST, self.model_dump_json(indent=2))

    def base_folder_or_id(self, folder: Path) -> str:
        """Return the base model's source, even if the home or the adapter's folder was moved or copied."""
        if self.base_model in (BASE, MERGED):
            return str(folder / self.base_model)
        if self.base_model.startswith(OF_HOME):
            inside = self.base_model.removeprefix(OF_HOME)
            beside = folder.absolute().parent.parent / inside  # even if the folder is a link
            return str(beside if beside.is_dir() else home_folder() / inside)
        is_path = Path(self.base_model).is_absolute()
        return str(found_path(self.base_model, home_folder())) if is_path else self.base_model


def kept_base(source: str, home: Path) -> str:
    """Return a base model's source for the manifest: a folder in VQ_HOME becomes relative to the run's folder."""
    if not Path(source).is_absolute():
        return source
    kept = kept_path(Path(source), home)
    return kept if Path(kept).is_absolute() else f"{OF_HOME}{kept}"


OF_HOME = "../../"  # from VQ_HOME/runs/RUN
MERGED = "."  # the adapter is merged into the weights in this folder


def read_manifest(folder: Path) -> Manifest:
    """Read a manifest; raise a ModelError if there is none, it is damaged, or it is for another transcript format."""
    path = folder / MANIFEST
    try:
        manifest = Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{folder} holds no finished adapter.", hint="Run: vq train") from None
    except (OSError, ValidationError, UnicodeDecodeError):
        raise ModelError(f"{path} is damaged.", hint="Run: vq train") from None
    if manifest.format_version != FORMAT_VERSION:
        raise ModelError(
            f"{folder} was trained on transcript format {manifest.format_version}, this is {FORMAT_VERSION}.",
            hint="Run: vq train",
        )
    return manifest


def first_unseen(db: Connection, manifest: Manifest) -> dict[int, int]:
    """Return for each conversation, as it is prepared now, the first position that an adapter was not trained on.

    Times decide: positions move when older messages are collected later or reactions are included.
    """
    positions = dict(manifest.held_out)
    for id, position in corpus.positions_at(db, manifest.trained_until).items():
        positions[id] = max(position, positions.get(id, 0))
    return positions


def package_versions() -> dict[str, str]:
    """Return the versions of Python and the packages that affect a run's outcome."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions
