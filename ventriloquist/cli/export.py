"""`vq export`: training_messages → JSON Lines files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from ventriloquist.cli.console import note, progress, show
from ventriloquist.cli.options import JsonOption, settings_to_write
from ventriloquist.windows import Split

OutputOption = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="DIR|-", help="Where to; - for stdout. Default: VQ_HOME/exports."),
]
SplitOption = Annotated[Split | None, typer.Option("--split", help="Only this split.")]
FormatOption = Annotated[
    Literal["blocks", "prompt-completion", "windows"],
    typer.Option(
        "--format", help="A row a block with loss spans, a row a window as prompt and completion, or windows as text."
    ),
]
TargetsOption = Annotated[
    int, typer.Option("--targets-per-window", metavar="N", min=1, max=100_000, help="Targets a block.")
]
GzipOption = Annotated[bool, typer.Option("--gzip", help="Compress the files.")]


def command(
    *,
    output: OutputOption = None,
    split: SplitOption = None,
    format: FormatOption = "blocks",
    targets_per_window: TargetsOption = 64,
    gzip: GzipOption = False,
    json_: JsonOption = False,
) -> None:
    """Write the training data as JSON Lines for other trainers.

    Example: vq export --split train
    """
    from ventriloquist import export
    from ventriloquist.store import recorded_run

    if output == "":  # an unset variable of a shell would mean the folder one stands in
        raise typer.BadParameter("--output is empty.")
    if output == "-" and json_:
        raise typer.BadParameter("--json and --output - both want stdout.")
    settings = settings_to_write()
    options = export.ExportOptions(format, split, targets_per_window, gzip)
    folder = settings.exports if output is None else Path(output).expanduser().absolute()
    parameters = asdict(options) | ({} if output == "-" else {"folder": str(folder)})  # vq forget looks for it there
    with recorded_run(settings.home, "export", parameters, plan=export.require_prepared) as run:
        size = export.estimate(run.db, options)
        if size >= 1e9:
            note(f"Writing about {size / 1e9:.1f} GB.")
        if output == "-":
            run.result = {"rows": _stream(lambda: export.stream(run.db, sys.stdout.buffer, options))}
            return
        with progress("Exporting") as advance:
            summary = run.result = export.export(run.db, folder, options, progress=advance)
    rows = [
        (file.name, f"{file.rows:,} rows, {file.targets:,} targets, {file.bytes:,} bytes") for file in summary.files
    ]
    show(summary, rows, json=json_, title=summary.folder)
    for empty in summary.empty:
        note(f"Nothing is in the split {empty}: no file was written for it.")


def _stream(write: Callable[[], int]) -> int | None:
    """Write to stdout until the end, or until whoever reads has enough, as `head` does."""
    try:
        return write()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains as it ends
        return None
