"""`vq merge`: adapter + base model → one plain model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ventriloquist.cli.console import note, show
from ventriloquist.cli.options import JsonOption, settings_to_write


def command(
    run: Annotated[str | None, typer.Option(help="The run to merge, by name or folder; default the newest.")] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A new folder; default one under VQ_HOME/exports.")
    ] = None,
    gguf: Annotated[
        Path | None,
        typer.Option(metavar="CONVERTER", help="Write a GGUF file too, with llama.cpp's convert_hf_to_gguf.py."),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Merge an adapter into its base model, for llama.cpp, Ollama, MLX, vLLM and the like.

    Example: vq merge --output merged
    """
    from ventriloquist.model.extras import require_train_extra

    require_train_extra()
    from ventriloquist import merge
    from ventriloquist.model.adapter import find_run

    settings = settings_to_write()
    folder = find_run(settings.runs, run)
    target = output.expanduser().resolve() if output else settings.exports / f"merged-{folder.name}"
    summary = merge.merge(folder, target, converter=gguf.expanduser() if gguf else None)
    rows = [
        ("run", summary.run),
        ("base model", summary.base),
        ("imitates", ", ".join(summary.people)),
        ("gigabytes", summary.gigabytes),
        ("GGUF", summary.gguf or "-"),
    ]
    show(summary, rows, json=json_, title=summary.folder)
    note("This model is as private as the messages it was trained on.")
