"""`vq demo`: every stage on a fictional cast."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ventriloquist.cli.console import note, note_next, print_json, print_table, show
from ventriloquist.cli.eval import rows as eval_rows
from ventriloquist.cli.eval import stages
from ventriloquist.cli.invocation import typed
from ventriloquist.cli.options import JsonOption, SeedOption, settings_to_write
from ventriloquist.paths import expanded
from ventriloquist.records import APPLICATIONS
from ventriloquist.safe_text import harmless

if TYPE_CHECKING:
    from ventriloquist.demo.pipeline import DemoSummary

MINUTES = 4.0  # of training: enough for two slow cores to learn who is who, and short enough to wait for


def command(
    home: Annotated[Path | None, typer.Option(help="The folder of the demo. Default: one beside VQ_HOME.")] = None,
    model: Annotated[str, typer.Option(help="The base model.")] = "smollm2",
    max_minutes: Annotated[float, typer.Option(min=0.1, help="Maximum minutes of training.")] = MINUTES,
    max_steps: Annotated[int | None, typer.Option(min=1, help="Maximum optimizer steps.")] = None,
    seed: SeedOption = 0,
    json_: JsonOption = False,
) -> None:
    """Run every stage on a fictional cast, in a folder of its own.

    Example: vq demo
    """
    from ventriloquist.model.extras import require_train_extra

    require_train_extra()
    from ventriloquist.cli.train_view import TrainView
    from ventriloquist.demo.pipeline import demo
    from ventriloquist.evaluate import QUICK
    from ventriloquist.train import Interrupted, resolve_settings

    own = settings_to_write()
    user_home = own.home
    folder = expanded(home or user_home.with_name(f"{user_home.name}-demo")).resolve()
    settings = resolve_settings(
        None,
        {"model": model, "max_minutes": max_minutes, "max_steps": max_steps, "seed": seed, "backend": own.backend},
    )
    view = TrainView(shown=False)  # has no bar: it prints a line now and then
    with stages(named=True) as stage:
        try:
            summary = demo(
                folder, settings, QUICK, seed=seed, stage=stage,
                observe=(lambda _step: None) if sys.stderr.isatty() else view.observe,
            )  # fmt: skip
        except Interrupted as interrupted:
            note(typed("The demo was stopped. Run it again: vq demo"))
            raise typer.Exit(128 + interrupted.signal) from None
    if json_:
        print_json(summary)
        return
    show_summary(summary)
    note_next(chat_with(summary.samples[0].name, folder, user_home))


def show_summary(summary: DemoSummary) -> None:
    """Show the result of each stage, then each person's answer before and after training, side by side."""
    from rich.table import Table
    from rich.text import Text

    trained = summary.trained
    minutes = sum(summary.seconds.values()) / 60
    rows: list[tuple[str, object]] = [
        *collected_rows(summary),
        ("prepared", f"{summary.prepared.train:,} messages to train on, {summary.prepared.test:,} to test on"),
        (
            "trained",
            f"on {trained.trained_targets:,} messages, {trained.trained_tokens:,} tokens, in {trained.minutes} minutes",
        ),
        *eval_rows(summary.evaluated),
        ("all stages", f"{minutes:.1f} minutes"),
    ]
    show(summary, rows, json=False, title="Messages became a model")
    table = Table(title=Text(f"“{summary.question}”"), title_justify="left", show_lines=True)
    for column in ("", "before training", "after"):
        table.add_column(column, ratio=None if column == "" else 1)
    for sample in summary.samples:
        table.add_row(*(Text(harmless(text)) for text in (sample.name, sample.before, sample.after)))
    print_table(table)


def collected_rows(summary: DemoSummary) -> Iterator[tuple[str, object]]:
    """Yield what was read from each application, and who was merged because of their names."""
    messages = sum(collected.messages for collected in summary.collected.values())
    last = summary.accepted or [*summary.collected.values()][-1]
    yield "collected", f"{messages:,} messages of {last.people:,} people"
    for application, collected in summary.collected.items():
        yield f"  {APPLICATIONS[application]}", f"{collected.messages:,} messages"
    for handles in summary.accepted.merged if summary.accepted else ():
        yield "  merged", ", ".join(handles)


def chat_with(name: str, home: Path, user_home: Path) -> str:
    """Return the shell command that chats with somebody in a home."""
    command = f"vq chat --as {shlex.quote(name)}"
    return command if home == user_home else f"VQ_HOME={shlex.quote(str(home))} {command}"
