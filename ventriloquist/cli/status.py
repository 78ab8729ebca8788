"""`vq status`: what is there, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from ventriloquist.cli.console import note, show
from ventriloquist.cli.options import JsonOption

if TYPE_CHECKING:
    from ventriloquist.status import PersonStatus, Status


def command(
    people: Annotated[bool, typer.Option("--people", help="Show which handles were merged into each person.")] = False,
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
        everybody, last_collect = status.people(home)
        lines = [(f"{person.name} (you)" if person.is_me else person.name, _about(person)) for person in everybody]
        lines += [
            ("nobody's", f"{handle}, on the cards of {', '.join(names)}")
            for handle, names in last_collect.get("ambiguous", {}).items()
        ]
        show({"people": everybody, "collect": last_collect}, lines, json=json_)
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


def rows(result: Status) -> Iterator[tuple[str, object]]:
    """Return a status's lines for a person to read."""
    yield "home", result.home
    for table, count in result.rows.items():
        yield table.replace("_", " "), count
    for split, count in result.splits.items():
        yield f"  {split}", count
    for run in result.runs:
        yield f"vq {run.command}", f"{run.started_at} {'done' if run.finished else 'not finished'}"
    yield "adapters", ", ".join(result.adapters) or "none"
    for name, version in result.environment.items():
        yield f"  {name}", version
