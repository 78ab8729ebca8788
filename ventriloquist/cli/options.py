"""Options that several commands share."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from ventriloquist.cli.completion import run_names
from ventriloquist.cli.console import note
from ventriloquist.errors import SettingsError

if TYPE_CHECKING:
    from ventriloquist.settings import Settings


def _seed(value: int | None) -> int | None:
    if value is not None and not 0 <= value < 2**32:  # what numpy takes
        raise typer.BadParameter("A seed is a number from 0 to 4294967295.")
    return value


SEED = typer.Option("--seed", help="Seed of everything random.", callback=_seed)

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
SeedOption = Annotated[int, SEED]
RunOption = Annotated[
    str | None, typer.Option(help="The run to use, by name or folder; default the newest.", autocompletion=run_names)
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def day(text: str | None, option: str) -> dt.date | None:
    """Return the day that an option names, if it was given.

    Raises:
        SettingsError: it is not a date.
    """
    try:
        return None if text is None else dt.date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{option} {text!r} is not a date.", hint=f"Write it like: {option} 2024-03-15") from None


def settings_to_write() -> Settings:
    """Read the settings of a command that writes, and say where it does where a file of this folder decides that."""
    from ventriloquist.settings import load_settings

    settings = load_settings()
    for text in settings.notes:
        note(text)
    return settings
