"""`vq prepare`: text_messages → training_messages."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ventriloquist.cli.console import progress, show
from ventriloquist.cli.options import JsonOption

TimezoneOption = Annotated[
    str | None, typer.Option("--timezone", metavar="ZONE", help="Where you live, such as Europe/Berlin; your system's.")
]
ReactionsOption = Annotated[bool, typer.Option("--reactions", help="Make lines of reactions, too.")]


def command(timezone: TimezoneOption = None, reactions: ReactionsOption = False, json_: JsonOption = False) -> None:
    """Turn the collected messages into training windows. Safe to run again.

    Example: vq prepare
    """
    from ventriloquist import prepare
    from ventriloquist.database import recorded_run
    from ventriloquist.settings import load_settings

    options = prepare.PrepareOptions(timezone=prepare.load_timezone(timezone).key, reactions=reactions)
    with (
        recorded_run(load_settings().home, "prepare", asdict(options), check=prepare.require_messages) as run,
        progress("Preparing") as advance,
    ):
        summary = run.result = prepare.prepare(run.db, options, progress=advance)
    rows = [
        ("Messages", summary.messages),
        ("Conversations", summary.conversations),
        ("Training messages", summary.lines),
        ("  to train on", summary.train),
        ("  to validate on", summary.validation),
        ("  to test on", summary.test),
        ("  context only", summary.context),
        *((f"Left out: {reason}", count) for reason, count in summary.left_out.items()),
        *((f"Redacted: {kind}", count) for kind, count in summary.redacted.items()),
    ]
    show(summary, rows, json=json_, next_step="vq train")
