"""`vq export`: write training messages as JSON Lines files."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from ventriloquist.cli.console import note, progress, show
from ventriloquist.cli.options import JsonOption, settings_to_write
from ventriloquist.windows import Split


def command(
    *,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="DIR|-", help="Folder to write to, or - for stdout. Default: VQ_HOME/exports."
        ),
    ] = None,
    split: Annotated[Split | None, typer.Option(help="Export only this split.")] = None,
    format: Annotated[
        Literal["blocks", "prompt-completion", "windows"],
        typer.Option(help="blocks: rows of many targets with loss spans. The others: one target in a row."),
    ] = "blocks",
    targets_per_window: Annotated[int, typer.Option(metavar="N", min=1, max=100_000, help="Targets in a block.")] = 64,
    gzip: Annotated[bool, typer.Option("--gzip", help="Compress the files.")] = False,
    json_: JsonOption = False,
) -> None:
    """Write the training data as JSON Lines for other trainers.

    Example: vq export --split train
    """
    from ventriloquist import export
    from ventriloquist.store import recorded_run

    if output == "":  # from an unset shell variable; it would mean the current folder
        raise typer.BadParameter("--output is empty.")
    if output == "-" and json_:
        raise typer.BadParameter("--json and --output - both want stdout.")
    settings = settings_to_write()
    options = export.ExportOptions(format, split, targets_per_window, gzip)
    folder = None if output == "-" else settings.exports if output is None else Path(output).expanduser().absolute()
    parameters = asdict(options) | ({} if folder is None else {"folder": str(folder)})  # vq forget looks for it there
    with recorded_run(settings.home, "export", parameters, plan=lambda db: export.plan(db, folder, options)) as run:
        if run.plan.bytes >= 1e9:
            note(f"Writing about {run.plan.bytes / 1e9:.1f} GB.")
        if folder is None:
            run.result = {"rows": None}  # unless the reader takes them all
            try:
                run.result = {"rows": export.stream(run.db, run.plan, sys.stdout.buffer)}
            except BrokenPipeError:  # the reader closed the pipe, as `head` does
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains
            return
        with progress("Exporting") as advance:
            summary = run.result = export.run(run.db, run.plan, progress=advance)
    rows = [
        (file.name, f"{file.rows:,} rows, {file.targets:,} targets, {file.bytes:,} bytes") for file in summary.files
    ]
    show(summary, rows, json=json_, title=summary.folder)
    for empty in summary.empty:
        note(f"Nothing is in the split {empty}: no file was written for it.")
