"""The folder of a run: begin it, find it again to resume it, or continue from the adapter in another run's folder."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from ventriloquist.errors import ModelError, NotReadyError
from ventriloquist.fs import make_private_folder, new_folder, write_json, write_text
from ventriloquist.layout import BASE, CHECKPOINTS, DATA, MANIFEST, RUNS, SETTINGS
from ventriloquist.model.adapter import adapter_config, find_run
from ventriloquist.model.base import model_folder
from ventriloquist.model.gate import OTHER_ADAPTER, explained, read_json
from ventriloquist.model.manifest import MERGED, read_manifest
from ventriloquist.model.run_folder import can_resume, run_folders
from ventriloquist.paths import kept_path
from ventriloquist.train.checkpoints import newest_whole_checkpoint, step_of
from ventriloquist.train.ranks import world_size
from ventriloquist.train.rows import rows_per_step
from ventriloquist.train.settings import TrainSettings

MOVE_AWAY = "Move that folder away, then run: vq train"
NAME = re.compile(r"\d{8}-\d{6}-\d{3}")  # the time at which a run began


class Resumable(NamedTuple):
    """A run that can be resumed."""

    run: str
    step: int | None  # of its newest checkpoint, None without one
    settings: TrainSettings


def to_resume(home: Path) -> Resumable:
    """Return the run that `vq train --resume` goes on with, see `unfinished_run` and `recorded_settings`."""
    folder = unfinished_run(home / RUNS)
    checkpoint = newest_whole_checkpoint(folder / CHECKPOINTS)
    return Resumable(folder.name, step_of(checkpoint) if checkpoint else None, recorded_settings(folder))


def folder_for_new_run(runs: Path) -> Path:
    """Return a folder for a run that begins now; it does not exist yet."""
    return runs / datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")[:-3]


def remove_never_begun(runs: Path) -> None:
    """Remove the folders of runs that were killed before they began: they cannot be resumed."""
    for folder in run_folders(runs):
        is_ours = NAME.fullmatch(folder.name) and not folder.is_symlink()
        if is_ours and not any((folder / name).exists() for name in (SETTINGS, MANIFEST, CHECKPOINTS)):
            shutil.rmtree(folder, ignore_errors=True)


def unfinished_run(runs: Path) -> Path:
    """Return the newest unfinished run, preferring those that have a whole checkpoint.

    Raises:
        NotReadyError: there is none.
    """
    unfinished = [folder for folder in reversed(run_folders(runs)) if can_resume(folder)]
    if not unfinished:
        raise NotReadyError("There is no unfinished run to resume.", hint="Run: vq train")
    saved = (folder for folder in unfinished if newest_whole_checkpoint(folder / CHECKPOINTS))
    return next(saved, unfinished[0])


def begin(
    folder: Path,
    settings: TrainSettings,
    data_hash: str,
    base_revision: str | None = None,
    base_files: Mapping[str, bytes] | None = None,
) -> None:
    """Write what a run needs to be resumed.

    Args:
        base_revision: of a base model from the hub, whose repository may change.
        base_files: the files of the run's own base model, by name.
    """
    make_private_folder(folder)
    if base_files:
        with new_folder(folder / BASE) as growing:
            for name, content in base_files.items():
                (growing / name).write_bytes(content)
    begun = {"data_hash": data_hash, "rows_per_step": rows_per_step(settings), "base_revision": base_revision}
    write_json(folder / DATA, begun)
    write_text(folder / SETTINGS, settings.model_dump_json(indent=2))  # last: from now on the run can be resumed


def recorded_settings(folder: Path) -> TrainSettings:
    """Return the settings that a run began with; raise a ModelError if they cannot be read."""
    try:
        return TrainSettings.model_validate_json((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"The settings of the run {folder} cannot be read.", hint=MOVE_AWAY) from error


def kept_revision(folder: Path, continue_from: str | None) -> str | None:
    """Return the revision of the base model that a run began with, or that the adapter it continues was trained on."""
    if (folder / DATA).exists():
        revision = read_json(folder / DATA).get("base_revision")
        return revision if isinstance(revision, str) else None
    return None if continue_from is None else read_manifest(Path(continue_from)).base_revision


def check_resumable(folder: Path, settings: TrainSettings, data_hash: str) -> None:
    """Check that a run is resumed with the data, the rows a step and the optimizer that it began with.

    Raises:
        ModelError: one of them has changed, or 8-bit Adam does not run here.
    """
    begun = read_json(folder / DATA)
    if not {"data_hash", "rows_per_step"} <= begun.keys():
        raise ModelError(f"{folder / DATA} is damaged.", hint=MOVE_AWAY)
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
            hint="Resume it on CUDA, with bitsandbytes and without FSDP.",
        )


def kept_settings(settings: TrainSettings, home: Path) -> TrainSettings:
    """Return settings as they are written: paths in VQ_HOME relative to it, a run in it by its name."""
    earlier = settings.continue_from and kept_path(Path(settings.continue_from), home).removeprefix(f"{RUNS}{os.sep}")
    return settings.changed(model=_kept_model(settings.model, home), continue_from=earlier)


def _kept_model(name: str, home: Path) -> str:
    folder = model_folder(name, home)
    return kept_path(folder, home) if folder else name


def continued_settings(settings: TrainSettings, runs: Path) -> TrainSettings:
    """Return the settings with the shape of the adapter that they continue from; unchanged if they name none.

    Raises:
        ModelError: there is no such adapter, it is merged or tainted, or it belongs to another base model.
    """
    if settings.continue_from is None:
        return settings
    folder = find_run(runs, settings.continue_from).absolute()
    manifest = read_manifest(folder)
    if manifest.tainted is not None:
        raise ModelError(f"{folder} should not be used any more: {manifest.tainted}", hint="Run: vq train")
    if manifest.base_model == MERGED:
        raise ModelError(f"{folder} is merged: it has no adapter to train on.", hint="Name the run it was made from.")
    earlier = manifest.settings
    model = str(earlier.get("model"))
    if _kept_model(model, runs.parent) != _kept_model(settings.model, runs.parent):
        raise ModelError(f"{folder} is an adapter for {model}.", hint=f"Run: vq train --model {model} …")
    adapter_config(folder, manifest)
    shape = {name: earlier.get(name) for name in ("rank", "alpha", "top_layers")}
    with explained(f"{folder / MANIFEST} is damaged", OTHER_ADAPTER):
        return TrainSettings(**{**settings.model_dump(), **shape, "continue_from": str(folder)})
