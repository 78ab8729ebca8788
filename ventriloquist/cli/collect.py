"""`vq collect`: read messages from a source into the database."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ventriloquist.cli.console import note, progress, show
from ventriloquist.cli.options import JsonOption, days, settings_to_write
from ventriloquist.sources import SOURCES

if TYPE_CHECKING:
    from ventriloquist.collect import CollectSummary


def with_source_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each source in place of its parameter `places`, before all other options."""
    signature = inspect.signature(function, eval_str=True)
    options = [
        inspect.Parameter(
            kind.parameter,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=None,
            annotation=Annotated[
                Path | None, typer.Option(kind.option, metavar=kind.metavar, readable=False, help=kind.help)
            ],
        )
        for kind in SOURCES.values()
    ]
    others = [parameter for name, parameter in signature.parameters.items() if name != "places"]
    function.__signature__ = signature.replace(parameters=[*options, *others])  # type: ignore[attr-defined]
    return function


@with_source_options
def command(
    contacts: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            readable=False,  # the library says what may not be read, with a remedy
            help="An AddressBook folder. Default: this Mac's own, or the backup's.",
        ),
    ] = None,
    exclude: Annotated[
        list[str], typer.Option(metavar="NAME", help="Leave out a person or conversation. Repeatable.")
    ] = [],  # noqa: B006  # Typer reads it and nothing changes it
    only: Annotated[
        list[str], typer.Option(metavar="NAME", help="Collect only this person or conversation. Repeatable.")
    ] = [],  # noqa: B006
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="The first day to collect, as in 2020-01-31.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="The last day to collect.")] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="The time zone of your days. Default: this machine's.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Start over: delete what was collected before.")] = False,
    json_: JsonOption = False,
    **places: Path | None,
) -> None:
    """Copy your messages into the database. Run it again to add new messages and update changed ones.

    Example: vq collect --exclude "Dr. Lee" --since 2020-01-01
    """
    from ventriloquist import collect, status
    from ventriloquist.store import recorded_run
    from ventriloquist.store.temporary import sweep

    named = [kind for kind in SOURCES.values() if places[kind.parameter] is not None]
    if len(named) > 1:
        first_two = " and ".join(kind.option for kind in named[:2])
        raise typer.BadParameter(f"{first_two} are two sources: collect one after the other.")
    first, last = days(since, until)
    settings = settings_to_write()
    sweep(settings.home)  # first, since the source may fail to open
    choice = collect.Choice(only, exclude, first, last)
    corrections = collect.load_corrections(settings.home)
    zone = timezone or settings.time_zone
    options = collect.Options(settings.my_name, settings.user_identifiers, corrections, choice, replace, zone)
    kind = named[0] if named else next(iter(SOURCES.values()))
    with kind.open(places[kind.parameter], contacts, home=settings.home) as source:
        asked = {"source": source.name, **asdict(choice), "replace": replace, "timezone": zone}
        with (
            progress("Collecting") as advance,
            recorded_run(
                settings.home, "collect", asked, create=True, plan=lambda db: collect.plan(db, source, options)
            ) as run,
        ):
            run.result = summary = collect.run(run.db, source, run.plan, home=settings.home, progress=advance)
    for text in summary.notes:
        note(text)
    next_step: str | None = status.status(settings.home).next_step
    if not summary.changed:
        note("Nothing new: the file is as it was.")
        next_step = next_step if next_step != "vq prepare" else "vq status"
    show(summary, _rows(summary), json=json_, next_step=next_step if summary.total_messages else None)


def _rows(summary: CollectSummary) -> list[tuple[str, object]]:
    from ventriloquist.records import SKIPPED

    return [
        ("source", summary.source),
        ("rows", summary.rows),
        ("messages", summary.messages),
        ("  new, changed", f"{summary.added:,}, {summary.updated:,}"),
        ("reactions", summary.reactions),
        ("skipped", sum(summary.skipped.values())),
        *((f"  {reason}", f"{count:,}  {SKIPPED[reason]}") for reason, count in summary.skipped.items()),
        ("in the file", f"{summary.total_messages:,} messages"),
        ("people", summary.people),
        ("conversations", summary.conversations),
        ("days begin in", summary.timezone),
        ("you", summary.owner),
        *((f"  {identifier}", f"named in {count:,} rows") for identifier, count in summary.owner_identifiers.items()),
        *(("nobody's", f"{handle}, on the cards of {', '.join(names)}") for handle, names in summary.ambiguous.items()),
    ]
