"""`vq merge`: adapter + base model → one plain model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ventriloquist.cli.console import note, show
from ventriloquist.cli.options import JsonOption, RunOption, settings_to_write
from ventriloquist.layout import RUNS
from ventriloquist.paths import expanded


def command(
    run: RunOption = None,
    output: Annotated[
        str | None, typer.Option(metavar="DIR", help="A new folder. Default: one in VQ_HOME/exports.")
    ] = None,
    gguf: Annotated[
        Path | None,
        typer.Option(metavar="CONVERTER", help="Also write a GGUF file, with llama.cpp's convert_hf_to_gguf.py."),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Merge an adapter into its base model, for llama.cpp, Ollama, MLX, vLLM and others.

    Example: vq merge --output merged
    """
    if output == "":  # as from an unset variable of a shell
        raise typer.BadParameter("--output is empty.")
    from ventriloquist.model.extras import require_train_extra

    require_train_extra()
    from ventriloquist import merge
    from ventriloquist.model.adapter import find_run
    from ventriloquist.store import lock_home, recorded_run

    settings = settings_to_write()
    folder = find_run(settings.home / RUNS, run)
    target = expanded(output).absolute() if output else settings.exports / f"merged-{folder.resolve().name}"

    def planned(_db: object = None) -> merge.MergePlan:
        return merge.plan(folder, target, expanded(gguf) if gguf else None)

    if settings.database.exists():
        # vq forget reads from the record where copies of a model are, also of a merge that was killed
        parameters = {"run": str(folder), "folder": str(target)}
        with recorded_run(settings.home, "merge", parameters, plan=planned) as recorded:
            recorded.result = summary = merge.run(recorded.plan)
    else:  # only the adapter was copied to this machine
        with lock_home(settings.home):
            summary = merge.run(planned())
    rows = [
        ("run", summary.run),
        ("base model", summary.base),
        ("imitates", ", ".join(summary.people)),
        ("gigabytes", summary.gigabytes),
        ("GGUF", summary.gguf or "-"),
    ]
    show(summary, rows, json=json_, title=summary.folder)
    note("This model is as private as the messages it was trained on.")
