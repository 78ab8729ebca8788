"""The training runs in VQ_HOME/runs: what each is, and removing them.

The files of a run are read leniently: a damaged run is listed as damaged, so that it can be removed.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from ventriloquist import fs
from ventriloquist.errors import BusyError, ModelError, NotReadyError, StorageError, UnknownNameError
from ventriloquist.layout import MANIFEST, RUNS, SETTINGS
from ventriloquist.model.run_folder import can_resume, finished_runs, is_finished, run_folders
from ventriloquist.paths import expanded
from ventriloquist.store.runs import lock_home

State = Literal["finished", "unfinished", "tainted", "damaged"]
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run as it is listed. A field is None if the run's files do not say it."""

    name: str
    state: State
    model: str | None
    created_at: str | None  # ISO, UTC
    messages: int | None  # trained on
    people: list[str]  # the owner first
    bits_per_character: float | None  # on the validation split
    bytes: int  # on the disk
    tainted: str | None  # why it should no longer be used
    is_chat_default: bool  # vq chat uses it if no other is named


@dataclass(frozen=True, slots=True)
class RunDetails:
    """A run, with everything in its manifest and its settings."""

    run: RunInfo
    folder: str
    manifest: dict[str, Any]  # empty unless it is finished
    settings: dict[str, Any]  # from when it began

    @property
    def used_settings(self) -> dict[str, Any]:
        """The settings in the manifest, else those from when it began."""
        return _only(dict, self.manifest.get("settings")) or self.settings

    @property
    def result(self) -> dict[str, Any]:
        return _only(dict, self.manifest.get("result")) or {}

    @property
    def packages(self) -> dict[str, Any]:
        return _only(dict, self.manifest.get("packages")) or {}


@dataclass(frozen=True, slots=True)
class Removal:
    """What removing runs will do."""

    runs: list[RunInfo]
    targets: list[str]  # folders elsewhere that a run is a link to: they stay
    needed_by: list[str]  # unfinished runs that continue from one of these adapters
    chat_used: str | None  # the run that vq chat uses now, if no other is named
    chat_uses: str | None  # and afterwards


def list_runs(home: Path) -> list[RunInfo]:
    """Return every run, the oldest first."""
    default = _chat_default(home)
    return [_info(folder, default) for folder in run_folders(home / RUNS)]


def show_run(home: Path, name: str | None = None) -> RunDetails:
    """Return what is known of a run. By default it is the run that chat uses, else the newest.

    Raises:
        NotReadyError: there are no runs.
        UnknownNameError: no run has that name.
    """
    default = _chat_default(home)
    if name is None and (folders := run_folders(home / RUNS)):
        name = default or folders[-1].name
    folder = _find(home, name or "")
    return RunDetails(
        _info(folder, default),
        str(folder),
        fs.read_object(folder / MANIFEST) or {},
        fs.read_object(folder / SETTINGS) or {},
    )


def has_resumable(home: Path) -> bool:
    """Tell whether `vq train --resume` has a run to go on with."""
    return any(map(can_resume, run_folders(home / RUNS)))


def plan_removal(home: Path, names: Sequence[str]) -> Removal:
    """Find out what removing runs will do. Each is named, or given as a path into the runs folder.

    Raises:
        UnknownNameError: no run has one of the names.
        ModelError: a path leads out of the runs folder.
    """
    gone = list(dict.fromkeys(_find(home, name) for name in names))
    stay = [folder for folder in run_folders(home / RUNS) if folder not in gone]
    finished = [folder.name for folder in stay if is_finished(folder)]
    sources = {folder.resolve() for folder in gone}
    default = _chat_default(home)
    return Removal(
        runs=[_info(folder, default) for folder in gone],
        targets=[str(folder.resolve()) for folder in gone if folder.is_symlink()],
        needed_by=[folder.name for folder in stay if not is_finished(folder) and _source(home, folder) in sources],
        chat_used=default,
        chat_uses=finished[-1] if finished else None,
    )


def remove(home: Path, plan: Removal) -> None:
    """Remove runs from the runs folder and nothing outside it: if a run is a link, only the link.

    Raises:
        BusyError: a command is at work in this home, or the runs have changed since the plan.
        StorageError: something cannot be removed.
    """
    with lock_home(home):
        if plan_removal(home, [run.name for run in plan.runs]) != plan:
            raise BusyError("The runs have changed meanwhile.", hint="Look at them with vq runs, then try again.")
        for run in plan.runs:
            folder = home / RUNS / run.name
            try:
                _remove(folder)
            except OSError as error:
                raise StorageError(
                    f"{error.filename or folder} cannot be removed: {error.strerror or error}.",
                    hint="Check its permissions, then run the command again.",
                ) from None


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
        return
    # in this order, a removal that is cut off leaves nothing that looks finished or resumable
    for name in (SETTINGS, MANIFEST):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder)


def _find(home: Path, name: str) -> Path:
    """Return a run's folder by its name, or by its path into the runs folder.

    Raises:
        NotReadyError: there are no runs.
        UnknownNameError: no run has that name.
        ModelError: the path leads elsewhere.
    """
    runs = home / RUNS
    known = {folder.name: folder for folder in run_folders(runs)}
    if name in known:
        return known[name]
    path = expanded(name)
    if len(path.parts) > 1 or path.is_absolute() or name in (".", ".."):
        place = Path(os.path.abspath(path))  # noqa: PTH100  # a run that is a link is not followed
        if place.parent.resolve() != runs.resolve():
            raise ModelError(f"{name} is not in {runs}.", hint="Name one of these: vq runs")
        if place.name in known:
            return known[place.name]
    if not known:
        raise NotReadyError("There are no runs yet.", hint="Run: vq train")
    raise UnknownNameError(name, known, noun="run")


def _chat_default(home: Path) -> str | None:
    finished = finished_runs(home / RUNS)
    return finished[-1].name if finished else None


def _info(folder: Path, default: str | None) -> RunInfo:
    manifest = fs.read_object(folder / MANIFEST)
    known = manifest or {}
    settings = _only(dict, known.get("settings")) or fs.read_object(folder / SETTINGS) or {}
    result, tainted, people = _only(dict, known.get("result")) or {}, known.get("tainted"), known.get("people")
    state: State = "finished"
    if not is_finished(folder):
        state = "unfinished"
    elif manifest is None or not isinstance(people, list):
        state = "damaged"
    elif tainted:
        state = "tainted"
    return RunInfo(
        name=folder.name,
        state=state,
        model=_only(str, settings.get("model")) or _only(str, known.get("base_model")),
        created_at=_iso_time(known.get("created_at")) or _begun(folder),
        messages=_only(int, result.get("trained_targets")),
        people=[person for person in people if isinstance(person, str)] if isinstance(people, list) else [],
        bits_per_character=_finite(result.get("bits_per_character")),
        bytes=fs.size(folder),
        tainted=str(tainted) if tainted else None,
        is_chat_default=folder.name == default,
    )


def _source(home: Path, folder: Path) -> Path | None:
    """Return the run whose adapter another run continues from."""
    source = _only(str, (fs.read_object(folder / SETTINGS) or {}).get("continue_from"))
    return (home / RUNS / source).resolve() if source else None  # an absolute path stays one


def _begun(folder: Path) -> str | None:
    for path in (folder / SETTINGS, folder):
        try:
            return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
        except OSError:
            continue
    return None


def _only(kind: type[Value], value: object) -> Value | None:
    """Return a value of a file if it is of this kind, else None."""
    return value if isinstance(value, kind) and not isinstance(value, bool) else None


def _finite(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer of more than 300 digits
        return None


def _iso_time(value: object) -> str | None:
    try:
        return value if isinstance(value, str) and datetime.fromisoformat(value) else None
    except ValueError:
        return None
