"""Prints a command's --help for cog, so that the pages say what the program says."""

from __future__ import annotations

import os

WIDTH = "96"


def help_page(command: str) -> None:
    """Print `vq COMMAND --help` as a code block."""
    os.environ.update(COLUMNS=WIDTH, TERMINAL_WIDTH=WIDTH, NO_COLOR="1", TERM="dumb")
    from typer.testing import CliRunner

    from ventriloquist.cli.app import app

    result = CliRunner().invoke(app, [command, "--help"], prog_name="vq")
    text = "\n".join(line.rstrip() for line in result.output.strip("\n").split("\n"))
    print(f"```text\n{text}\n```")
