"""Bare `vq` on a terminal: the status, and the next steps to choose from."""

from __future__ import annotations

import subprocess
import sys

import typer

from ventriloquist.cli.console import note, show
from ventriloquist.cli.invocation import typed

STAGES = ("collect", "prepare", "train", "eval")


def menu() -> None:
    """Show the status, ask what to do, and do it."""
    from ventriloquist import status
    from ventriloquist.cli.status import rows
    from ventriloquist.settings import load_settings

    settings = load_settings(lenient=True)
    result = status.status(settings.home)
    for warning in (*settings.warnings, *result.warnings):
        note(f"Warning: {warning}")
    show(result, rows(result), json=False)
    choices = [*STAGES, "all", "chat", "demo", "quit"]
    suggested = result.next_step.split()[1]
    # other machines have no Messages to collect, only a database copied from a Mac
    stages = STAGES if sys.platform == "darwin" or not result.rows["text_messages"] else STAGES[1:]
    note("\n" + "  ".join(f"[{name}]" if name == suggested else name for name in choices))
    note(f"all: {', '.join(stages[:-1])} and {stages[-1]}, one after the other")
    choice = typer.prompt("What next?", default=suggested, err=True)
    while choice not in choices:
        choice = typer.prompt(f"One of {', '.join(choices)}", default=suggested, err=True)
    if choice == "quit":
        return
    commands = [[name] for name in stages] if choice == "all" else [[choice]]
    if choice == "train" and result.next_step == "vq train --resume":
        commands = [["train", "--resume"]]
    if choice == "chat":
        commands = [["chat", "--as", typer.prompt("As whom?", prompt_suffix=" ", err=True)]]
    for arguments in commands:
        note(typed(f"$ vq {' '.join(arguments)}"))
        # a process of its own, so that one command's memory is free for the next
        # -P: no module of the current folder, which may be anybody's
        command = [sys.executable, "-P", "-m", "ventriloquist", *arguments]
        finished = subprocess.run(command, check=False)  # noqa: S603  # our own commands
        if finished.returncode:
            raise typer.Exit(finished.returncode)
