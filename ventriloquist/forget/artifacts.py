"""What was made from the messages and lies beside the file: exports, token caches, chats, reports, adapters."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
MADE_FOLDERS = ("exports", "tokens", "chats")  # nothing in them but what was made from messages, or written in a chat
REPORTS = ("*.html", "*.jsonl", "*.jsonl.gz")  # written into VQ_HOME itself by --report or --output
OWN_TOKENIZER = "base"  # a run with its own base model has a tokenizer that was trained on the messages: words of them
# Of a finished run only what no message can be read from is kept, whatever else may come to lie there.
KEPT_SUFFIXES = (".safetensors", ".safetensors.index.json")
KEPT_NAMES = frozenset(
    {
        *(MANIFEST, "settings.json", "data.json", "adapter_config.json", "config.json", "generation_config.json"),
        *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json"),
        *("merges.txt", "chat_template.jinja", "log.jsonl"),
    }
)


@dataclass(frozen=True, slots=True)
class Traces:
    """What a person can be found by in a manifest."""

    names: frozenset[str]  # their name, and their handles: somebody without a contact card is called by one
    conversations: frozenset[int]  # in which they are
    known: frozenset[str]  # what anybody is called today


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Paths relative to VQ_HOME."""

    files: tuple[str, ...]  # exports, token caches, saved chats, reports
    tainted: tuple[str, ...]  # finished runs that were trained on the person
    removed_runs: tuple[str, ...]  # unfinished runs, and those whose tokenizer was trained on the messages


def find_artifacts(
    home: Path, traces: Traces, export_folders: Iterable[Path], reports: Iterable[Path] = ()
) -> Artifacts:
    """Find what was made from a person's messages, or may have been.

    Args:
        home: VQ_HOME.
        traces: the person's.
        export_folders: into which exports were written, wherever they are.
        reports: that were written, wherever they are.
    """
    files = [path for folder in MADE_FOLDERS for path in _files(home / folder)]
    files += [path for pattern in REPORTS for path in sorted(home.glob(pattern))]
    for folder in _under(home, export_folders):
        files += [path for path in _exported(folder) if path not in files]
    runs = home / "runs"  # reports in them are found with them
    files += [path for path in _under(home, reports) if path not in files and not path.is_relative_to(runs)]
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
    return Artifacts(*(tuple(str(path.relative_to(home)) for path in paths) for paths in (files, tainted, removed)))


def remove_artifacts(home: Path, artifacts: Artifacts, traces: Traces, today: str) -> None:
    """Remove the files and runs, and mark the adapters: what a person taught them only training anew takes away.

    Raises:
        OSError: something cannot be removed.
    """
    for run in artifacts.removed_runs:
        shutil.rmtree(home / run)
    for file in artifacts.files:
        (home / file).unlink(missing_ok=True)
    for folder in MADE_FOLDERS:
        shutil.rmtree(home / folder, ignore_errors=True)  # empty by now
    for run in artifacts.tainted:
        path = home / run / MANIFEST
        manifest = json.loads(path.read_text(encoding="utf-8"))
        theirs = _names_in(manifest, traces)
        manifest["people"] = [person for person in manifest["people"] if person not in theirs]
        manifest["tainted"] = f"Trained on messages of a person who was forgotten on {today}; retrain to unlearn them."
        partial = path.with_name(f".{MANIFEST}.partial")
        partial.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        partial.chmod(0o600)
        partial.replace(path)


def _names_in(manifest: dict[str, Any], traces: Traces) -> frozenset[str]:
    """Return what a manifest calls a person, or may call them; nothing where the adapter has not seen them.

    A manifest keeps the names of its day. One that nobody has any more may be theirs if a conversation of theirs was
    trained on.
    """
    _, *others = manifest["people"] or [""]  # the owner is first
    if found := traces.names.intersection(others):
        return found
    held_out = manifest.get("held_out")
    trained = {str(id) for id in traces.conversations}.intersection(held_out if isinstance(held_out, dict) else ())
    return frozenset(others) - traces.known if trained else frozenset()


def _under(home: Path, paths: Iterable[Path]) -> Iterator[Path]:
    """Yield those paths that lie under a home, whatever links lead there, as paths from it."""
    base = home.resolve()
    for path in paths:
        if path.resolve().is_relative_to(base):
            yield home / path.resolve().relative_to(base)


def _exported(folder: Path) -> Iterator[Path]:
    """Yield the files of an export by its manifest: its folder may hold others."""
    try:
        listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        names = [Path(file["name"]).name for file in listed]
    except (OSError, ValueError, KeyError, TypeError):
        return
    yield from (path for path in (folder / name for name in (*names, MANIFEST)) if path.is_file())


def _read_manifest(run: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads((run / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    people = manifest.get("people") if isinstance(manifest, dict) else None
    return manifest if isinstance(people, list) and all(isinstance(name, str) for name in people) else None


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() or path.is_symlink())


def _is_kept(path: Path) -> bool:
    return path.name in KEPT_NAMES or path.name.endswith(KEPT_SUFFIXES)
