"""`vq collect`: Messages → the database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ventriloquist.cli.console import note, progress, show
from ventriloquist.cli.options import JsonOption

ChatDbOption = Annotated[
    Path | None, typer.Option("--chat-db", help="A chat.db; default: this Mac's own.", show_default=False)
]
ContactsOption = Annotated[
    Path | None, typer.Option("--contacts", help="The folder of an AddressBook; default: this Mac's own.")
]


def command(chat_db: ChatDbOption = None, contacts: ContactsOption = None, json_: JsonOption = False) -> None:
    """Copy your messages into the database. Safe to run again.

    Example: vq collect
    """
    from ventriloquist import collect
    from ventriloquist.database import recorded_run
    from ventriloquist.database.connect import FILENAME
    from ventriloquist.records import SKIPPED
    from ventriloquist.settings import load_settings
    from ventriloquist.sources import SOURCES

    settings = load_settings()
    options = collect.Options(settings.my_name, settings.user_identifiers, collect.load_corrections(settings.home))
    with SOURCES["chat-db"](chat_db, contacts) as source:
        if not (settings.home / FILENAME).exists():
            collect.check(source, options)
        parameters = {"source": source.name}
        with recorded_run(settings.home, "collect", parameters, create=True) as run, progress("Collecting") as advance:
            run.result = summary = collect.collect(run.db, source, options, progress=advance)
    for text in summary.notes:
        note(text)
    rows: list[tuple[str, object]] = [
        ("source", summary.source),
        ("rows", summary.rows),
        ("messages", summary.messages),
        ("reactions", summary.reactions),
        *((f"skipped: {SKIPPED[reason]}", count) for reason, count in summary.skipped.items()),
        ("people", summary.people),
        ("conversations", summary.conversations),
        ("you", summary.owner),
        *((f"  {identifier}", f"{count:,} rows") for identifier, count in summary.owner_identifiers.items()),
    ]
    show(summary, rows, json=json_, next_step="vq prepare")
