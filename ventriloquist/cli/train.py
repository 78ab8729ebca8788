"""`vq train`: training windows → adapter and manifest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ventriloquist.cli.completion import run_names
from ventriloquist.cli.console import note, print_json, show
from ventriloquist.cli.invocation import typed
from ventriloquist.cli.options import SEED, JsonOption, settings_to_write

if TYPE_CHECKING:
    from ventriloquist.store import Connection
    from ventriloquist.store.runs import Run
    from ventriloquist.train import Step, TrainPlan, TrainSettings


def command(
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="The base model: a hub id, a folder, smollm2 or tiny. Default: unsloth/Qwen3-8B-Base; "
            "a card of 6 to 12 GB gets a smaller Qwen3.",
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="A preset's name, a TOML file of settings, or a run's settings.json."),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The back end: auto, unsloth, mlx or transformers. Default: auto."),
    ] = None,
    max_steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Stop after this many optimizer steps.")
    ] = None,
    max_minutes: Annotated[
        float | None, typer.Option(min=0.1, metavar="N", help="Stop after this many minutes.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, metavar="N", help="Passes over the data.")] = None,
    rank: Annotated[
        int | None, typer.Option(min=1, max=1024, metavar="N", help="Rank of the adapter. Alpha is twice the rank.")
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(metavar="RATE", help="Peak learning rate.")] = None,
    targets_per_window: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Targets that share a context (K). 1 gives literal windows.")
    ] = None,
    max_length: Annotated[int | None, typer.Option(min=64, metavar="N", help="Maximum tokens per row.")] = None,
    four_bit: Annotated[
        bool | None, typer.Option("--four-bit/--no-four-bit", help="Load the base model in 4 bits.", show_default=False)
    ] = None,
    continue_from: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Continue from the adapter of a finished run.", autocompletion=run_names),
    ] = None,
    wandb: Annotated[
        bool | None, typer.Option("--wandb", help="Report figures to Weights & Biases, but no message text.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the newest unfinished run.")] = False,
    seed: Annotated[int | None, SEED] = None,
    json_: JsonOption = False,
) -> None:
    """Train an adapter on the prepared windows. Ctrl-C saves the run, and --resume continues it.

    Example: vq train --model smollm2 --max-minutes 30
    """
    options = dict(locals())
    from ventriloquist.model.extras import require_train_extra

    require_train_extra()
    from ventriloquist import train
    from ventriloquist.cli.train_view import TrainView
    from ventriloquist.settings import load_settings
    from ventriloquist.train.ranks import is_main

    flags = {name: value for name, value in options.items() if name in train.TrainSettings.model_fields}
    asked = {"config": config, **flags}
    given = [f"--{name.replace('_', '-')}" for name, value in asked.items() if value is not None]
    if resume and given:
        raise typer.BadParameter(f"Leave out {', '.join(given)}: the run has its own settings.", param_hint="--resume")
    settings = settings_to_write() if is_main() else load_settings()
    if settings.wandb_api_key:
        os.environ.setdefault("WANDB_API_KEY", settings.wandb_api_key)
    flags["backend"] = backend or settings.backend
    chosen, notes = _resumed(settings.home) if resume else train.choose_settings(config, flags)

    def planned(db: Connection) -> TrainPlan:
        plan = train.plan(db, chosen, home=settings.home, resume=resume, notes=notes, progress=view.progress)
        return train.measure_time(plan) if dry_run else plan

    try:
        with TrainView(shown=is_main()) as view, _opened(settings.home, chosen, planned, dry_run=dry_run) as run:
            estimate = run.plan.estimate
            view.announce(estimate)

            def observe(step: Step) -> None:
                run.begun = True
                view.observe(step)

            if not dry_run:
                run.result = summary = train.run(run.db, run.plan, progress=view.progress, observe=observe)
    except train.Interrupted as interrupted:
        if is_main():
            note(typed(f"{interrupted} Go on with: vq train --resume"))
        raise typer.Exit(128 + interrupted.signal) from None
    if not is_main():
        return
    if dry_run:
        if json_:
            print_json(estimate)
        return
    rows: list[tuple[str, object]] = [
        ("steps", summary.steps),
        ("messages trained on", summary.trained_targets),
        ("tokens", summary.trained_tokens),
        ("minutes", summary.minutes),
        ("loss", f"{summary.first_loss:.3f} → {summary.last_loss:.3f} nats a token" if summary.steps else "-"),
    ]
    if summary.bits_per_character is not None:
        rows.append(("validation", f"{summary.bits_per_character:.3f} bits a character at step {summary.best_step}"))
    rows.append(("adapter", summary.run))
    show(summary, rows, json=json_, next_step='vq chat --as "NAME", or: vq eval')


def _resumed(home: Path) -> tuple[TrainSettings, list[str]]:
    """Return the settings of the run that goes on."""
    from ventriloquist import train
    from ventriloquist.train.ranks import is_main

    resumable = train.to_resume(home)
    if is_main():
        place = "from its beginning" if resumable.step is None else f"saved after step {resumable.step:,}"
        note(f"Going on with {resumable.run}, {place}.")
    return resumable.settings, []


@contextmanager
def _opened(
    home: Path, settings: TrainSettings, planned: Callable[[Connection], TrainPlan], *, dry_run: bool
) -> Iterator[Run]:
    """Open the database and plan: the main process holds the lock, and its run is recorded unless it is a dry run."""
    from ventriloquist.store import locked_database, open_database, recorded_run
    from ventriloquist.store.runs import Run
    from ventriloquist.train.ranks import is_main

    if not is_main():
        with open_database(home) as db:
            yield Run(db, 0, planned(db))
    elif dry_run:
        with locked_database(home, plan=planned) as (db, plan):
            yield Run(db, 0, plan)
    else:
        with recorded_run(home, "train", settings.model_dump(), plan=planned) as run:
            yield run
