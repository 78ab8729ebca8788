"""The stage: find out what goes with a person, then remove it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ventriloquist import prepare
from ventriloquist.collect.corrections import load_corrections
from ventriloquist.collect.handles import normalizer
from ventriloquist.errors import BusyError, SettingsError, StorageError, UnknownNameError
from ventriloquist.forget.artifacts import Artifacts, Traces, find_artifacts, remove_artifacts
from ventriloquist.forget.person import SCRUBBED, Person, find_person, scrubber
from ventriloquist.layout import CORRECTIONS, DATABASE
from ventriloquist.names import fold
from ventriloquist.prepare import PrepareOptions, load_own_rules
from ventriloquist.prepare.redact.own import OwnRule
from ventriloquist.records import Progress
from ventriloquist.store import Connection, corpus, erasure, people, transaction
from ventriloquist.store.connect import row_count
from ventriloquist.store.runs import last_parameters
from ventriloquist.store.time_zones import PREPARED, recorded_zone


@dataclass(frozen=True, slots=True)
class ForgetPlan:
    """What forgetting somebody will remove. Nothing has been removed yet."""

    person: Person
    rows: erasure.ErasedRows
    traces: Traces
    artifacts: Artifacts
    prepare_options: PrepareOptions | None  # to prepare again with; None if nothing is prepared
    own_rules: tuple[OwnRule, ...]
    in_corrections: Path | None = None  # the user's file of corrections, if it may hold a handle of theirs


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
    not_prepared: str  # why the rest could not be prepared again; empty where nothing is wrong


def plan(db: Connection, home: Path, name: str) -> ForgetPlan:
    """Find out what forgetting a person will remove. See `find_person` for what the name can be.

    Raises:
        UnknownNameError: nobody has this name or handle.
        VentriloquistError: several people have it.
        SettingsError: it is the owner, or the user's own rules of redaction cannot be read.
    """
    person = find_person(db, name)
    if person.is_me:
        raise SettingsError(
            "You cannot forget yourself: every conversation is yours.", hint=f"To delete everything, remove {home}."
        )
    traces = Traces(person, people.conversations_with(db, person.id), frozenset(map(fold, people.names(db))))
    return ForgetPlan(
        person=person,
        rows=erasure.count_rows(db, person.id),
        traces=traces,
        artifacts=find_artifacts(db, home, traces),
        prepare_options=_prepare_options(db, person),
        own_rules=load_own_rules(home),
        in_corrections=_in_corrections(home, person),
    )


def _in_corrections(home: Path, person: Person) -> Path | None:
    """Return the user's file of corrections if it holds a handle of theirs, or cannot be read."""
    try:
        handles = load_corrections(home).handles()
    except SettingsError:
        return home / CORRECTIONS
    return home / CORRECTIONS if any(map(person.is_called, handles)) else None


def run(
    db: Connection, home: Path, plan: ForgetPlan, *, progress: Progress = lambda _done, _total: None
) -> ForgetSummary:
    """Remove what the plan lists. If this is cut off, plan and run it again to finish.

    Files go first. All rows but the name go in one transaction, which also prepares again. Then the file is rewritten,
    so that none of its pages holds what was deleted. The name goes last, since the command finds the person by it.

    Raises:
        BusyError: another program reads the file, so it cannot be rewritten.
        StorageError: a file cannot be removed, or the disk has no room to rewrite the database.
    """
    person = plan.person
    try:
        remove_artifacts(home, plan.artifacts, plan.traces, f"{datetime.now(UTC):%Y-%m-%d}")
    except OSError as error:
        raise StorageError(
            f"{error.filename} cannot be removed: {error.strerror}.",
            hint="Check its permissions, then run the command again.",
        ) from None
    written = {*person.handles, *erasure.handles_as_written(db, person.id)}
    normalized = normalizer(person.region)
    prepared_again, why_not = False, ""
    with transaction(db):
        erasure.scrub_runs(db, scrubber(person, home))
        erasure.delete_rows(
            db, person.id, person.handles, lambda handle: not written.isdisjoint((handle, normalized(handle)))
        )
        corpus.clear(db)
        if plan.prepare_options is not None and row_count(db, "text_messages"):
            # the options may name somebody who is gone or renamed; then nothing is prepared
            try:
                prepare.run(db, prepare.plan(db, plan.prepare_options, plan.own_rules), progress=progress)
                prepared_again = True
            except UnknownNameError:
                pass
            except SettingsError as error:  # such as a rule that is too slow
                why_not = f"{error.what} {error.hint}"
    if not erasure.rewrite_file(db):
        raise BusyError(
            f"Another program reads {home / DATABASE}: what was deleted can still be found in it.",
            hint="Close it and run the command again.",
        )
    with transaction(db):
        erasure.delete_person(db, person.id)
    return ForgetSummary(
        messages=plan.rows.messages,
        reactions=plan.rows.reactions,
        attachments=plan.rows.attachments,
        files=len(plan.artifacts.files),
        tainted_adapters=len(plan.artifacts.tainted),
        removed_runs=len(plan.artifacts.removed_runs),
        prepared_again=prepared_again,
        not_prepared=why_not,
    )


def _prepare_options(db: Connection, person: Person) -> PrepareOptions | None:
    """Return the options of the last prepare without those that name the person; None if nothing is prepared."""
    if corpus.is_empty(db):
        return None
    recorded = last_parameters(db, "prepare")
    known = {key: value for key, value in recorded.items() if key in PrepareOptions.__slots__}
    for key, value in known.items():
        if isinstance(value, list):  # JSON has no tuples
            known[key] = tuple(item for item in value if item != SCRUBBED and not person.is_called(item))
    if zone := recorded_zone(db, PREPARED):  # the record may lack it: a zone that holds the name was scrubbed
        known["timezone"] = zone
    return PrepareOptions(**known)
