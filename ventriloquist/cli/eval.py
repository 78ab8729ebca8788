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
    from ventriloquist.evaluate.likelihood import Likelihood
    from ventriloquist.records import Progress


def command(
    run: Annotated[str | None, typer.Option(help="The run to evaluate, by folder or name; default the newest.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Measure on a sample: minutes on a CPU.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write a report to this HTML file.")] = None,
    seed: SeedOption = 0,
    json_: JsonOption = False,
) -> None:
    """Measure an adapter on messages it never saw, beside its base model.

    Example: vq eval --quick --report report.html
    """
    from ventriloquist.model.extras import require_train_extra

    require_train_extra()
    from ventriloquist.database import recorded_run
    from ventriloquist.evaluate import FULL, QUICK, evaluate
    from ventriloquist.evaluate.report import write_report
    from ventriloquist.model.adapter import find_run
    from ventriloquist.settings import load_settings

    settings = load_settings()
    folder = find_run(settings.runs, run)
    parameters = {"run": str(folder), "quick": quick, "seed": seed}
    with recorded_run(settings.home, "eval", parameters) as recorded, stages() as stage:
        extent = QUICK if quick else FULL
        result = evaluate(recorded.db, folder, home=settings.home, extent=extent, seed=seed, stage=stage)
        recorded.result = result
    if result.changed_data:
        note("The prepared data has changed since this adapter was trained; only what it never saw is scored.")
    if report:
        write_report(result, report)
        note(f"Report: {report}")
    show(result, rows(result), json=json_, title=f"{result.run} on {result.model}", next_step='vq chat --as "NAME"')


def rows(result: Evaluation) -> Iterator[tuple[str, str]]:
    """Return an evaluation's lines for a person to read."""
    for label, validity in (("valid lines, base", result.validity_base), ("valid lines, adapter", result.validity)):
        yield label, f"{validity.share:.0%} of {validity.lines} (95 %: {validity.low:.0%} – {validity.high:.0%})"
    for label, part in (("final two windows", result.final_windows), ("test split", result.test)):
        if part:
            yield f"bits per character, {label}", likelihood_text(part)
    for name, (messages, base, adapter) in result.people.items():
        yield f"  {name}", f"{base:.3f} → {adapter:.3f} ({messages:,} messages)"
    identity = result.identity
    if identity:
        yield (
            "true name first (ID@1)",
            f"{identity.at_1:.0%} of {identity.messages} (95 %: {identity.low:.0%} – {identity.high:.0%};"
            f" chance {identity.chance:.0%}, n-gram classifier {identity.ngram_at_1:.0%})",
        )


def likelihood_text(part: Likelihood) -> str:
    """Return base → adapter and the reduction with its interval."""
    return (
        f"{part.base:.3f} → {part.adapter:.3f}, {part.reduction:.1%} less"
        f" (95 %: {part.reduction_low:.1%} – {part.reduction_high:.1%}; {part.messages:,} messages)"
    )


@contextmanager
def stages() -> Iterator[Callable[[str], Progress]]:
    """Show one progress bar after another, each ended when the next begins."""
    with ExitStack() as stack:

        def begin(name: str) -> Progress:
            stack.close()
            return stack.enter_context(progress(name))

        yield begin
