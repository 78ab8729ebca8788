"""Nothing is cut in what --help shows."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer

from ventriloquist.cli.app import COMMANDS, app


@pytest.mark.parametrize("width", ["50", "60", "80"])
@pytest.mark.parametrize("command", [*COMMANDS, ""])
def test_every_option_is_named_whole(command: str, width: str) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "ventriloquist", *([command] if command else []), "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": width},
    ).stdout
    group = typer.main.get_command(app)
    for parameter in (group.commands[command] if command else group).params:
        for name in (*parameter.opts, *parameter.secondary_opts):
            assert not name.startswith("--") or name in shown.split() or f"{name}," in shown
    assert max(map(len, shown.splitlines())) <= int(width)
