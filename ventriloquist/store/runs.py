"""The lock that allows one run at a time, and the record of each run with its parameters and result."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from filelock import FileLock, Timeout

from ventriloquist.clock import now_ms
from ventriloquist.errors import BusyError, NotReadyError, StorageError, VentriloquistError
from ventriloquist.fs import make_private_folder
from ventriloquist.layout import DATABASE, LOCK
from ventriloquist.paths import found_path, without_home
from ventriloquist.safe_text import to_json
from ventriloquist.store.connect import open_database, transaction
from ventriloquist.store.migrations import empty_database
from ventriloquist.store.temporary import sweep


@dataclass
class Run:
    """A run in progress: the open database, the plan, and the result to be recorded when it ends well."""

    db: Connection
    id: int
    plan: Any = None  # what `plan` of `recorded_run` returned
    result: Any = None  # a dataclass or a dictionary
    begun: bool = False  # some of its work stays if it is stopped now


@contextmanager
def recorded_run(
    home: Path,
    command: str,
    parameters: Mapping[str, object] | None = None,
    *,
    create: bool = False,
    plan: Callable[[Connection], Any] = lambda _db: None,
) -> Iterator[Run]:
    """Hold the lock, open the database, plan, and record the run. A failed run has no `finished_at`.

    The plan comes first and writes nothing, so that a command that cannot run leaves no record and no new home.
    Folders that killed runs left behind are removed. A run that fails before it sets `begun` is not recorded. Paths
    inside VQ_HOME are recorded relative to it.

    Args:
        parameters: the options of the run, as JSON values.
        create: make the home and the database if they do not exist yet.
        plan: checks everything that can fail, and returns the plan of the run. If there is no database yet, it gets an
            empty one, which it must not keep.

    Raises:
        BusyError: another run holds the lock.
        NotReadyError: there is no database and `create` is false; nothing is made.
    """
    with locked_database(home, create=create, plan=plan) as (db, planned):
        run = Run(db, _insert(db, home, command, parameters), planned)
        try:
            yield run
        except (VentriloquistError, KeyboardInterrupt, SystemExit):
            if not run.begun:
                with suppress(sqlite3.Error), transaction(db):  # the file may be the reason for the failure
                    db.execute("DELETE FROM runs WHERE id = ?", (run.id,))
            raise
        result = asdict(run.result) if is_dataclass(run.result) and not isinstance(run.result, type) else run.result
        with transaction(db):
            db.execute(
                "UPDATE runs SET finished_at = ?, result = ? WHERE id = ?", (now_ms(), _json(result, home), run.id)
            )


@contextmanager
def locked_database(
    home: Path, *, create: bool = False, plan: Callable[[Connection], Any] = lambda _db: None
) -> Iterator[tuple[Connection, Any]]:
    """Hold the lock, open the database, plan, and yield the database and the plan; see `recorded_run`."""
    sweep(home)
    is_new = not (home / DATABASE).exists()
    if is_new and not create:
        raise NotReadyError("There are no messages yet.", hint="Run: vq collect")
    planned = None
    if is_new:
        with empty_database() as empty:
            planned = plan(empty)
    with lock_home(home):
        is_new = is_new and not (home / DATABASE).exists()  # another command may have made it meanwhile
        with open_database(home, create=create) as db:
            yield db, planned if is_new else plan(db)


def record(home: Path, command: str, parameters: Mapping[str, object]) -> None:
    """Record a command that holds no lock. Without a database nothing is recorded.

    Raises:
        BusyError: another program keeps the file locked.
        StorageError: the file cannot be used.
    """
    if (home / DATABASE).exists():
        with open_database(home) as db:
            id = _insert(db, home, command, parameters)
            with transaction(db):
                db.execute("UPDATE runs SET finished_at = started_at WHERE id = ?", (id,))


def _insert(db: Connection, home: Path, command: str, parameters: Mapping[str, object] | None) -> int:
    with transaction(db):
        cursor = db.execute(
            "INSERT INTO runs (command, started_at, parameters) VALUES (?, ?, ?)",
            (command, now_ms(), _json(dict(parameters or {}), home)),
        )
    return cursor.lastrowid or 0


def _json(value: object, home: Path) -> str:
    return to_json(without_home(value, home), default=str)


@contextmanager
def lock_home(home: Path, name: str = LOCK) -> Iterator[None]:
    """Hold the operating system's lock on a file, which ends with the process. Make the home if it does not exist.

    Args:
        name: of the file in the home.

    Raises:
        BusyError: another run holds the lock.
        StorageError: the home cannot be used.
    """
    lock = FileLock(home / name, timeout=0, mode=0o600)
    try:
        make_private_folder(home)
        lock.acquire()
    except Timeout:
        raise BusyError(
            f"Another vq run is using {home}.", hint="Wait until it ends, or set VQ_HOME to another folder."
        ) from None
    except OSError as error:
        raise StorageError(
            f"{home} cannot be used: {error.strerror or error}.", hint="Check its permissions, or set VQ_HOME."
        ) from None
    try:
        yield
    finally:
        lock.release()


def is_locked(home: Path) -> bool:
    """Tell whether a run holds the lock. Nothing is made, and a lock file that cannot be opened counts as free."""
    if not os.path.exists(home / LOCK):  # noqa: PTH110  # Path.exists() raises where the folder is closed
        return False
    try:
        with FileLock(home / LOCK, timeout=0, mode=0o600):
            return False
    except Timeout:
        return True
    except OSError:
        return False


# Reading the record


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run that was recorded; `finished` is false while it runs, and when it failed or was stopped."""

    command: str
    started_at: str  # ISO, UTC
    finished: bool
    running: bool = False


def last_runs(db: Connection, limit: int) -> list[PastRun]:
    """Return the last runs, the newest first."""
    rows = db.execute("SELECT command, started_at, finished_at FROM runs ORDER BY id DESC LIMIT ?", (limit,))
    return [
        PastRun(command, datetime.fromtimestamp(started / 1000, UTC).isoformat(timespec="seconds"), bool(finished))
        for command, started, finished in rows
    ]


def last_parameters(db: Connection, command: str) -> dict[str, Any]:
    """Return what was asked of the last finished run of a command; nothing if it never finished."""
    query = "SELECT parameters FROM runs WHERE command = ? AND finished_at IS NOT NULL ORDER BY id DESC LIMIT 1"
    return _object(db.execute(query, (command,)).fetchone())


def last_result(db: Connection, command: str) -> dict[str, Any]:
    """Return the result of the last run of a command that has one; nothing if none has."""
    query = "SELECT result FROM runs WHERE command = ? AND ifnull(result, 'null') <> 'null' ORDER BY id DESC LIMIT 1"
    return _object(db.execute(query, (command,)).fetchone())


def is_newer(db: Connection, command: str, other: str) -> bool:
    """Tell whether a command finished and changed something since another one last did."""
    return _last_change(db, command) > _last_change(db, other)


def was_stopped(db: Connection, command: str, since: str) -> bool:
    """Tell whether the last run of a command did not finish, and began after another one last changed something."""
    row = db.execute(
        "SELECT id, finished_at FROM runs WHERE command = ? ORDER BY id DESC LIMIT 1", (command,)
    ).fetchone()
    return row is not None and row[1] is None and row[0] > _last_change(db, since)


def _last_change(db: Connection, command: str) -> int:
    """Return the id of the last run of a command that finished and changed something; 0 if there is none."""
    query = (
        "SELECT ifnull(max(id), 0) FROM runs WHERE command = ? AND finished_at IS NOT NULL"
        " AND ifnull(json_extract(result, '$.changed'), 1)"
    )
    return int(db.execute(query, (command,)).fetchone()[0])


def places_written(db: Connection, home: Path, command: str, key: str) -> set[Path]:
    """Return the paths that runs of a command, finished or not, have recorded under a key, resolved in this home."""
    rows = db.execute("SELECT parameters, result FROM runs WHERE command = ?", (command,)).fetchall()
    values = (json.loads(text) for row in rows for text in row if text)
    places = (value.get(key) for value in values if isinstance(value, dict))
    return {found_path(place, home) for place in places if isinstance(place, str) and place}


def _object(row: tuple[str] | None) -> dict[str, Any]:
    value = json.loads(row[0]) if row else {}
    if not isinstance(value, dict):
        raise TypeError("a damaged record")  # `open_database` says what is wrong with the file
    return value
