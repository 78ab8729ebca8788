"""Forgetting a person: their words leave the file and everything made from it, and collect leaves them out for good."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ventriloquist.errors import BusyError, SettingsError, StorageError, UnknownNameError
from ventriloquist.forget.artifacts import Artifacts, Traces, find_artifacts, remove_artifacts
from ventriloquist.forget.names import SCRUBBED, find_person, name_test, names_of, scrub_runs
from ventriloquist.forget.rows import Rows, count_rows, delete_name, delete_rows
from ventriloquist.forget.written import read_written
from ventriloquist.layout import DATABASE
from ventriloquist.names import fold
from ventriloquist.prepare import PrepareOptions, load_own_rules, prepare
from ventriloquist.records import Progress
from ventriloquist.store import Connection, corpus, transaction
from ventriloquist.store.time_zones import PREPARED, recorded_zone

__all__ = ["ForgetPlan", "ForgetSummary", "forget", "plan_to_forget"]


@dataclass(frozen=True, slots=True)
class ForgetPlan:
    """What forgetting somebody will remove. Nothing has been done yet."""

    person_id: int
    name: str
    handles: tuple[str, ...]
    rows: Rows
    traces: Traces
    artifacts: Artifacts

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """What lies outside VQ_HOME, for the user to remove."""
        return self.artifacts.elsewhere


@dataclass(frozen=True, slots=True)
class ForgetSummary:
    """What was removed, in numbers: who it was is not kept."""

    messages: int
    reactions: int
    attachments: int
    files: int
    tainted_adapters: int
    removed_runs: int
    prepared_again: bool


def plan_to_forget(db: Connection, home: Path, name: str) -> ForgetPlan:
    """Find out what forgetting a person will remove.

    Args:
        name: theirs, what a card calls them, or a number or address of theirs; in any case and formatting.

    Raises:
        UnknownNameError: nobody is called so.
        VentriloquistError: several people are.
        SettingsError: it is the owner.
    """
    person_id, name, is_me = find_person(db, name)
    if is_me:
        raise SettingsError(
            "You cannot forget yourself: every conversation is yours.", hint=f"To delete everything, remove {home}."
        )
    handles = tuple(
        handle for (handle,) in db.execute("SELECT handle FROM handles WHERE person_id = ? ORDER BY 1", (person_id,))
    )
    member = db.execute("SELECT conversation_id FROM members WHERE person_id = ?", (person_id,))
    traces = Traces(
        is_theirs=name_test(db, names_of(db, person_id, name), handles),
        conversations=frozenset(id for (id,) in member),
        known=frozenset(fold(known) for (known,) in db.execute("SELECT name FROM people")),
    )
    artifacts = find_artifacts(home, traces, read_written(db, home))
    return ForgetPlan(person_id, name, handles, count_rows(db, person_id), traces, artifacts)


def forget(
    db: Connection, home: Path, plan: ForgetPlan, *, progress: Progress = lambda _done, _total: None
) -> ForgetSummary:
    """Remove what the plan lists. A run that was cut off is finished by running it again.

    Files go first; then all rows in one transaction, with what was prepared made anew; then the file is rewritten, so
    that no page of it holds what was deleted; and last the name, by which the command could still be run again.

    Raises:
        SettingsError: the user's own rules of redaction cannot be read; nothing has been done.
        BusyError: another program reads the file, which cannot be rewritten under its eyes.
        StorageError: a file cannot be removed, or the disk has no room to rewrite the database.
    """
    own_rules = load_own_rules(home)
    try:
        remove_artifacts(home, plan.artifacts, plan.traces, f"{datetime.now(UTC):%Y-%m-%d}")
    except OSError as error:
        raise StorageError(
            f"{error.filename} cannot be removed: {error.strerror}.",
            hint="Check its permissions, then run the command again.",
        ) from None
    db.execute("PRAGMA secure_delete = ON")
    names = names_of(db, plan.person_id, plan.name)
    options = _last_prepare(db, name_test(db, names, plan.handles))
    with transaction(db):
        scrub_runs(db, names, plan.handles)
        delete_rows(db, plan.person_id, plan.handles)
        corpus.clear(db)
        has_messages = db.execute("SELECT 1 FROM text_messages LIMIT 1").fetchone() is not None
        prepared_again = False
        if options is not None and has_messages:
            # what they name may be gone since: then nothing is prepared
            with suppress(UnknownNameError, SettingsError):
                prepare(db, options, own_rules=own_rules, progress=progress)
                prepared_again = True
    db.execute("VACUUM")
    is_read, *_ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if is_read:
        raise BusyError(
            f"Another program reads {home / DATABASE}: what was deleted can still be found in it.",
            hint="Close it and run the command again.",
        )
    with transaction(db):
        delete_name(db, plan.person_id)
    rows = plan.rows
    return ForgetSummary(
        messages=rows.messages,
        reactions=rows.reactions,
        attachments=rows.attachments,
        files=len(plan.artifacts.files),
        tainted_adapters=len(plan.artifacts.tainted),
        removed_runs=len(plan.artifacts.removed_runs),
        prepared_again=prepared_again,
    )


def _last_prepare(db: Connection, is_theirs: Callable[[str], bool]) -> PrepareOptions | None:
    """Return the options of the last prepare, without those that name who is forgotten; None if nothing is prepared."""
    if corpus.is_empty(db):
        return None
    row = db.execute(
        "SELECT parameters FROM runs WHERE command = 'prepare' AND finished_at IS NOT NULL ORDER BY id DESC LIMIT 1"
    ).fetchone()
    recorded: dict[str, Any] = json.loads(row[0]) if row else {}
    known = {key: value for key, value in recorded.items() if key in PrepareOptions.__slots__}
    for key, value in known.items():
        if isinstance(value, list):  # JSON has no tuples
            known[key] = tuple(item for item in value if item != SCRUBBED and not is_theirs(item))
    if zone := recorded_zone(db, PREPARED):  # on whichever machine this runs; a name within a zone's was scrubbed
        known["timezone"] = zone
    return PrepareOptions(**known)
