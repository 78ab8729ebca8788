"""`vq status`: what is there, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from ventriloquist.cli.console import note, show
from ventriloquist.cli.invocation import typed
from ventriloquist.cli.options import JsonOption
from ventriloquist.layout import CORRECTIONS
from ventriloquist.records import APPLICATIONS, MESSAGES

if TYPE_CHECKING:
    from ventriloquist.collect.proposals import Proposal, ProposedPerson
    from ventriloquist.status import PersonStatus, Status
    from ventriloquist.store.runs import PastRun


def command(
    people: Annotated[
        bool, typer.Option("--people", help="Show each person's handles, and people who may be the same.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Show what is collected, prepared and trained, and the next step.

    Example: vq status --people
    """
    from ventriloquist import status
    from ventriloquist.settings import load_settings

    settings = load_settings(lenient=True)
    home = settings.home
    for warning in settings.warnings:
        note(f"Warning: {warning}")
    if people:
        from ventriloquist import collect

        everybody, last_collect = status.people(home)
        lines = [(f"{person.name} (you)" if person.is_me else person.name, _about(person)) for person in everybody]
        lines += [
            ("nobody's", f"{handle}, on the cards of {', '.join(names)}")
            for handle, names in last_collect.get("ambiguous", {}).items()
        ]
        proposals = collect.proposals(home)
        lines += [("perhaps one", _proposed(proposal)) for proposal in proposals]
        show({"people": everybody, "collect": last_collect, "proposals": proposals}, lines, json=json_)
        if proposals and not json_:
            accept = typed(f"vq collect --accept {quote(proposals[0].name)}")
            note(f"An equal name alone merges nobody. To merge two: {accept}")
        if not json_:
            note(f"To merge, split or rename others, write {home / CORRECTIONS}; docs/collect.md says how.")
        return
    result = status.status(home)
    for warning in result.warnings:
        note(f"Warning: {warning}")
    show(result, rows(result), json=json_, next_step=result.next_step)


def _about(person: PersonStatus) -> str:
    """Return what was merged into a person, and the names on their cards if these differ."""
    cards = f"  cards: {', '.join(person.cards)}" if person.cards not in ([], [person.name]) else ""
    hinted = f"  merged by Messages: {', '.join(person.hinted)}" if person.hinted else ""
    return f"{person.messages:,}  {', '.join(person.handles)}{cards}{hinted}"


def _proposed(proposal: Proposal) -> str:
    """Return why two people may be one."""
    people = "; ".join(f"{person.name}: {', '.join(person.handles)}, {_written(person)}" for person in proposal.people)
    return f"{people}; both wrote on {_count(proposal.days_in_common, 'day')}"


def _written(person: ProposedPerson) -> str:
    """Return what somebody wrote, by source, and from when to when."""
    counts = ", ".join(
        f"{_count(messages, 'message')} in {APPLICATIONS[source]}" for source, messages in person.sources.items()
    )
    return f"{counts} ({person.first_day} to {person.last_day})" if person.first_day else counts


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _state(run: PastRun) -> str:
    if run.running:
        return "running now"
    return "done" if run.finished else "not finished"


def rows(result: Status) -> Iterator[tuple[str, object]]:
    """Return a status's lines for a person to read."""
    yield "home", result.home
    for table, count in result.rows.items():
        yield table.replace("_", " "), count
        if table == "text_messages" and [*result.sources] not in ([], [MESSAGES]):
            for source, counts in result.sources.items():
                label = APPLICATIONS.get(source, source)
                yield f"  {label}", f"{counts['messages']:,} in {_count(counts['conversations'], 'conversation')}"
    for split, count in result.splits.items():
        yield f"  {split}", count
    for run in result.runs:
        yield f"vq {run.command}", f"{run.started_at} {_state(run)}"
    yield "adapters", ", ".join(result.adapters) or "none"
    for name, version in result.environment.items():
        yield f"  {name}", version
