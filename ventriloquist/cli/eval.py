"""`vq eval`: how well an adapter writes like each person."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ventriloquist.cli.completion import people_names, run_names
from ventriloquist.cli.console import note, note_next, print_json, progress, say, show_table
from ventriloquist.cli.options import JsonOption, RunOption, SeedOption, settings_to_write
from ventriloquist.errors import SettingsError
from ventriloquist.layout import RUNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from ventriloquist.evaluate import Evaluation
    from ventriloquist.evaluate.learning_curve import LearningCurve
    from ventriloquist.evaluate.metric import Result
    from ventriloquist.records import Progress


def command(
    run: RunOption = None,
    quick: Annotated[bool, typer.Option("--quick", help="Measure on a sample: minutes on a CPU.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Measure only this metric. Repeatable.")] = None,
    against: Annotated[
        str | None,
        typer.Option(help="Compare with this run, on the same messages and seeds.", autocompletion=run_names),
    ] = None,
    blind: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Take a quiz: which answer of this person is real?", autocompletion=people_names
        ),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write a report to this HTML file.")] = None,
    no_text: Annotated[bool, typer.Option("--no-text", help="Leave all message text out of the report.")] = False,
    seed: SeedOption = 0,
    json_: JsonOption = False,
) -> None:
    """Measure an adapter on messages it never saw, and compare it with real people and its base model.

    Example: vq eval --quick --report report.html
    """
    from ventriloquist.model.extras import require_train_extra

    require_train_extra()
    from ventriloquist import evaluate
    from ventriloquist.evaluate.examples import read_examples
    from ventriloquist.evaluate.report import write_report
    from ventriloquist.model.adapter import find_run
    from ventriloquist.model.manifest import read_manifest
    from ventriloquist.store import Connection, recorded_run
    from ventriloquist.store.corpus import data_hash

    others = {"--quick": quick, "--only": only, "--against": against, "--report": report, "--no-text": no_text}
    given = [flag for flag, value in others.items() if value]
    if blind is not None and given:
        raise typer.BadParameter(f"Leave out {', '.join(given)}: the quiz measures nothing.", param_hint="--blind")
    if no_text and not report:
        raise typer.BadParameter("There is no report to leave it out of: add --report FILE.", param_hint="--no-text")
    settings = settings_to_write()
    if report:
        _check_place(report)
    folder = find_run(settings.home / RUNS, run)
    other = find_run(settings.home / RUNS, against) if against else None
    if other is not None and other.samefile(folder):
        raise SettingsError(f"--against {against} is the same run.", hint="Name another one: vq eval --against RUN")
    if blind is not None:
        from ventriloquist.cli.eval_blind import quiz

        quiz(folder, blind, seed, json=json_)
        return
    parameters = {"run": str(folder.absolute()), "quick": quick, "seed": seed, "only": only or [], "against": against}
    if report:
        parameters["report"] = str(report.absolute())  # vq forget looks for it there

    def plan(db: Connection) -> evaluate.EvalPlan:
        extent = evaluate.QUICK if quick else evaluate.FULL
        return evaluate.plan(
            db, folder, home=settings.home, extent=extent, only=only or (), against=other, seed=seed,
            backend=settings.backend,
        )  # fmt: skip

    with recorded_run(settings.home, "eval", parameters, plan=plan) as recorded, stages() as stage:
        recorded.result = result = evaluate.run(recorded.db, recorded.plan, stage=stage)
        prepared = data_hash(recorded.db)
    if result.changed_data:
        note("The prepared data has changed since this adapter was trained. Only messages it never saw are scored.")
    if report:
        examples = [] if no_text else read_examples(folder, prepared)
        write_report(result, report, manifest=read_manifest(folder), examples=examples)
        note(f"Report: {report}")
    if json_:
        print_json(result)
        return
    show_tables(result)
    note_next('vq chat --as "NAME"')


def _check_place(report: Path) -> None:
    """Check that the report can be written, before hours of work.

    Raises:
        SettingsError: there is no such folder, or it cannot be written into.
    """
    if report.is_dir():
        raise SettingsError(f"--report {report} is a folder.", hint="Name a file: vq eval --report report.html")
    if not os.access(report if report.exists() else report.absolute().parent, os.W_OK):
        raise SettingsError(
            f"--report {report} cannot be written.",
            hint="Name a file in a folder of yours: vq eval --report report.html",
        )


HEADLINE = ("likelihood", "identity", "name_information")  # in the summary, after the final windows


def rows(result: Evaluation) -> Iterator[tuple[str, str]]:
    """Yield an evaluation in a few lines: the final windows, bits and names, and what tells it from real people."""
    from ventriloquist.evaluate import METRICS
    from ventriloquist.evaluate.words import summary, told_by

    for name, one in result.final_windows.items():
        yield f"{METRICS[name].title.lower()}, final two windows", summary(METRICS[name], one)
    for name in HEADLINE:
        if name in result.metrics:
            yield METRICS[name].title.lower(), summary(METRICS[name], result.metrics[name])
    if told := told_by(result):
        yield "told from real people by", told


def show_tables(result: Evaluation) -> None:
    """Show every figure with its floor and its ceiling, then each person, and the comparison with another run."""
    from ventriloquist.evaluate import METRICS
    from ventriloquist.evaluate.words import (
        COMPARED,
        INTERVALS,
        about_names,
        compared,
        headline,
        sure_value,
        told_by,
    )

    say(headline(result), "bold")
    say("")
    both = (("Final two windows", result.final_windows), ("Test split", result.metrics))
    with_ends = [_show_figures(f"{title}, {result.run} on {result.model}", results) for title, results in both]
    say(INTERVALS, "dim")
    if not all(with_ends):
        say("A wider terminal shows floor and ceiling, too; so do --report and --json.", "dim")
    for name, one in result.metrics.items():
        if spread := about_names(one):
            say(f"{METRICS[name].title}: {spread}", "dim")
    say("")
    people = ("voice", "likelihood", "identity", "timing")
    by_person = {
        person: [sure_value(METRICS[name], one[name]) if name in one else "–" for name in people]
        for person, one in result.people.items()
    }
    if told := [(person, *cells) for person, cells in by_person.items() if {*cells} != {"–"}]:
        columns = ("", *(METRICS[name].title for name in people))
        show_table("Person by person, with enough messages", columns, told)
    if result.learning_curve:
        _show_learning_curve(result.learning_curve)
    if result.comparison:
        rows = [compared(METRICS[name], row) for name, row in result.comparison.metrics.items()]
        title = f"Against {result.comparison.against}"
        if not show_table(title, COMPARED, rows, only_if_it_fits=True):
            show_table(title, (*COMPARED[:4], COMPARED[7]), [(*row[:4], row[7]) for row in rows])
            if known := [(row[0], *row[4:7]) for row in rows if row[6]]:
                show_table("Intervals of the difference", (COMPARED[0], *COMPARED[4:7]), known)
    for name, reason in result.not_measured.items():
        say(f"{METRICS[name].title}: not measured ({reason})", "dim")
    if said := told_by(result):
        say(f"Told from real people by: {said}")


def _show_learning_curve(curve: LearningCurve) -> None:
    """Show what was learnt of each person, and what more messages would bring."""
    from ventriloquist.evaluate.words import LEARNT, learnt, more_messages

    people = learnt(curve)
    title = "How much is enough: messages trained on, and bits about the name"
    if people and not show_table(title, LEARNT, people, only_if_it_fits=True):
        show_table(title, (*LEARNT[:3], LEARNT[5]), [(*row[:3], row[5]) for row in people])
    say(more_messages(curve))


def _show_figures(title: str, results: Mapping[str, Result]) -> bool:
    """Show figures in a table, with the verdict under the title if the terminal is narrow.

    Return whether floor and ceiling are shown, too: a terminal of 80 columns has no room for them.
    """
    from ventriloquist.evaluate import METRICS
    from ventriloquist.evaluate.words import OTHER, THESE, end, interval, other_interval, reference, said, value

    if not results:
        return True
    wide = [
        (
            METRICS[name].title,
            value(METRICS[name], one),
            interval(METRICS[name], one),
            other_interval(METRICS[name], one),
            f"{one.n:,}",
            end(METRICS[name], METRICS[name].floor, one.floor),
            end(METRICS[name], METRICS[name].ceiling, one.ceiling),
            said(METRICS[name], one),
        )
        for name, one in results.items()
    ]
    beside = {METRICS[name].title: reference(METRICS[name], one) for name, one in results.items()}
    columns = ("", "figure", THESE, OTHER, "n", "floor", "ceiling", "verdict")
    with_ends = show_table(title, columns, wide, only_if_it_fits=True)
    if not with_ends:
        stacked = [(f"{row[0]}\n{_indented(row[7])}", *row[1:7]) for row in wide]
        with_ends = show_table(title, columns[:7], stacked, only_if_it_fits=True)
        if not with_ends:
            show_table(title, columns[:5], [row[:5] for row in stacked])
    for metric, shown in beside.items():
        if shown:
            say(f"{metric}, reference: {shown}", "dim")
    return with_ends


def _indented(verdict: str) -> str:
    """Return a verdict as it stands under a title, broken so that it is no wider than the longest title."""
    return textwrap.fill(verdict, 31, initial_indent="  ", subsequent_indent="  ")


@contextmanager
def stages(*, named: bool = False) -> Iterator[Callable[[str], Progress]]:
    """Show one progress bar after another. Each ends when the next begins.

    Where stderr is not a terminal, or with `named`, the name of each stage is a line that stays.
    """
    last = ""
    with ExitStack() as stack:

        def begin(name: str) -> Progress:
            nonlocal last
            stack.close()
            if name != last and (named or not sys.stderr.isatty()):
                note(f"{name} …")
            last = name
            return stack.enter_context(progress(name))

        yield begin
