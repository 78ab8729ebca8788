"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
