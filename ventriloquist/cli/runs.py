"""`vq runs`: the training runs, what each is, and removing them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ventriloquist.cli.completion import run_names
from ventriloquist.cli.console import note, note_next, print_json, print_table, show, stdout_console
from ventriloquist.cli.options import JsonOption, YesOption, confirm, settings_to_write
from ventriloquist.layout import BASE
from ventriloquist.safe_text import harmless, one_line

if TYPE_CHECKING:
    from ventriloquist.runs import Removal, RunDetails, RunInfo

MOST_NAMES = 8  # of people, in a list
NEXT_CHAT = 'vq chat --as "NAME"'


def command(
    action: Annotated[
        Literal["list", "show", "remove"],
        typer.Argument(metavar="ACTION", help="list, show or remove. Default: list.", show_default=False),
    ] = "list",
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME...", help="The runs to show or remove.", autocompletion=run_names),
    ] = None,
    yes: YesOption = False,
    json_: JsonOption = False,
) -> None:
    """List the training runs, show one, or remove some.

    Example: vq runs show 20240315-120000-000
    """
    from ventriloquist import runs
    from ventriloquist.settings import load_settings

    home, names = (settings_to_write() if action == "remove" else load_settings()).home, names or []
    if action == "list":
        if names:
            raise typer.BadParameter(f'To see one: vq runs show "{names[0]}"', param_hint="NAME")
        _list(runs.list_runs(home), can_resume=runs.has_resumable(home), json=json_)
    elif action == "show":
        if len(names) > 1:
            raise typer.BadParameter("Name one run.", param_hint="NAME")
        details = runs.show_run(home, names[0] if names else None)
        show(details, details_rows(details), json=json_)
    else:
        if not names:
            raise typer.BadParameter("Name what to remove: vq runs lists them.", param_hint="NAME")
        removal = runs.plan_removal(home, names)
        if not yes:
            confirm("vq runs remove", "This removes for good:", _consequences(removal))
        runs.remove(home, removal)
        rows: list[tuple[str, object]] = [("removed", run.name) for run in removal.runs]
        show(removal, [*rows, ("freed", _size(sum(run.bytes for run in removal.runs)))], json=json_)
        kept = (f"Only the link was removed; the folder stays: {target}" for target in removal.targets)
        for text in (*kept, *_chat_then(removal)):
            note(text)


def _list(found: list[RunInfo], *, can_resume: bool, json: bool) -> None:
    if json:
        print_json({"runs": found})
        return
    if not found:
        note("There are no runs yet.")
        note_next("vq train")
        return
    _print_runs(found)
    for run in found:
        if run.tainted:
            note(f"Warning: {run.name}: {run.tainted}")
    if any(run.is_chat_default for run in found):
        note_next("vq runs show, or: " + NEXT_CHAT)
    else:
        note_next("vq train --resume, or: vq train" if can_resume else "vq train")


COLUMNS = ("run", "trained", "model", "messages", "people", "bits/char", "size", "")
NUMBERS = frozenset({"messages", "people", "bits/char", "size"})


def _print_runs(found: list[RunInfo]) -> None:
    """Print a table if it fits, else a few lines for each run."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in COLUMNS:
        table.add_column(column, header_style="dim", justify="right" if column in NUMBERS else "left", overflow="fold")
    cells = [_cells(run) for run in found]
    for row in cells:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    console = stdout_console()
    if console.measure(table, options=console.options.update(max_width=10_000)).maximum <= console.width:
        print_table(table)
        return
    for row in cells:
        name, *values = row
        console.print(Text(harmless(name), style="bold"))
        about = [
            f"{value} {column}" if column in ("messages", "people", "bits/char") else value
            for column, value in zip(COLUMNS[1:], values, strict=True)
            if value not in ("", "–")
        ]
        console.print(Text(one_line(f"  {', '.join(about)}")))


def _cells(run: RunInfo) -> tuple[str, ...]:
    marks: list[str] = [] if run.state == "finished" else [run.state]
    if run.is_chat_default:
        marks.append("chat uses it")
    return (
        run.name,
        _local_time(run.created_at),
        _model(run.model),
        _thousands(run.messages),
        f"{len(run.people):,}" if run.people else "–",
        "–" if run.bits_per_character is None else f"{run.bits_per_character:.3f}",
        _size(run.bytes),
        ", ".join(marks),
    )


def details_rows(details: RunDetails) -> Iterator[tuple[str, object]]:
    """Return what is known of a run in lines for a person to read."""
    from ventriloquist.model.manifest import MERGED

    run, manifest, settings = details.run, details.manifest, details.used_settings
    yield "run", run.name
    yield "state", _state(run, can_resume=bool(details.settings))
    if run.tainted:
        yield "tainted", run.tainted
    yield "folder", details.folder
    yield "size", _size(run.bytes)
    yield "trained" if manifest else "begun", _local_time(run.created_at)
    yield "model", run.model or "–"
    base = manifest.get("base_model")
    if base != run.model and isinstance(base, str):
        yield "  its base", {BASE: "kept in its folder", MERGED: "merged with the adapter"}.get(base, base)
    if manifest.get("base_revision"):
        yield "  revision", manifest["base_revision"]
    yield "people", _people(run.people)
    yield from _training(run, details.result)
    for label, key in SHAPE.items():
        if key in manifest or key in settings:
            yield label, _thousands(manifest.get(key, settings.get(key)))
    for label, key in SETTINGS.items():
        if settings.get(key) is not None:
            yield label, settings[key]
    for package, version in details.packages.items():
        yield f"  {package}", version


SHAPE = {"window": "window", "targets a window": "targets_per_window", "tokens a row": "max_length"}
SETTINGS = {
    "continued from": "continue_from",
    "rank": "rank",
    "alpha": "alpha",
    "learning rate": "learning_rate",
    "epochs": "epochs",
    "back end": "backend",
    "weights in 4 bits": "four_bit",
    "seed": "seed",
}


def _training(run: RunInfo, result: dict[str, Any]) -> Iterator[tuple[str, object]]:
    yield "messages trained on", _thousands(run.messages)
    for label, key in (("tokens", "trained_tokens"), ("steps", "steps"), ("minutes", "minutes")):
        if key in result:
            yield f"  {label}", _thousands(result[key])
    if run.bits_per_character is not None:
        yield "validation", f"{run.bits_per_character:.3f} bits a character"
    first, last = result.get("first_loss"), result.get("last_loss")
    if isinstance(first, float) and isinstance(last, float):
        yield "loss", f"{first:.3f} → {last:.3f} nats a token"


def _state(run: RunInfo, *, can_resume: bool) -> str:
    about = {
        "finished": "finished",
        "unfinished": "unfinished; vq train --resume continues the newest",
        "tainted": "finished, but should no longer be used",
        "damaged": "damaged: its manifest cannot be read",
    }[run.state]
    if run.state == "unfinished" and not can_resume:
        about = "unfinished; it cannot be resumed"
    return f"{about}; vq chat uses it" if run.is_chat_default else about


def _consequences(plan: Removal) -> Iterator[str]:
    for run in plan.runs:
        about = [run.state, _model(run.model), f"{_thousands(run.messages)} messages", _size(run.bytes)]
        yield f"  {run.name}: {', '.join(about)}"
    for target in plan.targets:
        yield f"  only the link; the folder stays: {target}"
    for name in plan.needed_by:
        yield f"  {name} continues from it, and can no longer be resumed."
    yield from _chat_then(plan)


def _chat_then(plan: Removal) -> Iterator[str]:
    """Yield which run `vq chat` uses afterwards, if that changes."""
    if plan.chat_used != plan.chat_uses:
        uses = "has no adapter" if plan.chat_uses is None else f"uses {plan.chat_uses}"
        yield f"vq chat {uses} without it."


def _people(people: list[str]) -> str:
    shown = ", ".join(people[:MOST_NAMES])
    more = f" and {len(people) - MOST_NAMES:,} others" if len(people) > MOST_NAMES else ""
    return f"{len(people):,}: {shown}{more}" if people else "–"


def _model(model: str | None) -> str:
    """Return a model's id, or the last part of a folder's path."""
    return "–" if not model else Path(model).name if Path(model).is_absolute() else model


def _local_time(at: str | None) -> str:
    if at is None:
        return "–"
    try:
        return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return "–"


def _thousands(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else "–"


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"
