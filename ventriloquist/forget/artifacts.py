"""What was made from the messages and lies beside the file: exports, token caches, chats, reports, adapters."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ventriloquist.forget.written import Written
from ventriloquist.fs import require_regular, write_json
from ventriloquist.layout import CHATS, EXPORTS, MANIFEST, RUNS, TOKENS
from ventriloquist.names import fold

MADE_FOLDERS = (EXPORTS, TOKENS, CHATS)  # nothing in them but what was made from messages, or written in a chat
REPORTS = ("*.html", "*.jsonl", "*.jsonl.gz")  # written into VQ_HOME itself by --report or --output
OWN_TOKENIZER = "base"  # a run with its own base model has a tokenizer that was trained on the messages: words of them
RESTS = (".*.jsonl.partial", ".*.jsonl.gz.partial", ".manifest.json.partial")  # of an export that was killed
# Of a finished run only what no message can be read from is kept, whatever else may come to lie there.
KEPT_SUFFIXES = (".safetensors", ".safetensors.index.json")
KEPT_NAMES = frozenset(
    {
        *(MANIFEST, "settings.json", "data.json", "adapter_config.json", "config.json", "generation_config.json"),
        *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json"),
        *("merges.txt", "chat_template.jinja", "log.jsonl"),
    }
)


MERGED = "."  # the base model that the manifest of a merged folder names
MERGED_NAMES = KEPT_NAMES | {"README.md", "Modelfile", "model.gguf"}
RUN_FILES = {MANIFEST: "format_version", "settings.json": "targets_per_window"}  # each with a key that is ours


@dataclass(frozen=True, slots=True)
class Traces:
    """What a person can be found by in a manifest."""

    is_theirs: Callable[[str], bool]  # whether a name, or a handle, is theirs, however it is written
    conversations: frozenset[int]  # in which they are
    known: frozenset[str]  # what anybody is called today, folded


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Paths relative to VQ_HOME."""

    files: tuple[str, ...]  # exports, token caches, saved chats, reports
    tainted: tuple[str, ...]  # finished runs that were trained on the person
    removed_runs: tuple[str, ...]  # unfinished runs, and those whose tokenizer was trained on the messages
    elsewhere: tuple[str, ...]  # absolute: what lies outside VQ_HOME and is the user's to remove


def find_artifacts(home: Path, traces: Traces, written: Written) -> Artifacts:
    """Find what was made from a person's messages, or may have been.

    Args:
        home: VQ_HOME.
        traces: the person's.
        written: into places that the user named.
    """
    files = [path for folder in MADE_FOLDERS for path in _files(home / folder)]
    files += [path for pattern in REPORTS for path in sorted(home.glob(pattern))]
    for folder in _under(home, written.exports):
        files += [path for path in _exported(folder) if path not in files]
    runs = home / RUNS  # reports and merged models in them are found with them
    for folder in _under(home, written.merged):
        files += [path for path in _merged(folder) if path not in files and not path.is_relative_to(runs)]
    files += [path for path in _under(home, written.files) if path not in files and not path.is_relative_to(runs)]
    tainted, removed = [], []
    for run in sorted(path for path in runs.glob("*") if path.is_dir()):
        manifest = _read_manifest(run)
        theirs = manifest and _names_in(manifest, traces)
        if manifest is None or (theirs and manifest.get("base_model") == OWN_TOKENIZER):
            removed.append(run)
            continue
        if theirs:
            tainted.append(run)
        files += [path for path in _files(run) if not _is_kept(path)]
    merged = (folder for folder in written.merged if _may_know(folder, traces))
    made = (*written.exports, *written.files, *merged, *written.evaluations)
    elsewhere = [path for path in made if not _is_inside(home, path)]
    own = (run for run in removed if not run.is_symlink() or _is_run(home, run.resolve()))
    elsewhere += _targets(home, (*files, *removed, *(path for run in own for path in _files(run))))
    return Artifacts(
        files=_from(home, files),
        tainted=_from(home, tainted),
        removed_runs=_from(home, removed),
        elsewhere=tuple(dict.fromkeys(map(str, elsewhere))),
    )


def remove_artifacts(home: Path, artifacts: Artifacts, traces: Traces, today: str) -> None:
    """Remove the files and runs, and mark the adapters: what a person taught them only training anew takes away.

    Raises:
        OSError: something cannot be removed.
    """
    for run in artifacts.removed_runs:
        _remove_run(home, home / run)
    for file in artifacts.files:
        (home / file).unlink(missing_ok=True)
    for folder in MADE_FOLDERS:
        shutil.rmtree(home / folder, ignore_errors=True)  # empty by now
    for run in artifacts.tainted:
        path = home / run / MANIFEST
        manifest = json.loads(path.read_text(encoding="utf-8"))
        theirs = _names_in(manifest, traces)
        manifest["people"] = [person for person in manifest["people"] if person not in theirs]
        manifest["tainted"] = f"Trained on messages of a person who was forgotten on {today}; train a new adapter."
        write_json(path, manifest, indent=2)


def _remove_run(home: Path, run: Path) -> None:
    """Remove a run's folder; of one that is a link also what it leads to, if that is a run's folder and no more."""
    if run.is_symlink():
        target = run.resolve()
        run.unlink()
        if not _is_run(home, target):
            return
        run = target
    if run.exists():  # two links may lead to it
        shutil.rmtree(run)


def _is_run(home: Path, target: Path) -> bool:
    """Tell whether a folder to which a link leads is one of a run, and not one that holds the home itself."""
    is_ours = any(key in (_read_json(target / name) or {}) for name, key in RUN_FILES.items())
    return is_ours and not home.resolve().is_relative_to(target)


def _targets(home: Path, paths: Iterable[Path]) -> Iterator[Path]:
    """Yield what links lead to outside a home, and what is not removed with them."""
    for path in paths:
        if path.is_symlink() and path.exists() and not _is_inside(home, path):
            target = path.resolve()
            if not (path.parent == home / RUNS and _is_run(home, target)):
                yield target


def _names_in(manifest: dict[str, Any], traces: Traces) -> frozenset[str]:
    """Return what a manifest calls a person, or may call them; nothing where the adapter has not seen them.

    A manifest keeps the names of its day. One that nobody has any more may be theirs if a conversation of theirs was
    trained on.
    """
    _, *others = manifest["people"] or [""]  # the owner is first
    if found := frozenset(filter(traces.is_theirs, others)):
        return found
    held_out = manifest.get("held_out")
    trained = {str(id) for id in traces.conversations}.intersection(held_out if isinstance(held_out, dict) else ())
    return frozenset(name for name in others if fold(name) not in traces.known) if trained else frozenset()


def _from(home: Path, paths: Iterable[Path]) -> tuple[str, ...]:
    return tuple(str(path.relative_to(home)) for path in paths)


def _may_know(folder: Path, traces: Traces) -> bool:
    """Tell whether a merged model may have learnt from a person; one that does not say of whom it is may have."""
    manifest = _read_manifest(folder)
    return manifest is None or bool(_names_in(manifest, traces))


def _is_inside(home: Path, path: Path) -> bool:
    return path.resolve().is_relative_to(home.resolve())


def _under(home: Path, paths: Iterable[Path]) -> Iterator[Path]:
    """Yield those paths that lie under a home, whatever links lead there, as paths from it."""
    for path in paths:
        if _is_inside(home, path):
            yield home / path.resolve().relative_to(home.resolve())


def _exported(folder: Path) -> Iterator[Path]:
    """Yield the files of an export by its manifest, and the rests of a killed one: its folder may hold others."""
    yield from (path for pattern in RESTS for path in sorted(folder.glob(pattern)))
    try:
        require_regular(folder / MANIFEST)
        listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        names = [Path(file["name"]).name for file in listed]
    except (OSError, ValueError, KeyError, TypeError):
        return
    yield from (path for path in (folder / name for name in (*names, MANIFEST)) if path.is_file())


def _merged(folder: Path) -> Iterator[Path]:
    """Yield the files of a merged model; its folder may hold others by now, or be another one."""
    manifest = _read_manifest(folder)
    if folder.suffix != ".partial" and (manifest is None or manifest.get("base_model") != MERGED):
        return
    for path in _files(folder):
        if path.parent == folder and (path.name in MERGED_NAMES or path.name.endswith(KEPT_SUFFIXES)):
            yield path


def _read_manifest(run: Path) -> dict[str, Any] | None:
    manifest = _read_json(run / MANIFEST)
    people = manifest.get("people") if manifest else None
    return manifest if isinstance(people, list) and all(isinstance(name, str) for name in people) else None


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        require_regular(path)
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() or path.is_symlink())


def _is_kept(path: Path) -> bool:
    return path.name in KEPT_NAMES or path.name.endswith(KEPT_SUFFIXES)
