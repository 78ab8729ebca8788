"""Options that several commands share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, get_args, get_origin, get_type_hints

import typer

from ventriloquist.cli.completion import run_names
from ventriloquist.cli.console import note
from ventriloquist.errors import SettingsError

if TYPE_CHECKING:
    from ventriloquist.settings import Settings


SEED = typer.Option(
    "--seed", metavar="N", min=0, max=2**32 - 1, help="Seed of all random choices."
)  # the range of numpy

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
SeedOption = Annotated[int, SEED]
RunOption = Annotated[
    str | None, typer.Option(help="The run to use, by name or folder. Default: the newest.", autocompletion=run_names)
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def day(text: str | None, option: str) -> dt.date | None:
    """Parse the day of an option, or return None if it was not given.

    Raises:
        SettingsError: it is not a date.
    """
    try:
        return None if text is None else dt.date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{option} {text!r} is not a date.", hint=f"Write it like: {option} 2024-03-15") from None


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
