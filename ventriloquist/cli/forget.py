"""`vq forget`: a person leaves the file and everything made from it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from ventriloquist.cli.completion import people_names
from ventriloquist.cli.console import note, progress, show
from ventriloquist.cli.options import JsonOption, YesOption, confirm, settings_to_write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ventriloquist.forget import ForgetPlan

NameArgument = Annotated[
    str,
    typer.Argument(metavar="NAME", help="The person: a name, a number or an address.", autocompletion=people_names),
]


def command(name: NameArgument, yes: YesOption = False, json_: JsonOption = False) -> None:
    """Remove a person: their messages, quotes of them, and what was made from them. This cannot be undone.

    Example: vq forget "Sam Okafor"
    """
    from ventriloquist import forget, status
    from ventriloquist.store import Connection, recorded_run

    home = settings_to_write().home

    def plan(db: Connection) -> ForgetPlan:
        found = forget.plan(db, home, name)
        if not yes:
            _ask(found)
        return found

    with recorded_run(home, "forget", plan=plan) as run, progress("Preparing again") as advance:  # no name is recorded
        summary = forget.run(run.db, home, run.plan, progress=advance)
        run.result = replace(summary, not_prepared="")  # a path in it may hold a name
    for place in run.plan.artifacts.elsewhere:
        note(f"{place}: this copy lies elsewhere and still has their messages: delete it yourself.")
    if run.plan.in_corrections:
        note(f"{run.plan.in_corrections} may still hold their numbers or addresses: take them out yourself.")
    if summary.not_prepared:
        note(f"The other messages could not be prepared again: {summary.not_prepared}")
    rows: list[tuple[str, object]] = [
        ("Messages removed", summary.messages),
        ("Reactions removed", summary.reactions),
        ("Attachments removed", summary.attachments),
        ("Exports, caches, chats and reports removed", summary.files),
        ("Adapters to be trained again", summary.tainted_adapters),
        ("Training runs removed", summary.removed_runs),
    ]
    show(summary, rows, json=json_, next_step=status.status(home).next_step)


def _ask(plan: ForgetPlan) -> None:
    details = [f"  {label}: {value}" for label, value in _rows(plan)]
    details.append("The applications keep their own copies; vq collect will leave this person out from now on.")
    confirm("vq forget", f"Forgetting {plan.person.name} removes for good:", details)


def _rows(plan: ForgetPlan) -> Iterator[tuple[str, str]]:
    rows, artifacts = plan.rows, plan.artifacts
    yield "handles", ", ".join(plan.person.handles)
    yield "one-to-one conversations", f"{rows.conversations:,}"
    yield "messages", f"{rows.messages:,}, {rows.group_messages:,} of them in groups"
    yield "reactions", f"{rows.reactions:,}"
    yield "quotes in what others wrote", f"{rows.quotes:,}"
    yield "exports, caches, saved chats and reports", f"{len(artifacts.files):,} files"
    if artifacts.tainted:
        yield "adapters that learnt from them, to be trained again", ", ".join(artifacts.tainted)
    if artifacts.removed_runs:
        yield "training runs, removed", ", ".join(artifacts.removed_runs)
    for place in plan.artifacts.elsewhere:
        yield "not removed, outside of VQ_HOME", place
    if plan.in_corrections:
        yield "not removed, may hold their numbers or addresses", str(plan.in_corrections)
