"""`vq export`: write training messages as JSON Lines files, or conversations as pages for people to read."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal

import typer

from ventriloquist.cli.completion import people_names
from ventriloquist.cli.console import note, progress, show
from ventriloquist.cli.options import JsonOption, settings_to_write
from ventriloquist.paths import expanded
from ventriloquist.windows import Split

if TYPE_CHECKING:
    from ventriloquist.export.pages import PageFormat
    from ventriloquist.settings import Settings


def command(
    *,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="DIR|-", help="Folder to write to, or - for stdout. Default: VQ_HOME/exports."
        ),
    ] = None,
    format: Annotated[
        Literal["blocks", "prompt-completion", "windows", "html", "markdown"],
        typer.Option(
            metavar="FORMAT",  # the list would be wider than a narrow terminal
            help="blocks: rows of many targets with loss spans. prompt-completion, windows: one target in a row. "
            "html, markdown: pages to read.",
        ),
    ] = "blocks",
    person: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Pages of the conversations with this person alone.", autocompletion=people_names
        ),
    ] = None,
    conversation: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Pages of this conversation alone: a group's title, a person or a number."),
    ] = None,
    split: Annotated[Split | None, typer.Option(help="Export only this split.")] = None,
    targets_per_window: Annotated[int, typer.Option(metavar="N", min=1, max=100_000, help="Targets in a block.")] = 64,
    gzip: Annotated[bool, typer.Option("--gzip", help="Compress the files.")] = False,
    json_: JsonOption = False,
) -> None:
    """Write the training data as JSON Lines for other trainers, or conversations as pages to read.

    Example: vq export --split train

    Example: vq export --format html --person "Sam Okafor"
    """
    if output == "":  # from an unset shell variable; it would mean the current folder
        raise typer.BadParameter("--output is empty.")
    if output == "-" and json_:
        raise typer.BadParameter("--json and --output - both want stdout.")
    is_pages = format in ("html", "markdown")
    for option, is_given, for_pages in (
        ("--split", split is not None, False),
        ("--gzip", gzip, False),
        ("--person", person is not None, True),
        ("--conversation", conversation is not None, True),
    ):
        if is_given and for_pages != is_pages:
            formats = "html and markdown" if for_pages else "blocks, prompt-completion and windows"
            raise typer.BadParameter(f"This option is for the formats {formats}.", param_hint=option)
    if is_pages and output and Path(output).suffix in (".html", ".htm", ".md") and not Path(output).is_dir():
        raise typer.BadParameter("It names a folder. For one page in a file: --output - > FILE", param_hint="--output")
    settings = settings_to_write()
    folder = None if output == "-" else settings.exports if output is None else expanded(output).absolute()
    if format == "html" or format == "markdown":  # noqa: PLR1714  # mypy narrows this one
        _pages(settings, folder, format, person, conversation, json=json_)
        return
    from ventriloquist import export, status
    from ventriloquist.store import recorded_run

    options = export.ExportOptions(format, split, targets_per_window, gzip)
    parameters = asdict(options) | _recorded(folder)
    with recorded_run(settings.home, "export", parameters, plan=lambda db: export.plan(db, folder, options)) as run:
        if run.plan.bytes >= 1e9:
            note(f"Writing about {run.plan.bytes / 1e9:.1f} GB.")
        if folder is None:
            run.result = {"rows": None}  # unless the reader takes them all
            is_terminal = sys.stdout.isatty() and not gzip
            run.result = {"rows": _to_stdout(lambda out: export.stream(run.db, run.plan, out, is_terminal=is_terminal))}
            return
        with progress("Exporting") as advance:
            summary = run.result = export.run(run.db, run.plan, progress=advance)
    rows = [
        (file.name, f"{file.rows:,} rows, {file.targets:,} targets, {file.bytes:,} bytes") for file in summary.files
    ]
    show(summary, rows, json=json_, title=summary.folder, next_step=status.status(settings.home).next_step)
    for empty in summary.empty:
        note(f"Nothing is in the split {empty}: no file was written for it.")


def _pages(
    settings: Settings,
    folder: Path | None,
    format: PageFormat,
    person: str | None,
    conversation: str | None,
    *,
    json: bool,
) -> None:
    """Write pages into a folder, or one conversation to stdout."""
    from ventriloquist import status
    from ventriloquist.export import pages
    from ventriloquist.store import Connection, recorded_run

    options = pages.PagesOptions(format, person, conversation)

    def plan(db: Connection) -> pages.PagesPlan:
        planned = pages.plan(db, folder, options, timezone=settings.time_zone)
        if folder is None and len(planned.books) > 1:
            raise typer.BadParameter("stdout takes one page: name a --conversation.", param_hint="--output")
        return planned

    with recorded_run(settings.home, "export", asdict(options) | _recorded(folder), plan=plan) as run:
        if folder is None:
            run.result = {"messages": None}
            run.result = {"messages": _to_stdout(lambda out: pages.stream(run.db, run.plan, out))}
            return
        with progress("Exporting") as advance:
            summary = pages.run(run.db, run.plan, progress=advance)
        run.result = replace(summary, files=())  # their names hold people's names, as forget would not find them
    rows: list[tuple[str, object]] = [
        ("conversations", summary.conversations),
        ("messages", summary.messages),
        ("files", len(summary.files)),
        ("bytes", sum(file.bytes for file in summary.files)),
        ("open", str(Path(summary.folder) / summary.files[0].name) if len(summary.files) == 1 else summary.index),
    ]
    show(summary, rows, json=json, title=summary.folder, next_step=status.status(settings.home).next_step)


def _recorded(folder: Path | None) -> dict[str, str]:
    return {} if folder is None else {"folder": str(folder)}  # vq forget looks for it there


def _to_stdout(write: Callable[[BinaryIO], int]) -> int | None:
    """Write to stdout; return what `write` counts, or None if the reader closed the pipe, as `head` does."""
    try:
        return write(sys.stdout.buffer)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains
        return None
