"""`vq eval`: how well an adapter writes like each person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ventriloquist.cli.console import note, progress, show
from ventriloquist.cli.options import JsonOption, SeedOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from ventriloquist.evaluate import Evaluation
    from ventriloquist.records import Progress


def command(
    run: Annotated[str | None, typer.Option(help="The run to evaluate, by folder or name; default the newest.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Measure on a sample: minutes on a CPU.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this metric; may be given several times.", show_default=False)
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Another run, compared on the same messages and seeds.", show_default=False)
    ] = None,
    blind: Annotated[
        str | None, typer.Option(help="Guess which answer of this person is real.", metavar="NAME", show_default=False)
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write a report to this HTML file.")] = None,
    no_text: Annotated[bool, typer.Option("--no-text", help="Leave all message text out of the report.")] = False,
    seed: SeedOption = 0,
    json_: JsonOption = False,
) -> None:
    """Measure an adapter on messages it never saw, beside real people, its base model, and others.

    Example: vq eval --quick --report report.html
    """
    from ventriloquist.model.extras import require_train_extra

    require_train_extra()
    from ventriloquist.database import recorded_run
    from ventriloquist.evaluate import FULL, QUICK, evaluate
    from ventriloquist.evaluate.examples import read_examples
    from ventriloquist.evaluate.report import write_report
    from ventriloquist.model.adapter import find_run
    from ventriloquist.model.manifest import read_manifest
    from ventriloquist.settings import load_settings

    settings = load_settings()
    folder = find_run(settings.runs, run)
    other = find_run(settings.runs, against) if against else None
    if blind is not None:
        from ventriloquist.cli.eval_blind import quiz

        quiz(folder, blind, seed, json=json_)
        return
    parameters = {"run": str(folder), "quick": quick, "seed": seed, "only": only or [], "against": against}
    with recorded_run(settings.home, "eval", parameters) as recorded, stages() as stage:
        result = evaluate(
            recorded.db,
            folder,
            home=settings.home,
            extent=QUICK if quick else FULL,
            only=only or (),
            against=other,
            seed=seed,
            stage=stage,
        )
        recorded.result = result
    if result.changed_data:
        note("The prepared data has changed since this adapter was trained; only what it never saw is scored.")
    if report:
        examples = [] if no_text else read_examples(folder)
        write_report(result, report, manifest=read_manifest(folder), examples=examples)
        note(f"Report: {report}")
    show(result, rows(result), json=json_, title=f"{result.run} on {result.model}", next_step='vq chat --as "NAME"')


def rows(result: Evaluation) -> Iterator[tuple[str, str]]:
    """Return an evaluation's lines for a person to read, the promised three first."""
    from ventriloquist.evaluate import METRICS
    from ventriloquist.evaluate.words import figure, summary, told_by

    for name, one in result.promised.items():
        yield f"{METRICS[name].title}, final two windows", summary(METRICS[name], one)
    for name, one in result.metrics.items():
        yield METRICS[name].title, summary(METRICS[name], one)
    for name, reason in result.not_measured.items():
        yield METRICS[name].title, f"not measured: {reason}"
    for person, of_person in result.people.items():
        told = (
            f"{METRICS[name].title.lower()} {figure(METRICS[name], one.value)}"
            for name, one in of_person.items()
            if one.value is not None and name in ("voice", "likelihood", "identity")
        )
        yield f"  {person}", ", ".join(told)
    titles = {name: metric.title.lower() for name, metric in METRICS.items()}
    yield "told from real people by", told_by(result.rejected_by, result.undecided, titles)
    if result.comparison:
        for name, row in result.comparison.metrics.items():
            yield (
                f"{METRICS[name].title}, against {result.comparison.against}",
                f"{figure(METRICS[name], row.first)} and {figure(METRICS[name], row.second)}:"
                f" {row.outcome} (p = {row.p:.3f})",
            )


@contextmanager
def stages() -> Iterator[Callable[[str], Progress]]:
    """Show one progress bar after another, each ended when the next begins."""
    with ExitStack() as stack:

        def begin(name: str) -> Progress:
            stack.close()
            return stack.enter_context(progress(name))

        yield begin
