"""`vq prepare`: text_messages → training_messages."""

from __future__ import annotations

from ventriloquist.cli.console import progress, show
from ventriloquist.cli.options import JsonOption


def command(json_: JsonOption = False) -> None:
    """Turn the collected messages into training windows. Safe to run again.

    Example: vq prepare
    """
    from ventriloquist import prepare
    from ventriloquist.database import recorded_run
    from ventriloquist.settings import load_settings

    with recorded_run(load_settings().home, "prepare") as run, progress("Preparing") as advance:
        run.result = prepare.prepare(run.db, progress=advance)
    show(run.result, [], json=json_, next_step="vq train")
