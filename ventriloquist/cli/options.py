"""Options that several commands share."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, get_args, get_origin, get_type_hints

import typer

from ventriloquist.cli.completion import run_names
from ventriloquist.cli.console import note, say
from ventriloquist.errors import SettingsError, VentriloquistError

if TYPE_CHECKING:
    from ventriloquist.settings import Settings


# the range of numpy
SEED = typer.Option("--seed", metavar="N", min=0, max=2**32 - 1, help="Seed of all random choices.")

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
SeedOption = Annotated[int, SEED]
RunOption = Annotated[
    str | None, typer.Option(help="The run to use, by name or folder. Default: the newest.", autocompletion=run_names)
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def days(since: str | None, until: str | None) -> tuple[dt.date | None, dt.date | None]:
    """Parse --since and --until.

    Raises:
        SettingsError: one is not a date.
        typer.BadParameter: the first day is later than the last.
    """
    first, last = _day(since, "--since"), _day(until, "--until")
    if first is not None and last is not None and first > last:
        raise typer.BadParameter("--since is a later day than --until.")
    return first, last


def _day(text: str | None, option: str) -> dt.date | None:
    try:
        return None if text is None else dt.date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{option} {text!r} is not a date.", hint=f"Write it like: {option} 2024-03-15") from None


def confirm(command: str, question: str, details: Iterable[str]) -> None:
    """Ask before something is removed.

    Raises:
        VentriloquistError: there is no terminal to ask on.
        typer.Exit: the user declined.
    """
    if not sys.stdin.isatty():
        raise VentriloquistError(f"{command} asks before it removes anything.", hint="Run it with --yes.")
    for line in (question, *details):
        say(line, beside=True)
    if not typer.confirm("Go on?", err=True):
        note("Nothing was removed.")
        raise typer.Exit(1)


def settings_to_write() -> Settings:
    """Read the settings of a command that writes. Print a note if ./.env chose the home."""
    from ventriloquist.settings import load_settings

    settings = load_settings()
    for text in settings.notes:
        note(text)
    return settings


def say_range(error: typer.BadParameter, commands: Mapping[str, Callable[..., None]]) -> None:
    """Replace the message of a refused value by ours, if it came from pydantic."""
    problems = getattr(error.__cause__, "errors", None)
    context, option = error.ctx, error.param
    if problems is None or context is None or option is None or option.name is None:
        return
    command = commands.get(context.info_name or "")
    hint = get_type_hints(command, include_extras=True).get(option.name) if command else None
    if get_origin(hint) is not Annotated:
        return
    from ventriloquist.values import shown, takes

    annotation, *extras = get_args(hint)
    about = next((extra for extra in extras if hasattr(extra, "min")), None)
    bounds = [SimpleNamespace(**{name: getattr(about, of)}) for name, of in (("ge", "min"), ("le", "max"))]
    given = [bound for bound in bounds if next(iter(vars(bound).values())) is not None]
    error.message = f"it takes {takes(annotation, given)}, not {shown(problems()[0]['input'])}."
