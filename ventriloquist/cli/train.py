"""`vq train`: training windows → adapter and manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ventriloquist.cli.console import note, print_json, progress, show
from ventriloquist.cli.options import JsonOption

if TYPE_CHECKING:
    from ventriloquist.train.plan import Plan


def command(
    model: Annotated[
        str, typer.Option(help="The base model: an id of the hub, a folder, smollm2 or tiny.", show_default=True)
    ] = "unsloth/Qwen3-8B-Base",
    max_steps: Annotated[int | None, typer.Option(min=1, help="Stop after so many optimizer steps.")] = None,
    max_minutes: Annotated[float | None, typer.Option(min=0.1, help="Stop after so many minutes.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the data.")] = None,
    rank: Annotated[int | None, typer.Option(min=1, help="Rank of the adapter; alpha is twice that.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak of the learning rate.")] = None,
    targets_per_window: Annotated[
        int | None, typer.Option(min=1, help="Targets that share a context (K); 1 is the literal window.")
    ] = None,
    max_length: Annotated[int | None, typer.Option(min=64, help="Tokens a row may have.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the newest unfinished run.")] = False,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    json_: JsonOption = False,
) -> None:
    """Train an adapter on the prepared windows. Ctrl-C saves; --resume goes on.

    Example: vq train --model smollm2 --max-minutes 30
    """
    from ventriloquist.model.extras import require_train_extra

    require_train_extra()
    from ventriloquist.database import recorded_run
    from ventriloquist.settings import load_settings
    from ventriloquist.train import Interrupted, preset, require_ready, train

    changes = {
        "max_steps": max_steps,
        "max_minutes": max_minutes,
        "epochs": epochs,
        "rank": rank,
        "alpha": rank and 2 * rank,
        "learning_rate": learning_rate,
        "targets_per_window": targets_per_window,
        "max_length": max_length,
        "seed": seed,
    }
    chosen = preset(model).changed(**changes)
    home = load_settings().home
    try:
        with (
            recorded_run(home, "train", chosen.model_dump(), check=require_ready) as run,
            progress("Training") as advance,
        ):
            run.result = train(
                run.db, chosen, home=home, dry_run=dry_run, resume=resume, progress=advance, announce=announce
            )
    except Interrupted as interrupted:
        note(f"{interrupted} Saved. Go on with: vq train --resume")
        raise typer.Exit(128 + interrupted.signal) from None
    summary = run.result
    if dry_run:
        if json_:
            print_json(summary.plan)
        return
    rows = [
        ("steps", summary.steps),
        ("messages trained on", summary.trained_targets),
        ("tokens", summary.trained_tokens),
        ("minutes", summary.minutes),
        ("loss", f"{summary.first_loss:.3f} → {summary.last_loss:.3f} nats a token" if summary.steps else "-"),
        ("adapter", summary.run),
    ]
    show(summary, rows, json=json_, next_step='vq chat --as "NAME", or: vq eval')


def announce(plan: Plan) -> None:
    """Show a run's plan on stderr before it starts."""
    share = plan.supervised_tokens_per_epoch / max(1, plan.tokens_per_epoch)
    saving = plan.window_tokens_per_epoch / max(1, plan.tokens_per_epoch)
    memory = ", ".join(f"{part} {size:.2f}" for part, size in plan.memory_gib.items())
    for line in (
        f"{plan.model} with {plan.backend} on {plan.device}: {plan.trainable_parameters:,} trainable parameters",
        f"{plan.targets:,} messages of {plan.conversations:,} conversations; {plan.steps:,} steps,"
        f" {plan.steps_per_epoch:,} an epoch",
        f"{plan.tokens_per_epoch:,} tokens an epoch, {share:.0%} with loss; {saving:.0f} times that as literal windows",
        f"memory in GiB: {memory}; {plan.device} has {plan.available_gib:.0f}",
    ):
        note(line)
    if plan.dropped_targets:
        note(f"{plan.dropped_targets:,} messages are longer than a row and are left out; see --max-length")
    if plan.model == "tiny":
        note("tiny exercises the machinery with random weights: it will not write anything worth reading")
