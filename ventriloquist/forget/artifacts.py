"""What was made from the messages: exports, token caches, chats, reports, merged models and adapters."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ventriloquist.forget.person import Person
from ventriloquist.fs import partial_folders, read_object, write_json
from ventriloquist.layout import BASE, CHATS, DATA, EVALUATION, EXPORTS, LOG, MANIFEST, RUNS, SETTINGS, TOKENS
from ventriloquist.model.manifest import MERGED
from ventriloquist.model.run_folder import run_folders
from ventriloquist.names import fold
from ventriloquist.store import Connection
from ventriloquist.store.runs import places_written

MADE_FOLDERS = (EXPORTS, TOKENS, CHATS)  # everything in them was made from messages, or written in a chat
REPORTS = ("*.html", "*.jsonl", "*.jsonl.gz")  # written into VQ_HOME itself by --report or --output
PARTIALS = (  # left by an export that was killed
    *(".*.jsonl.partial", ".*.jsonl.gz.partial", ".*.html.partial", ".*.md.partial", f".{MANIFEST}.partial"),
)
# The files of a finished run that reveal no message. They are kept, and everything else in its folder is removed.
KEPT_SUFFIXES = (".safetensors", ".safetensors.index.json")
KEPT_NAMES = frozenset(
    {
        *(MANIFEST, SETTINGS, DATA, LOG, "adapter_config.json", "config.json", "generation_config.json"),
        *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json"),
        *("merges.txt", "chat_template.jinja"),
    }
)
MERGED_NAMES = KEPT_NAMES | {"README.md", "Modelfile", "model.gguf"}
RUN_FILES = {MANIFEST: "format_version", SETTINGS: "targets_per_window"}  # each with a key that only ours have


@dataclass(frozen=True, slots=True)
class Traces:
    """What shows, in a manifest, that an adapter was trained on a person's messages."""

    person: Person
    conversations: frozenset[int]  # those that they are in
    known: frozenset[str]  # the names that people have today, folded


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Paths relative to VQ_HOME."""

    files: tuple[str, ...]  # exports, token caches, saved chats, reports
    tainted: tuple[str, ...]  # finished runs that were trained on the person
    removed_runs: tuple[str, ...]  # unfinished runs, and those whose tokenizer was trained on the messages
    elsewhere: tuple[str, ...]  # absolute: outside VQ_HOME, for the user to remove


def find_artifacts(db: Connection, home: Path, traces: Traces) -> Artifacts:
    """Find what was or may have been made from a person's messages, in VQ_HOME and where recorded runs wrote."""
    runs = home / RUNS
    exports = sorted(filter(Path.is_dir, places_written(db, home, "export", "folder")))
    named = places_written(db, home, "eval", "report") | places_written(db, home, "chat", "saved")
    merges = places_written(db, home, "merge", "folder")
    merges |= {left for place in merges for left in partial_folders(place)}
    evaluated = {run / EVALUATION for run in places_written(db, home, "eval", "run")}
    reports = sorted(filter(Path.is_file, named))
    models = sorted(filter(Path.is_dir, merges))

    files = [path for folder in MADE_FOLDERS for path in _files(home / folder)]
    files += [path for pattern in REPORTS for path in sorted(home.glob(pattern))]
    files += [path for folder in _under(home, exports) for path in _exported(folder)]
    beside = [*(path for folder in _under(home, models) for path in _merged(folder)), *_under(home, reports)]
    files += [path for path in beside if not path.is_relative_to(runs)]  # those in a run are found with it
    tainted, removed = _tainted_and_removed(runs, traces)
    kept_runs = (run for run in run_folders(runs) if run.is_dir() and run not in removed)
    files += [path for run in kept_runs for path in _files(run) if not _is_kept(path)]
    files = list(dict.fromkeys(files))

    manifests = ((folder, _manifest(folder)) for folder in models)
    may_know = (folder for folder, manifest in manifests if manifest is None or _names_in(manifest, traces))
    made = (*exports, *reports, *may_know, *sorted(filter(Path.is_dir, evaluated)))
    elsewhere = [path for path in made if not _is_inside(home, path)]
    own = (run for run in removed if not run.is_symlink() or _is_run(home, run.resolve()))
    elsewhere += _targets(home, (*files, *removed, *(path for run in own for path in _files(run))))
    return Artifacts(
        files=_from(home, files),
        tainted=_from(home, tainted),
        removed_runs=_from(home, removed),
        elsewhere=tuple(dict.fromkeys(map(str, elsewhere))),
    )


def _tainted_and_removed(runs: Path, traces: Traces) -> tuple[list[Path], list[Path]]:
    """Return the runs that stay but are marked, and those that go."""
    tainted, removed = [], []
    for run in filter(Path.is_dir, run_folders(runs)):
        manifest = _manifest(run)
        theirs = manifest and _names_in(manifest, traces)
        if manifest is None or (theirs and manifest.get("base_model") == BASE):  # its tokenizer has the messages' words
            removed.append(run)
        elif theirs:
            tainted.append(run)
    return tainted, removed


def remove_artifacts(home: Path, artifacts: Artifacts, traces: Traces, today: str) -> None:
    """Remove the files and runs, and mark the tainted adapters: only a new training forgets what they learnt.

    Raises:
        OSError: something cannot be removed.
    """
    for run in artifacts.removed_runs:
        _remove_run(home, home / run)
    _taint(home, artifacts, traces, today)  # before the files, so that a server writes no new ones
    for file in artifacts.files:
        (home / file).unlink(missing_ok=True)
    for folder in MADE_FOLDERS:
        shutil.rmtree(home / folder, ignore_errors=True)  # empty by now


def _taint(home: Path, artifacts: Artifacts, traces: Traces, today: str) -> None:
    """Take the person out of the manifests of adapters that were trained on their messages."""
    for run in artifacts.tainted:
        manifest = _manifest(home / run)
        if manifest is None:  # somebody removed it meanwhile
            continue
        theirs = _names_in(manifest, traces)
        manifest["people"] = [person for person in manifest["people"] if person not in theirs]
        manifest["tainted"] = f"Trained on messages of a person who was forgotten on {today}; train a new adapter."
        write_json(home / run / MANIFEST, manifest, indent=2)


def _remove_run(home: Path, run: Path) -> None:
    """Remove a run's folder. If it is a link, remove the link, and its target too if that is a run's folder."""
    if run.is_symlink():
        target = run.resolve()
        run.unlink()
        if not _is_run(home, target):
            return
        run = target
    if run.exists():  # two links may lead to it
        shutil.rmtree(run)


def _is_run(home: Path, target: Path) -> bool:
    """Tell whether the target of a link is a run's folder, and does not hold the home itself."""
    is_ours = any(key in (read_object(target / name) or {}) for name, key in RUN_FILES.items())
    return is_ours and not home.resolve().is_relative_to(target)


def _targets(home: Path, paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the targets of links out of a home, except those that are removed with the link."""
    for path in paths:
        if path.is_symlink() and path.exists() and not _is_inside(home, path):
            target = path.resolve()
            if not (path.parent == home / RUNS and _is_run(home, target)):
                yield target


def _names_in(manifest: dict[str, Any], traces: Traces) -> frozenset[str]:
    """Return the names in a manifest that are a person's, or may be; none if the adapter has not seen them.

    A manifest keeps the names of its day. A name that nobody has today may be theirs if the adapter was trained on one
    of their conversations.
    """
    _, *others = manifest["people"] or [""]  # the owner is first
    if found := frozenset(filter(traces.person.is_called, others)):
        return found
    held_out = manifest.get("held_out")
    trained = {str(id) for id in traces.conversations}.intersection(held_out if isinstance(held_out, dict) else ())
    return frozenset(name for name in others if fold(name) not in traces.known) if trained else frozenset()


def _from(home: Path, paths: Iterable[Path]) -> tuple[str, ...]:
    return tuple(str(path.relative_to(home)) for path in paths)


def _is_inside(home: Path, path: Path) -> bool:
    return path.resolve().is_relative_to(home.resolve())


def _under(home: Path, paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the paths that lie in a home, through links or not, as paths below it."""
    for path in paths:
        if _is_inside(home, path):
            yield home / path.resolve().relative_to(home.resolve())


def _exported(folder: Path) -> Iterator[Path]:
    """Yield the files of an export: those in its manifest, since the folder may hold others, and partial ones."""
    yield from (path for pattern in PARTIALS for path in sorted(folder.glob(pattern)))
    try:
        names = [Path(file["name"]).name for file in (read_object(folder / MANIFEST) or {})["files"]]
    except (KeyError, TypeError):
        return
    yield from filter(Path.is_file, (folder / name for name in (*names, MANIFEST)))


def _merged(folder: Path) -> Iterator[Path]:
    """Yield the files of a merged model. Its folder may also hold other files by now, or another model."""
    if folder.suffix == ".partial" or (_manifest(folder) or {}).get("base_model") == MERGED:
        files = [path for path in _files(folder) if path.parent == folder and _is_kept(path, MERGED_NAMES)]
        yield from sorted(files, key=lambda path: path.name == MANIFEST)  # last: the next attempt finds the rest by it


def _manifest(folder: Path) -> dict[str, Any] | None:
    """Return a manifest that names people; None if there is none or it is damaged."""
    manifest = read_object(folder / MANIFEST) or {}
    people = manifest.get("people")
    return manifest if isinstance(people, list) and all(isinstance(name, str) for name in people) else None


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() or path.is_symlink())


def _is_kept(path: Path, names: frozenset[str] = KEPT_NAMES) -> bool:
    return path.name in names or path.name.endswith(KEPT_SUFFIXES)
