"""The folder of a run: what is written before and after; going on with one, and from the adapter of another."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ventriloquist.errors import ModelError, NotReadyError
from ventriloquist.fs import make_private_folder, new_folder, write_text
from ventriloquist.layout import BASE, CHECKPOINTS, DATA, MANIFEST, MODELS, SETTINGS
from ventriloquist.model import tiny
from ventriloquist.model.adapter import adapter_config, find_run
from ventriloquist.model.base import TINY, Base, model_folder, resolve
from ventriloquist.model.corpus import Corpus
from ventriloquist.model.gate import OTHER_ADAPTER, explained, read_json
from ventriloquist.model.manifest import MERGED, Manifest, kept_base, package_versions, read_manifest
from ventriloquist.model.tokens import sample_hash
from ventriloquist.paths import kept_path, without_home
from ventriloquist.store import Connection, corpus
from ventriloquist.train.checkpoints import newest_whole_checkpoint
from ventriloquist.train.marks import marks
from ventriloquist.train.ranks import world_size
from ventriloquist.train.rows import rows_per_step
from ventriloquist.train.settings import TrainSettings
from ventriloquist.transcript import FORMAT_VERSION, UNKNOWN, order_members

NAME = re.compile(r"\d{8}-\d{6}-\d{3}")  # of a run's folder: when it was begun


def folder_for_new_run(runs: Path) -> Path:
    """Return a folder for a run that begins now; it does not exist yet."""
    return runs / datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")[:-3]


def remove_never_begun(runs: Path) -> None:
    """Remove the folders of runs that were killed before they had begun: nothing can go on from them."""
    for folder in runs.glob("*"):
        is_ours = NAME.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink()
        if is_ours and not any((folder / name).exists() for name in (SETTINGS, MANIFEST, CHECKPOINTS)):
            shutil.rmtree(folder, ignore_errors=True)


def unfinished_run(runs: Path) -> Path:
    """Return the newest run folder that is unfinished, one with a whole checkpoint before one without.

    Raises:
        NotReadyError: there is none.
    """
    folders = sorted((path.parent for path in runs.glob(f"*/{SETTINGS}")), reverse=True)
    unfinished = [folder for folder in folders if not (folder / MANIFEST).exists()]
    if not unfinished:
        raise NotReadyError("There is no unfinished run to resume.", hint="Run: vq train")
    saved = (folder for folder in unfinished if newest_whole_checkpoint(folder / CHECKPOINTS))
    return next(saved, unfinished[0])


def begin(folder: Path, settings: TrainSettings, data_hash: str) -> None:
    """Write what a run needs to be gone on with; from now on it is unfinished, before it was nothing."""
    make_private_folder(folder)
    write_text(folder / DATA, json.dumps({"data_hash": data_hash, "rows_per_step": rows_per_step(settings)}))
    write_text(folder / SETTINGS, settings.model_dump_json(indent=2))


def size(folder: Path) -> int:
    """Return the bytes of what a run has written so far."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def recorded_settings(folder: Path) -> TrainSettings:
    """Return the settings that a run began with.

    Raises:
        ModelError: they cannot be read.
    """
    try:
        return TrainSettings.model_validate_json((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"The settings of the run {folder} cannot be read.", hint="Move that folder away, then run: vq train"
        ) from error


def check_resumable(folder: Path, settings: TrainSettings, data_hash: str) -> None:
    """Refuse to go on with other data than a run began with, in other steps, or with another optimizer.

    Raises:
        ModelError: the prepared data or the number of processes has changed, or its 8-bit Adam does not run here.
    """
    begun = read_json(folder / DATA)
    if not {"data_hash", "rows_per_step"} <= begun.keys():
        raise ModelError(f"{folder / DATA} is damaged.", hint="Move that folder away, then run: vq train")
    if begun["data_hash"] != data_hash:
        raise ModelError("The prepared data has changed since that run began.", hint="Run: vq train")
    if begun["rows_per_step"] != rows_per_step(settings):
        raise ModelError(
            f"That run began with {begun['rows_per_step']} rows a step, {world_size()} processes would take"
            f" {rows_per_step(settings)}.",
            hint="Start as many processes as it began with.",
        )
    if recorded_settings(folder).adam_8bit and not settings.adam_8bit:
        raise ModelError(
            "That run began with 8-bit Adam, which does not run here.",
            hint="Go on with it on CUDA, with bitsandbytes and without FSDP.",
        )


def base_for(db: Connection, settings: TrainSettings, folder: Path, home: Path) -> Base:
    """Return the base model of a run; `tiny` is made in its folder, or is the one that its earlier adapter is for."""
    if settings.model != TINY:
        return resolve(settings.model, home / MODELS)
    if settings.continue_from is not None:
        return Base(str(Path(settings.continue_from) / BASE))
    beside = folder / BASE
    if not beside.exists():
        make_private_folder(folder)
        with new_folder(beside) as growing:
            tiny.build(corpus.training_lines(db, tiny.SAMPLE_LINES), growing, settings.seed)
    return Base(str(beside))


def kept_settings(settings: TrainSettings, home: Path) -> TrainSettings:
    """Return settings as they are kept: folders in VQ_HOME from it, an earlier run in it by its name."""
    earlier = settings.continue_from and kept_path(Path(settings.continue_from), home).removeprefix(f"runs{os.sep}")
    return settings.changed(model=_kept_model(settings.model, home), continue_from=earlier)


def _kept_model(name: str, home: Path) -> str:
    """Return the name of a base model as it is kept; one that is no folder as it is."""
    folder = model_folder(name, home)
    return kept_path(folder, home) if folder else name


def continued_settings(settings: TrainSettings, runs: Path) -> TrainSettings:
    """Return settings that train on from an adapter, with the shape that it has; as they are where none is named.

    Raises:
        ModelError: there is no such adapter, it is merged or tainted, or one for another base model.
    """
    if settings.continue_from is None:
        return settings
    folder = find_run(runs, settings.continue_from).absolute()
    manifest = read_manifest(folder)
    if manifest.tainted is not None:
        raise ModelError(f"{folder} is not to be used: {manifest.tainted}", hint="Run: vq train")
    if manifest.base_model == MERGED:
        raise ModelError(f"{folder} is merged: there is no adapter to train on.", hint="Name the run it was made from.")
    earlier = manifest.settings
    model = str(earlier.get("model"))
    if _kept_model(model, runs.parent) != _kept_model(settings.model, runs.parent):
        raise ModelError(f"{folder} is an adapter for {model}.", hint=f"Run: vq train --model {model} …")
    adapter_config(folder, manifest)
    shape = {name: earlier.get(name) for name in ("rank", "alpha", "top_layers")}
    with explained(f"{folder / MANIFEST} is damaged", OTHER_ADAPTER):
        return TrainSettings(**{**settings.model_dump(), **shape, "continue_from": str(folder)})


def make_manifest(
    db: Connection, home: Path, settings: TrainSettings, tokens: Corpus, base: Base, kind: str, result: dict[str, Any]
) -> Manifest:
    """Return what an adapter's folder says of itself; of one that was trained on, also what it knew before.

    Args:
        kind: of the base model, its `model_type`.
    """
    people = _people(db)
    held_out, trained_until = marks(db, tokens, settings)
    if settings.continue_from is not None:
        people += [name for name in read_manifest(Path(settings.continue_from)).people if name not in people]
    return Manifest(
        format_version=FORMAT_VERSION,
        base_model=BASE if settings.model == TINY else kept_base(base.source, home),
        base_revision=base.revision,
        base_kind=kind,
        tokens_hash=sample_hash(tokens.tokenizer),
        window=settings.window,
        context=settings.context,
        targets_per_window=settings.targets_per_window,
        max_length=settings.max_length,
        settings=kept_settings(settings, home).model_dump(),
        seed=settings.seed,
        data_hash=tokens.data_hash,
        people=people,
        held_out=held_out,
        trained_until=trained_until,
        packages=package_versions(),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        result=without_home(result, home),
    )


def _people(db: Connection) -> list[str]:
    """Return whom the prepared conversations name, the owner first; who is left out of them is not learnt."""
    members = {member for conversation in corpus.conversations(db) for member in conversation.members}
    ((owner,),) = db.execute("SELECT name FROM people WHERE is_me")
    return list(order_members(owner, members - {UNKNOWN}))


def forget_where_the_base_was(folder: Path, home: Path) -> None:
    """Let peft's configuration name a base model in VQ_HOME from the run's folder; nothing of ours reads it there."""
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = kept_base(config.get("base_model_name_or_path") or "", home)
    write_text(path, json.dumps(config, indent=2))


def summary_figures(summary: Any) -> dict[str, Any]:
    """Return a summary as a manifest keeps it."""
    return {key: value for key, value in asdict(summary).items() if key != "plan"}
