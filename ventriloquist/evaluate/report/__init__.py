"""The report: an evaluation as one HTML file, with no script and nothing to fetch, for screens and paper."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ventriloquist.evaluate.compare import Comparison
from ventriloquist.evaluate.examples import Example
from ventriloquist.evaluate.metric import NOT_ENOUGH, Metric, Result
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.report import details
from ventriloquist.evaluate.report.charts import scale
from ventriloquist.evaluate.report.markup import isolated, message, page, table, text
from ventriloquist.evaluate.stage import Evaluation
from ventriloquist.evaluate.words import (
    COMPARED,
    INTERVALS,
    OTHER,
    SUBJECTS,
    THESE,
    both_intervals,
    compared,
    figure,
    headline,
    interval,
    other_interval,
    reference,
    said,
    sure_value,
    value,
)
from ventriloquist.model.manifest import Manifest

MAX_EXAMPLES = 24
FIRST_EXAMPLES = 3  # that are open, at most
BAD = ("fails", "differs", "no better", "worse", "caricature")


def write_report(
    evaluation: Evaluation, path: Path, *, manifest: Manifest | None = None, examples: Sequence[Example] = ()
) -> None:
    """Write the report, readable by its owner only. Without examples it contains no message text."""
    path.touch(mode=0o600)
    if path.is_file():  # not a device
        with suppress(PermissionError):  # the file may belong to somebody else
            path.chmod(0o600)
    path.write_text(render(evaluation, manifest=manifest, examples=examples), encoding="utf-8")


def render(evaluation: Evaluation, *, manifest: Manifest | None = None, examples: Sequence[Example] = ()) -> str:
    """Return the report as HTML."""
    parts = [
        "<h1>Does it sound like them?</h1>",
        _headline(evaluation),
        f"<p class=note>Adapter {text(evaluation.run)} on {text(evaluation.model)}, measured on {evaluation.held_out:,}"
        f" messages it never saw. Each figure has its floor and ceiling to compare with. {INTERVALS}</p>",
        _navigation(evaluation, examples),
        _examples(examples) if examples else "",
        "<h2 id=final>The final two windows</h2><p class=note>The last two messages of each conversation.</p>",
        _cards(evaluation.final_windows),
        "<h2 id=suite>The whole test split</h2>",
        _cards(evaluation.metrics),
        "<h2 id=baselines>Baselines</h2><p class=note>What other people, the base model and simple methods get on"
        " the same messages.</p>",
        _baselines(evaluation),
        details.charts(evaluation.metrics),
        details.confusion(evaluation.metrics),
        details.names(evaluation.metrics),
        details.enough(evaluation.learning_curve),
        _people(evaluation),
    ]
    if evaluation.comparison:
        parts.append(_comparison(evaluation.comparison))
    parts += [_not_measured(evaluation), _division(evaluation), _manifest(manifest)]
    return page("Does it sound like them?", "".join(parts))


def _navigation(evaluation: Evaluation, examples: Sequence[Example]) -> str:
    places = {"examples": "Side by side"} if examples else {}
    places |= {"final": "Final windows", "suite": "All measures", "baselines": "Baselines"}
    if evaluation.learning_curve:
        places["enough"] = "How much is enough"
    places["people"] = "People"
    if evaluation.comparison:
        places["comparison"] = "Comparison"
    places["method"] = "How it was measured"
    return "<nav>" + "".join(f'<a href="#{place}">{title}</a>' for place, title in places.items()) + "</nav>"


def _headline(evaluation: Evaluation) -> str:
    notes = []
    if evaluation.undecided:
        few = ", ".join(METRICS[name].title.lower() for name in evaluation.undecided)
        notes.append(f"There is not enough data for: {few}.")
    if evaluation.changed_data:
        notes.append("The prepared data has changed since this adapter was trained.")
    said = f"<p class=headline>{text(headline(evaluation))}</p>"
    return said + (f"<p class=note>{text(' '.join(notes))}</p>" if notes else "")


def _cards(results: Mapping[str, Result]) -> str:
    return '<div class="cards">' + "".join(_card(METRICS[name], one) for name, one in results.items()) + "</div>"


def _card(metric: Metric, result: Result) -> str:
    shown = value(metric, result)
    between = both_intervals(metric, result)
    sure = f"{between}; " if between else ""
    shown_beside = reference(metric, result)
    beside = f"; reference {shown_beside}" if shown_beside else ""
    bad = " bad" if result.verdict.startswith(BAD) else " muted" if result.verdict == NOT_ENOUGH else ""
    return (
        f'<div class="card"><h3>{text(metric.question)}</h3><div class="big">{text(shown)}</div>'
        f'<div class="verdict{bad}">{text(said(metric, result))}</div>{_between(metric, result)}'
        f'<p class="note">{text(metric.title)}; {text(sure)}n&nbsp;=&nbsp;{result.n:,}{text(beside)}</p></div>'
    )


def _between(metric: Metric, result: Result) -> str:
    """Draw the figure between its floor and its ceiling."""
    if result.value is None or result.low is None or result.high is None:
        return ""
    marks = [(figure(metric, result.value), result.value, "var(--accent)")]
    ends = ((metric.floor, result.floor, "var(--floor)"), (metric.ceiling, result.ceiling, "var(--real)"))
    for name, number, colour in ends:
        if number is not None:
            which = SUBJECTS[name] if isinstance(name, str) else ("floor" if colour == "var(--floor)" else "ceiling")
            marks.append((which, number, colour))
    other = None if result.other_low is None or result.other_high is None else (result.other_low, result.other_high)
    return scale(marks, (result.low, result.high), other)


def _baselines(evaluation: Evaluation) -> str:
    names = list(dict.fromkeys(name for one in evaluation.metrics.values() for name in one.baselines))
    rows = [
        (
            METRICS[name].title,
            value(METRICS[name], result),
            *(figure(METRICS[name], result.baselines[other]) if other in result.baselines else "" for other in names),
        )
        for name, result in evaluation.metrics.items()
    ]
    return table(("", "this adapter", *(SUBJECTS[name] for name in names)), rows)


def _people(evaluation: Evaluation) -> str:
    parts = ["<h2 id=people>Person by person</h2>"]
    shown = [name for name in evaluation.metrics if METRICS[name].by_person]
    rows = [
        (person, *(sure_value(METRICS[name], of_person[name]) if name in of_person else "" for name in shown))
        for person, of_person in evaluation.people.items()
    ]
    parts.append(table(("", *(METRICS[name].title for name in shown)), rows))
    for person, of_person in evaluation.people.items():
        parts.append(f"<h3>{isolated(person)}</h3>")
        parts.append(
            table(
                ("", "figure", THESE, OTHER, "n", "floor", "ceiling", "verdict"),
                [
                    (
                        METRICS[name].title,
                        value(METRICS[name], one),
                        interval(METRICS[name], one),
                        other_interval(METRICS[name], one),
                        one.n,
                        figure(METRICS[name], one.floor),
                        figure(METRICS[name], one.ceiling),
                        said(METRICS[name], one),
                    )
                    for name, one in of_person.items()
                ],
            )
        )
        parts.append(details.habits(person, evaluation.metrics))
    return "".join(parts)


def _comparison(comparison: Comparison) -> str:
    rows = [compared(METRICS[name], row) for name, row in comparison.metrics.items()]
    return (
        f"<h2 id=comparison>Against {text(comparison.against)}</h2><p class=note>On the same messages. A positive"
        " difference is better for this run. p is for these conversations, and adjusted for the number of metrics"
        " (Holm).</p>" + table(COMPARED, rows)
    )


def _examples(examples: Sequence[Example]) -> str:
    step = max(1, len(examples) // MAX_EXAMPLES)
    parts = [
        "<h2 id=examples>Side by side</h2><p class=note>What a person really wrote, and what the model wrote in their"
        " name. The examples are drawn by the seed, not picked by hand.</p>"
    ]
    shown = examples[::step][:MAX_EXAMPLES]
    first = shown[:: -(-len(shown) // FIRST_EXAMPLES)]  # of different conversations, if there are several
    parts += map(_example, first)
    if rest := [example for example in shown if example not in first]:
        parts.append(f"<details><summary>{len(rest)} more</summary>{''.join(map(_example, rest))}</details>")
    return "".join(parts)


def _example(example: Example) -> str:
    said = "<br>".join(f"<b>{isolated(name)}</b> {message(content)}" for name, content in example.before)
    answers = [("real", "real", example.real), ("adapter", "this adapter", example.adapter)]
    if example.base is not None:
        answers.append(("base", "base model", example.base))
    shown = "".join(
        f'<div class="{kind}"><small>{isolated(example.name)}, {label}</small>{message(content)}</div>'
        for kind, label, content in answers
    )
    return f'<div class="window"><div class="said">{said}</div><div class="answers">{shown}</div></div>'


def _not_measured(evaluation: Evaluation) -> str:
    few = {
        name: f"{one.n:,} messages; it needs {METRICS[name].minimum:,}, and real people who differ from each other"
        for name, one in evaluation.metrics.items()
        if one.verdict == NOT_ENOUGH
    }
    reasons = {**evaluation.not_measured, **few}
    if not reasons:
        return ""
    rows = [(METRICS[name].title, reason) for name, reason in reasons.items()]
    return "<h2>What lacks data</h2>" + table(("", "why"), rows, figures=False)


def _division(evaluation: Evaluation) -> str:
    return (
        "<h2 id=method>How it was measured</h2><p class=note>The judge of style has read neither the training messages"
        " nor the test messages.</p>" + table(("messages", ""), list(evaluation.division.items()))
    )


def _manifest(manifest: Manifest | None) -> str:
    if manifest is None:
        return ""
    shown = json.dumps(json.loads(manifest.model_dump_json(exclude={"held_out"})), indent=1, ensure_ascii=False)
    lines = "\n".join(text(line) for line in shown.split("\n"))
    return f"<h2>The run’s manifest</h2><pre>{lines}</pre>"
