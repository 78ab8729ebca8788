"""`vq search`: find collected messages by their words."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ventriloquist.cli.completion import people_names
from ventriloquist.cli.console import note, note_next, print_json, progress, say, stdout_console
from ventriloquist.cli.invocation import typed
from ventriloquist.cli.options import JsonOption, days, settings_to_write
from ventriloquist.safe_text import one_line

if TYPE_CHECKING:
    from rich.text import Text

    from ventriloquist.search import Hit

BEFORE, SHOWN = 60, 300  # characters of a long message: before the first hit, and in all
FOUND = "bold underline"


def command(
    words: Annotated[
        list[str], typer.Argument(metavar="WORDS", help='Words that a message has to have, or "phrases" in quotes.')
    ],
    person: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only what this person wrote.", autocompletion=people_names),
    ] = None,
    conversation: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only this conversation: a group's title, a person or a number."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="The first day to search, as in 2020-01-31.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="The last day to search.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1_000_000, help="Show at most so many.")] = 20,
    json_: JsonOption = False,
) -> None:
    """Find messages that have all of these words, the newest first.

    Example: vq search pizza --person "Sam Okafor"

    Example: vq search '"see you soon"' --since 2020-01-01
    """
    from ventriloquist import search
    from ventriloquist.store import open_database

    first, last = days(since, until)
    settings = settings_to_write()
    options = search.SearchOptions(tuple(words), person, conversation, first, last, limit)
    with open_database(settings.home) as db:  # no lock: a search does not wait for a run, and is not recorded
        plan = search.plan(db, options, timezone=settings.time_zone)
        with progress("Indexing") as advance:
            result = search.run(db, plan, progress=advance)
    for text in result.notes:
        note(text)
    if json_:
        print_json(result)
        return
    for hit in result.hits:
        stdout_console().print(_line(hit, mark=not sys.stdout.isatty()), soft_wrap=not sys.stdout.isatty())
    if not result.hits:
        say(f"Nothing found. {typed(result.advice)}", beside=True)
        return
    if result.more:
        shown = f"these are the newest {limit:,}" if limit > 1 else "this is the newest"
        say(f"There are more: {shown}. Show others with --limit or --until.", beside=True)
    note_next(f"vq export --format html --conversation {result.hits[0].conversation}")


def _line(hit: Hit, *, mark: bool) -> Text:
    """Return a line about a message. Without a terminal, stars mark what was found."""
    from rich.text import Text

    star = "*" if mark else ""
    line = Text(style="")
    line.append(f"{hit.day} {hit.time}  {one_line(hit.title)} ({hit.conversation})  ", style="dim")
    line.append(one_line(hit.name), style="bold")
    begin = max(0, hit.spans[0][0] - BEFORE) if len(hit.text) > SHOWN else 0
    end = min(len(hit.text), begin + SHOWN)
    line.append(": " + "…" * (begin > 0))
    at = begin
    for first, last in hit.spans:
        if first >= end:
            break
        line.append(one_line(hit.text[at:first]))
        at = min(last, end)
        line.append(f"{star}{one_line(hit.text[first:at])}{star}", style=FOUND)
    line.append(one_line(hit.text[at:end]) + "…" * (end < len(hit.text)))
    return line
