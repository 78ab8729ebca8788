"""The training runs in VQ_HOME/runs: what each is, and removing them.

What stands in a run's files is read leniently: a damaged run is listed as one, so that it can be removed.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from ventriloquist.errors import ModelError, NotReadyError, StorageError, UnknownNameError
from ventriloquist.layout import MANIFEST, RUNS, SETTINGS
from ventriloquist.model.adapter import find_run
from ventriloquist.store.runs import lock_home

State = Literal["finished", "unfinished", "tainted", "damaged"]


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run as it is listed; None is what its files do not say."""

    name: str
    state: State
    model: str | None
    created_at: str | None  # ISO, UTC
    messages: int | None  # trained on
    people: list[str]  # the owner first
    bits_per_character: float | None  # on the validation split
    bytes: int  # on the disk
    tainted: str | None  # why it should not be used any more
    is_chat_default: bool  # vq chat uses it where no other is named


@dataclass(frozen=True, slots=True)
class RunDetails:
    """A run, and all that its manifest or its settings say of it."""

    run: RunInfo
    folder: str
    manifest: dict[str, Any]  # empty where it is not finished
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Removal:
    """What removing runs does; nothing has been done yet."""

    runs: list[RunInfo]
    targets: list[str]  # folders elsewhere that a run was a link to: they stay
    needed_by: list[str]  # unfinished runs that go on from one of these adapters
    chat_used: str | None  # the run that vq chat uses before, where no other is named
    chat_uses: str | None  # and afterwards


def list_runs(home: Path) -> list[RunInfo]:
    """Return every run, the oldest first."""
    default = _chat_default(home)
    return [_info(folder, default) for folder in _folders(home)]


def show_run(home: Path, name: str | None = None) -> RunDetails:
    """Return what is known of a run, by name; default the one that chat uses, else the newest.

    Raises:
        NotReadyError: there is none.
        UnknownNameError: none has that name.
    """
    default = _chat_default(home)
    if name is None:
        names = [folder.name for folder in _folders(home)]
        if not names:
            raise NotReadyError("There are no runs yet.", hint="Run: vq train")
        name = default or names[-1]
    folder = _find(home, name)
    return RunDetails(
        _info(folder, default), str(folder), _read(folder / MANIFEST) or {}, _read(folder / SETTINGS) or {}
    )


def remove_runs(
    home: Path, names: Sequence[str], *, confirm: Callable[[Removal], None] = lambda _removal: None
) -> Removal:
    """Remove runs from the runs folder, and nothing outside of it: of a run that is a link, only the link.

    Args:
        confirm: raises where they should stay.

    Raises:
        BusyError: a command is at work in this home; it may be training one of them.
        UnknownNameError: no run has one of the names.
        ModelError: a path that leads out of the runs folder.
        StorageError: something cannot be removed.
    """
    folders = [_find(home, name) for name in dict.fromkeys(names)]
    with lock_home(home):
        removal = _plan(home, folders)
        confirm(removal)
        for folder in folders:
            try:
                _remove(folder)
            except OSError as error:
                raise StorageError(
                    f"{error.filename or folder} cannot be removed: {error.strerror or error}.",
                    hint="Check its permissions, then run the command again.",
                ) from None
    return removal


def _plan(home: Path, folders: Iterable[Path]) -> Removal:
    default = _chat_default(home)
    gone = {folder.name: folder for folder in folders}
    stay = [folder for folder in _folders(home) if folder.name not in gone]
    finished = [folder.name for folder in stay if (folder / MANIFEST).exists()]
    begun = [folder for folder in stay if not (folder / MANIFEST).exists()]
    sources = {folder.resolve() for folder in gone.values()}
    return Removal(
        runs=[_info(folder, default) for folder in gone.values()],
        targets=[str(folder.resolve()) for folder in gone.values() if folder.is_symlink()],
        needed_by=[folder.name for folder in begun if _source(home, folder) in sources],
        chat_used=default,
        chat_uses=finished[-1] if finished else None,
    )


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
        return
    # in this order a removal that is cut off leaves nothing that looks finished, or as if it could be gone on with
    for name in (SETTINGS, MANIFEST):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder)


def _folders(home: Path) -> list[Path]:
    try:
        return sorted(path for path in (home / RUNS).iterdir() if path.is_dir() or path.is_symlink())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _find(home: Path, name: str) -> Path:
    """Return a run's folder by its name, or by its path where that leads into the runs folder.

    Raises:
        UnknownNameError: there is none.
        ModelError: the path leads elsewhere.
    """
    known = {folder.name: folder for folder in _folders(home)}
    if name in known:
        return known[name]
    path = Path(name).expanduser()
    if len(path.parts) > 1 or path.is_absolute() or name in (".", ".."):
        parent = Path(os.path.abspath(path)).parent  # noqa: PTH100  # a run that is a link is not followed
        inside = parent.resolve() == (home / RUNS).resolve()
        if inside and Path(os.path.abspath(path)).name in known:  # noqa: PTH100
            return known[Path(os.path.abspath(path)).name]  # noqa: PTH100
        if not inside:
            raise ModelError(f"{name} is not in {home / 'runs'}.", hint="Name one of these: vq runs")
    if not known:
        raise NotReadyError("There are no runs yet.", hint="Run: vq train")
    raise UnknownNameError(name, known, noun="run")


def _chat_default(home: Path) -> str | None:
    try:
        return find_run(home / RUNS).name
    except NotReadyError:
        return None


def _info(folder: Path, default: str | None) -> RunInfo:
    manifest, settings = _read(folder / MANIFEST), _read(folder / SETTINGS)
    known = manifest or {}
    chosen = _dict(known.get("settings")) or settings or {}
    result, tainted = _dict(known.get("result")), known.get("tainted")
    people = known.get("people")
    state: State = "finished"
    if not (folder / MANIFEST).exists():
        state = "unfinished"
    elif manifest is None or not isinstance(people, list):
        state = "damaged"
    elif tainted:
        state = "tainted"
    return RunInfo(
        name=folder.name,
        state=state,
        model=_text(chosen.get("model")) or _text(known.get("base_model")),
        created_at=_time(known.get("created_at")) or _begun(folder),
        messages=_count(result.get("trained_targets")),
        people=[person for person in people if isinstance(person, str)] if isinstance(people, list) else [],
        bits_per_character=_number(result.get("bits_per_character")),
        bytes=_size(folder),
        tainted=str(tainted) if tainted else None,
        is_chat_default=folder.name == default,
    )


def _source(home: Path, folder: Path) -> Path | None:
    """Return the run from whose adapter another began to train."""
    source = _text((_read(folder / SETTINGS) or {}).get("continue_from"))
    return (home / RUNS / source).resolve() if source else None  # an absolute path stays one


def _begun(folder: Path) -> str | None:
    for path in (folder / SETTINGS, folder):
        try:
            return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
        except OSError:
            continue
    return None


def _size(folder: Path) -> int:
    size = 0
    for parent, _folders_in, files in os.walk(folder.resolve()):
        for file in files:
            try:
                size += os.lstat(Path(parent) / file).st_size
            except OSError:  # removed meanwhile
                continue
    return size


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None  # type: ignore[arg-type]


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _time(value: object) -> str | None:
    try:
        return value if isinstance(value, str) and datetime.fromisoformat(value) else None
    except ValueError:
        return None
