"""`vq collect`: Messages → the database."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ventriloquist.cli.console import note, progress, show
from ventriloquist.cli.options import JsonOption, day, settings_to_write

if TYPE_CHECKING:
    from ventriloquist.collect import CollectSummary

# readable=False: what may not be read is said by the library, with its remedy
ChatDbOption = Annotated[
    Path | None,
    typer.Option("--chat-db", metavar="FILE", readable=False, help="A chat.db. Default: this Mac's own."),
]
BackupOption = Annotated[
    Path | None,
    typer.Option(
        "--backup", metavar="DIR", readable=False, help="An iPhone's unencrypted backup, instead of a chat.db."
    ),
]
ContactsOption = Annotated[
    Path | None,
    typer.Option(
        "--contacts",
        metavar="DIR",
        readable=False,
        help="An AddressBook folder. Default: this Mac's own, or the backup's.",
    ),
]
ExcludeOption = Annotated[
    list[str], typer.Option("--exclude", metavar="NAME", help="Leave out a person or conversation. Repeatable.")
]
OnlyOption = Annotated[
    list[str], typer.Option("--only", metavar="NAME", help="Take only this person or conversation. Repeatable.")
]
SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="DATE", help="The first day to take, as in 2020-01-31.")
]
UntilOption = Annotated[str | None, typer.Option("--until", metavar="DATE", help="The last day to take.")]
TimezoneOption = Annotated[
    str | None, typer.Option("--timezone", metavar="ZONE", help="Where your days begin. Default: this machine's zone.")
]
ReplaceOption = Annotated[bool, typer.Option("--replace", help="Start over: forget what was collected before.")]


def command(
    chat_db: ChatDbOption = None,
    backup: BackupOption = None,
    contacts: ContactsOption = None,
    exclude: ExcludeOption = [],  # noqa: B006  # Typer reads it, nobody writes it
    only: OnlyOption = [],  # noqa: B006
    since: SinceOption = None,
    until: UntilOption = None,
    timezone: TimezoneOption = None,
    replace: ReplaceOption = False,
    json_: JsonOption = False,
) -> None:
    """Copy your messages into the database. Safe to run again: what is new is added, what changed is updated.

    Example: vq collect --exclude "Dr. Lee" --since 2020-01-01
    """
    from ventriloquist import collect, status
    from ventriloquist.sources import SOURCES
    from ventriloquist.store.temporary import sweep

    if backup is not None and chat_db is not None:
        raise typer.BadParameter("--chat-db and --backup are two sources: collect one after the other.")
    first, last = day(since, "--since"), day(until, "--until")
    if first is not None and last is not None and first > last:
        raise typer.BadParameter("--since is a later day than --until.")
    settings = settings_to_write()
    sweep(settings.home)  # also where the source cannot be read
    choice = collect.Choice(only, exclude, first, last)
    corrections = collect.load_corrections(settings.home)
    zone = timezone or settings.time_zone
    options = collect.Options(settings.my_name, settings.user_identifiers, corrections, choice, replace, zone)
    open_source, place = (SOURCES["backup"], backup) if backup is not None else (SOURCES["chat-db"], chat_db)
    with open_source(place, contacts) as source:
        asked = {"source": source.name, **asdict(choice), "replace": replace, "timezone": zone}
        with progress("Collecting") as advance:
            summary = collect.collect_into(settings.home, source, options, asked=asked, progress=advance)
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
