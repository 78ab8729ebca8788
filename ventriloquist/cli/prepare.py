"""`vq prepare`: turn collected messages into training messages."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ventriloquist.cli.completion import people_names
from ventriloquist.cli.console import note, progress, show
from ventriloquist.cli.options import JsonOption, days, settings_to_write

ORIGINS = {"named": "as you named it", "file": "where the messages were collected", "machine": "as on this machine"}


def command(
    *,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Time zone in which days begin. Default: as collected.")
    ] = None,
    reactions: Annotated[bool, typer.Option("--reactions", help="Include reactions.")] = False,
    no_redact: Annotated[
        bool, typer.Option("--no-redact", help="Keep phone numbers, passwords and other secrets.")
    ] = False,
    redact_only: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="Replace only this kind of secret. Repeatable.")
    ] = None,
    holdout: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Lines of each conversation to test on, and as many to validate on: 2 or more, or 0.",
        ),
    ] = None,
    split_date: Annotated[
        str | None, typer.Option(metavar="DATE", help="Hold out everything since this day instead.")
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Leave out a person. Repeatable.", autocompletion=people_names),
    ] = None,
    exclude_conversation: Annotated[
        list[str] | None,
        typer.Option(metavar="TITLE|NAME|ID", help="Leave out a conversation, or a source. Repeatable."),
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="DATE", help="First day to use.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Last day to use.")] = None,
    min_messages: Annotated[
        int, typer.Option(min=0, metavar="N", help="Leave out conversations with fewer messages.")
    ] = 0,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="FLAG", help="Keep spam, short_code or business. Repeatable.")
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Also count the lines of each person and conversation.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Turn the collected messages into training windows. Safe to run again.

    Example: vq prepare --exclude "Dr. Okafor"
    """
    from ventriloquist import prepare
    from ventriloquist.store import recorded_run
    from ventriloquist.store.counts import counts_by_conversation, counts_by_person

    if no_redact and redact_only:
        raise typer.BadParameter("--no-redact and --redact-only exclude each other.")
    if holdout is not None and split_date is not None:
        raise typer.BadParameter("--holdout and --split-date exclude each other.")
    days(since, until)  # only checks them
    settings = settings_to_write()
    options = prepare.PrepareOptions(
        timezone=timezone or settings.time_zone,
        redact=() if no_redact else (tuple(redact_only) if redact_only else None),
        reactions=reactions,
        holdout=holdout,
        split_date=split_date,
        keep=tuple(keep or ()),
        exclude_people=tuple(exclude or ()),
        exclude_conversations=tuple(exclude_conversation or ()),
        since=since,
        until=until,
        min_messages=min_messages,
    )
    own_rules = prepare.load_own_rules(settings.home)
    asked = asdict(options)
    with (
        recorded_run(settings.home, "prepare", asked, plan=lambda db: prepare.plan(db, options, own_rules)) as run,
        progress("Preparing") as advance,
    ):
        summary = run.result = prepare.run(run.db, run.plan, progress=advance)
        people, conversations = (counts_by_person(run.db), counts_by_conversation(run.db)) if report else ([], [])
    rows: list[tuple[str, object]] = [
        ("Messages", summary.messages),
        ("Conversations", summary.conversations),
        ("Days begin in", f"{summary.timezone}, {ORIGINS[summary.timezone_from]}"),
        ("Training messages", summary.lines),
        ("  to train on", summary.train),
        ("  to validate on", summary.validation),
        ("  to test on", summary.test),
        ("  context only", summary.context),
        *((f"Left out: {reason}", count) for reason, count in summary.left_out.items()),
        *((f"Redacted: {kind}", count) for kind, count in summary.redacted.items()),
    ]
    for label, counted in (("Person", people), ("Conversation", conversations)):
        for name, *counts in counted:
            of_splits = zip(counts, ("train", "validation", "test", "context"), strict=True)
            rows.append((f"{label}: {name}", ", ".join(f"{count:,} {split}" for count, split in of_splits)))
    result = asdict(summary)
    if report:
        result["by_person"] = [one._asdict() for one in people]
        result["by_conversation"] = [one._asdict() for one in conversations]
    if summary.timezone_from == "machine":
        note(
            "The file does not say in which time zone its messages were collected: days begin as on this machine."
            " Name another one with --timezone."
        )
    if holdout == 1:
        note("--holdout 1 is too few: 2 lines are held out, so that the final two windows of a conversation are test.")
    if split_date is not None and not summary.validation + summary.test:
        note(f"Nothing is held out, so vq eval has nothing to measure: no message is from {split_date} or later.")
    if not summary.train:
        note("Nothing is left to train on: prepare again, and leave out or hold out less.")
    show(result, rows, json=json_, next_step="vq train" if summary.train else "vq prepare")
