"""`vq collect`: read messages from one source or several into the database."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from dataclasses import replace as changed
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ventriloquist.cli.console import note, progress, show
from ventriloquist.cli.options import JsonOption, days, settings_to_write
from ventriloquist.paths import expanded
from ventriloquist.sources import EXPORTS, SOURCES

if TYPE_CHECKING:
    from pydantic import SecretStr

    from ventriloquist.collect import CollectSummary, Options
    from ventriloquist.records import Source
    from ventriloquist.sources.imessage.encrypted import Password
    from ventriloquist.sources.meta import Copies


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
    source: Annotated[
        list[str],
        typer.Option(
            metavar="[NAME:]PATH",
            help=f"An export of another application. NAME is {', '.join(EXPORTS[:-1])} or {EXPORTS[-1]}; "
            "without it the content decides. Repeatable.",
        ),
    ] = [],  # noqa: B006  # Typer reads it and nothing changes it
    me: Annotated[
        list[str], typer.Option(metavar="NAME", help="Your name in an export that does not say who you are.")
    ] = [],  # noqa: B006
    day_first: Annotated[
        bool | None,
        typer.Option("--day-first/--month-first", help="How an export writes dates. Default: as its own dates show."),
    ] = None,
    contacts: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            readable=False,  # the library says what may not be read, with a remedy
            help="An AddressBook folder. Default: this Mac's own, or the backup's.",
        ),
    ] = None,
    exclude: Annotated[
        list[str], typer.Option(metavar="NAME", help="Leave out a person, conversation or source. Repeatable.")
    ] = [],  # noqa: B006
    only: Annotated[
        list[str], typer.Option(metavar="NAME", help="Collect only this person, conversation or source. Repeatable.")
    ] = [],  # noqa: B006
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="The first day to collect, as in 2020-01-31.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="The last day to collect.")] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="The time zone of your days. Default: this machine's.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Start over: delete what was collected before.")] = False,
    accept: Annotated[
        list[str], typer.Option(metavar="NAME", help="Merge people as `vq status --people` proposes. Repeatable.")
    ] = [],  # noqa: B006
    json_: JsonOption = False,
    **places: Path | None,
) -> None:
    """Copy your messages into the database. Run it again to add new messages and update changed ones.

    Example: vq collect --exclude "Dr. Lee" --since 2020-01-01

    Example: vq collect --source "WhatsApp Chat - Sam.zip" --me Robin
    """
    from ventriloquist import collect, status
    from ventriloquist.store.temporary import sweep

    first, last = days(since, until)
    settings = settings_to_write()
    sweep(settings.home)  # first, since the source may fail to open
    choice = collect.Choice(only, exclude, first, last)
    corrections = collect.load_corrections(settings.home)
    zone = timezone or settings.time_zone
    options = collect.Options(settings.my_name, settings.user_identifiers, corrections, choice, replace, zone)
    if accept:
        if source or any(places.values()):
            raise typer.BadParameter("--accept reads no source: collect first, then accept.")
        _accept(settings.home, accept, options, json=json_)
        return
    summaries: list[CollectSummary] = []
    password = _password(settings.backup_password)
    with _open(settings.home, options, places, password, contacts, source, me, day_first) as sources:
        for place, opened in enumerate(sources):
            others = [*sources[:place], *sources[place + 1 :]]
            asked = changed(options, replace=replace and not place, elsewhere=collect.names_in(others))
            summaries.append(_collect(settings.home, opened, asked, me))
            for text in summaries[-1].notes:
                note(text)
            if len(sources) > 1 and not json_:
                show(summaries[-1], _rows(summaries[-1]), json=False)
                print()
    next_step: str | None = status.status(settings.home).next_step
    if not any(summary.changed for summary in summaries):
        note("Nothing new: the file is as it was.")
    next_step = next_step if summaries[-1].total_messages else None
    if len(summaries) == 1:
        show(summaries[0], _rows(summaries[0]), json=json_, next_step=next_step)
    else:
        show(summaries, _total(summaries), json=json_, next_step=next_step)


@contextmanager
def _open(
    home: Path,
    options: Options,
    places: Mapping[str, Path | None],
    password: Password | None,
    contacts: Path | None,
    exports: Sequence[str],
    me: Sequence[str],
    day_first: bool | None,
) -> Iterator[list[Source]]:
    """Open all sources of the command before anything is written: Messages first, since they know the owner best."""
    from ventriloquist import collect
    from ventriloquist.errors import SourceError
    from ventriloquist.sources import in_order, open_export
    from ventriloquist.sources.exports import Asked
    from ventriloquist.sources.imessage.chat_db import MAC_CHAT_DB

    named = [kind for kind in SOURCES.values() if places[kind.parameter] is not None]
    if not named and not exports:
        if sys.platform != "darwin" and not expanded(MAC_CHAT_DB).exists():
            raise SourceError(
                "This is not a Mac, so there are no Messages of its own to collect.",
                hint="Name an export of another application with --source FILE, a Mac's chat.db with --chat-db FILE, "
                "or an iPhone's backup with --backup DIR.",
            )
        named = [next(iter(SOURCES.values()))]
    with ExitStack() as stack:
        sources = [
            stack.enter_context(
                kind.open(
                    places[kind.parameter],
                    contacts if kind is named[0] else None,
                    home=home,
                    **({"password": password} if kind.may_be_encrypted else {}),
                )
            )
            for kind in named
        ]
        owner = collect.known_owner(home, options)
        copies: Copies | None = {} if len(exports) > 1 else None
        for export in in_order(exports):
            known = [*owner, *(name for source in sources for name in collect.owner_in(source))]
            asked = Asked(collect.known_zone(home, options.timezone), tuple(me), day_first, known, copies)
            sources.append(stack.enter_context(open_export(export, home, asked)))
        if contacts is not None and not named:
            sources[0] = collect.with_contacts(sources[0], contacts, home)
        yield sources


def _password(given: SecretStr | None) -> Password | None:
    """Return what asks for the password of an encrypted backup: the variable has it, or the user types it."""
    if given is not None:
        return lambda wrong: None if wrong else given.get_secret_value()
    if not sys.stdin.isatty():
        return None

    def ask(wrong: int) -> str:
        note("That password does not open the backup." if wrong else "This backup is encrypted.")
        typed: str = typer.prompt("Its password", hide_input=True, err=True)
        note("Opening the backup takes a few seconds: its key is derived in ten million steps.")
        return typed

    return ask


def _collect(home: Path, source: Source, options: Options, me: Sequence[str]) -> CollectSummary:
    """Collect one source, as a recorded run of its own."""
    from ventriloquist import collect
    from ventriloquist.store import recorded_run

    asked = {"source": source.name, **asdict(options.choice), "replace": options.replace, "timezone": options.timezone}
    with (
        progress("Collecting") as advance,
        recorded_run(
            home, "collect", asked | ({"me": list(me)} if me else {}), create=True,
            plan=lambda db: collect.plan(db, source, options),
        ) as run,
    ):  # fmt: skip
        run.result = summary = collect.run(run.db, source, run.plan, home=home, progress=advance)
    return summary


def _accept(home: Path, names: Sequence[str], options: Options, *, json: bool) -> None:
    """Merge people who were proposed to be one, and say what came of it."""
    from ventriloquist import collect, status
    from ventriloquist.store import recorded_run

    with recorded_run(
        home, "collect", {"accept": list(names)}, plan=lambda db: collect.plan_accept(db, home, names, options)
    ) as run:
        run.result = summary = collect.run_accept(run.db, home, run.plan)
    for text in summary.notes:
        note(text)
    rows: list[tuple[str, object]] = [("merged", ", ".join(handles)) for handles in summary.merged]
    rows += [("people", summary.people), ("conversations", summary.conversations)]
    show(summary, rows, json=json, next_step=status.status(home).next_step)


def _total(summaries: Sequence[CollectSummary]) -> list[tuple[str, object]]:
    last = summaries[-1]
    return [
        ("sources", len(summaries)),
        ("rows", sum(summary.rows for summary in summaries)),
        ("messages", sum(summary.messages for summary in summaries)),
        ("reactions", sum(summary.reactions for summary in summaries)),
        ("skipped", sum(sum(summary.skipped.values()) for summary in summaries)),
        ("in the file", f"{last.total_messages:,} messages"),
        ("people", last.people),
        ("conversations", last.conversations),
    ]


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
        *((f"  {identifier}", f"in {count:,} rows") for identifier, count in summary.owner_identifiers.items()),
        *(("nobody's", f"{handle}, on the cards of {', '.join(names)}") for handle, names in summary.ambiguous.items()),
    ]
