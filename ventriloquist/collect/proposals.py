"""People of different applications who may be one: proposed by their names, and merged when the user accepts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from ventriloquist.clock import day_reader
from ventriloquist.collect import stage
from ventriloquist.collect.corrections import Corrections, load_corrections, with_merged, write_corrections
from ventriloquist.collect.handles import normalize
from ventriloquist.collect.identity import UnionFind
from ventriloquist.errors import SHOWN, SettingsError, UnknownNameError
from ventriloquist.layout import CORRECTIONS
from ventriloquist.names import fold, without_number
from ventriloquist.records import Source, application_of
from ventriloquist.store import Connection, open_database, people
from ventriloquist.store.people import PersonRow, Presence
from ventriloquist.store.time_zones import COLLECTED, find_zone


@dataclass(frozen=True, slots=True)
class ProposedPerson:
    """One of two people who may be one."""

    id: int
    name: str
    handles: Sequence[str]
    sources: Mapping[str, int]  # messages by source, a key of records.APPLICATIONS
    first_day: str | None  # local, of their first message; None: they never wrote
    last_day: str | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """Two people with one name in different sources. Nothing else says that they are one."""

    name: str
    people: tuple[ProposedPerson, ProposedPerson]
    days_in_common: int  # on which both wrote


@dataclass(frozen=True, slots=True)
class AcceptPlan:
    """What accepting will change. Nothing has been written yet."""

    groups: Sequence[Sequence[str]]  # the handles of each person
    text: str  # of corrections.toml
    collect: stage.CollectPlan


@dataclass(frozen=True, slots=True)
class AcceptSummary:
    """Who was merged, and what the file holds now."""

    merged: Sequence[Sequence[str]]  # the handles of each person
    people: int
    conversations: int
    changed: bool
    ambiguous: Mapping[str, Sequence[str]]
    hinted: Sequence[Sequence[str]]
    notes: Sequence[str]


def proposals(home: Path) -> list[Proposal]:
    """Return who may be one person; those with most days in common first.

    Raises:
        NotReadyError: nothing has been collected.
        SettingsError: corrections.toml cannot be read.
    """
    corrections = load_corrections(home)
    with open_database(home) as db:
        return find_proposals(db, corrections)


def find_proposals(db: Connection, corrections: Corrections) -> list[Proposal]:
    """Return who may be one person. Who is split in the corrections stays apart without a proposal."""
    everybody = {person.id: person for person in people.people_with_handles(db) if not person.is_me}
    present = people.presences(db)
    split = {normalize(handle, None) for handle in corrections.handles_to_split}
    called: dict[str, dict[int, str]] = {}
    for id, names in people.names_on_cards(db).items():
        for name in names:
            called.setdefault(fold(name), {})[id] = name
    for person in everybody.values():
        if person.name not in person.handles:
            name = without_number(person.name)
            called.setdefault(fold(name), {}).setdefault(person.id, name)
    pairs: dict[tuple[int, int], str] = {}
    for alike in called.values():
        known = [id for id in alike if id in everybody and split.isdisjoint(everybody[id].handles)]
        for one, other in combinations(sorted(known), 2):
            if _may_be_one(everybody[one], present.get(one, []), everybody[other], present.get(other, [])):
                pairs.setdefault((one, other), alike[one])
    zone = find_zone(db, None, COLLECTED).zone
    day = day_reader(zone)
    days = {
        id: {day(at) for at in people.times_of(db, id)} for id in dict.fromkeys(id for pair in pairs for id in pair)
    }

    def about(id: int) -> ProposedPerson:
        person, written = everybody[id], days[id]
        sources = {presence.source: presence.messages for presence in present.get(id, [])}
        first_and_last = (min(written), max(written)) if written else (None, None)
        return ProposedPerson(id, person.name, person.handles, sources, *first_and_last)

    found = [
        Proposal(name, (about(one), about(other)), len(days[one] & days[other])) for (one, other), name in pairs.items()
    ]
    return sorted(found, key=lambda proposal: (-proposal.days_in_common, proposal.name, proposal.people[1].id))


def _may_be_one(
    one: PersonRow, in_sources: Sequence[Presence], other: PersonRow, in_others: Sequence[Presence]
) -> bool:
    """Tell whether two people with one name may be one: not if they are two accounts of the same application."""
    accounts, others = (set(filter(None, map(application_of, person.handles))) for person in (one, other))
    if accounts or others:
        return accounts.isdisjoint(others)
    return {each.source for each in in_sources}.isdisjoint(each.source for each in in_others)


def plan_accept(db: Connection, home: Path, names: Sequence[str], options: stage.Options) -> AcceptPlan:
    """Find the proposals that were named, and plan to derive people anew from what is stored.

    Args:
        names: of proposals; or a name or handle of somebody in one.

    Raises:
        UnknownNameError: no proposal has a name.
        SettingsError: a name stands for two accounts of one application, or corrections.toml cannot be added to.
    """
    found = find_proposals(db, options.corrections)
    together: UnionFind[int] = UnionFind()
    about = {person.id: person for proposal in found for person in proposal.people}
    for name in names:
        chosen = [proposal for proposal in found if _is_meant(proposal, name)]
        if not chosen:
            if not found:
                raise SettingsError(
                    f"Nobody is proposed to be merged, so {name!r} cannot be accepted.", hint="Run: vq status --people"
                )
            raise UnknownNameError(name, [proposal.name for proposal in found], noun="proposal")
        accounts: dict[str, set[int]] = {}
        for person in (person for proposal in chosen for person in proposal.people):
            for application in filter(None, map(application_of, person.handles)):
                accounts.setdefault(application, set()).add(person.id)
        for several in (ids for ids in accounts.values() if len(ids) > 1):
            handles = ", ".join(repr(about[id].handles[0]) for id in sorted(several)[:SHOWN])
            raise SettingsError(
                f"{name!r} may be several people: {handles}.",
                hint="Name one by its handle, as in: vq collect --accept HANDLE",
            )
        for proposal in chosen:
            together.merge(*(person.id for person in proposal.people))
    groups: dict[int, list[str]] = {}
    for id, person in about.items():
        groups.setdefault(together.find(id), []).extend(person.handles)
    merged = [sorted(handles) for id, handles in groups.items() if len(handles) > len(about[id].handles)]
    corrections = options.corrections.model_copy(update={"merge": [*merged, *options.corrections.merge]})
    planned = stage.plan(db, STORED, replace(options, corrections=corrections))
    return AcceptPlan(merged, with_merged(home, merged), planned)


def run_accept(db: Connection, home: Path, plan: AcceptPlan) -> AcceptSummary:
    """Write corrections.toml, and derive people anew. No source is read."""
    write_corrections(home, plan.text)
    done = stage.run(db, STORED, plan.collect, home=home)
    return AcceptSummary(
        plan.groups, done.people, done.conversations, done.changed, done.ambiguous, done.hinted, done.notes
    )


def _is_meant(proposal: Proposal, typed: str) -> bool:
    known = [proposal.name, *(name for person in proposal.people for name in (person.name, *person.handles))]
    return fold(typed) in map(fold, known) or any(
        normalize(typed, None) in person.handles for person in proposal.people
    )


# A source without a row: what the file knows already.
STORED = Source(CORRECTIONS, 0, (), (), (), {}, (), (), lambda: iter(()))
