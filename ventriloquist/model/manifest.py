"""The manifest beside every adapter: what it was made from, so that chat and eval use it as it was trained."""

from __future__ import annotations

import platform
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

PACKAGES = ("ventriloquist-cli", "torch", "transformers", "peft", "accelerate", "tokenizers", "unsloth")


class Manifest(BaseModel):
    """What an adapter folder says of itself."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format_version: int
    base_model: str  # a folder, from the run's where both are in VQ_HOME; a repository of the hub; BASE or MERGED
    base_revision: str | None
    base_kind: str | None = None  # its `model_type`; None in runs of before it was kept
    tokens_hash: str | None = None  # of how its tokenizer encodes a sample document, likewise
    window: int  # messages a context may have, the target included
    context: int  # messages before the first target of a block
    targets_per_window: int  # K
    max_length: int  # tokens
    settings: dict[str, Any]
    seed: int
    data_hash: str
    people: list[str]  # the owner first
    held_out: dict[int, int]  # conversation id: the position of its first held-out message; its length if there is none
    trained_until: dict[int, int] = {}  # conversation id: when the last message before that was sent, Unix ms
    packages: dict[str, str]
    created_at: str  # ISO, UTC
    result: dict[str, Any] = {}
    tainted: str | None = None  # why it should not be used any more

    def write(self, folder: Path) -> None:
        write_text(folder / MANIFEST, self.model_dump_json(indent=2))

    def base_folder_or_id(self, folder: Path) -> str:
        """Return the base model's source, wherever home and run have been moved or copied to.

        Args:
            folder: the adapter's.
        """
        if self.base_model in (BASE, MERGED):
            return str(folder / self.base_model)
        if self.base_model.startswith(OF_HOME):
            inside = self.base_model.removeprefix(OF_HOME)
            beside = folder.absolute().parent.parent / inside  # not through a link that the folder may be
            return str(beside if beside.is_dir() else home_folder() / inside)
        return (
            str(found_path(self.base_model, home_folder())) if Path(self.base_model).is_absolute() else self.base_model
        )


def kept_base(source: str, home: Path) -> str:
    """Return a base model's source as a manifest keeps it: a folder in VQ_HOME from the run's folder."""
    if not Path(source).is_absolute():
        return source
    kept = kept_path(Path(source), home)
    return kept if Path(kept).is_absolute() else f"{OF_HOME}{kept}"


OF_HOME = "../../"  # from VQ_HOME/runs/RUN
MERGED = "."  # the folder's weights have the adapter in them


def read_manifest(folder: Path) -> Manifest:
    """Read an adapter's manifest.

    Raises:
        ModelError: there is none, it is damaged, or it is of another transcript format.
    """
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
    """Return for each conversation the first position that an adapter was not trained on, as it is prepared now.

    Positions move when older messages are collected later or reactions become lines; times do not.
    """
    positions = dict(manifest.held_out)
    for id, position in corpus.positions_at(db, manifest.trained_until).items():
        positions[id] = max(position, positions.get(id, 0))
    return positions


def package_versions() -> dict[str, str]:
    """Return the versions of what decides a run's outcome."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
