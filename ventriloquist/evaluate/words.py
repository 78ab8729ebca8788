"""Figures and verdicts in words, for the terminal and for the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ventriloquist.evaluate.compare import Compared
from ventriloquist.evaluate.metric import (
    AT_FLOOR,
    BETTER,
    BETWEEN,
    CARICATURE,
    CLOSE,
    INDISTINGUISHABLE,
    NOT_ENOUGH,
    WORSE,
    Metric,
    Result,
)
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.rejections import GUARDS

if TYPE_CHECKING:
    from ventriloquist.evaluate import Evaluation

SUBJECTS = {
    "adapter": "this adapter",
    "base": "base model",
    "real": "real other half",
    "nearest": "most similar contact",
    "pooled": "other contacts",
    "retrieval": "a past reply of theirs",
    "shuffled": "shuffled",
    "habit": "habit of turns",
    "ngram": "TF-IDF + SVM classifier",
    "chance": "chance",
}


def figure(metric: Metric, number: float | None) -> str:
    """Return a value in its unit."""
    if number is None:
        return "–"
    if metric.unit == "share":
        return f"{number:z,.0%}" if abs(number) >= 0.1 or abs(number) < 0.0005 else f"{number:.1%}"
    if metric.unit == "bits":
        return f"{number:z.2f}"
    # a distance minus its noise may be negative
    return f"{number:z.0f}" if metric.unit == "points" else f"{max(0.0, number):.2f}"


def value(metric: Metric, result: Result) -> str:
    """Return a result's value; a dash if it has no interval."""
    return figure(metric, None if result.low is None else result.value)


def sure_value(metric: Metric, result: Result) -> str:
    """Return a result's value for a table without intervals; a dash if there is not enough data."""
    return "–" if result.verdict == NOT_ENOUGH else value(metric, result)


def interval(metric: Metric, result: Result) -> str:
    """Return the 95 % interval, empty if there is none."""
    if result.low is None or result.high is None:
        return ""
    return f"{figure(metric, result.low)} to {figure(metric, result.high)}"


def end(metric: Metric, which: str | float | None, number: float | None) -> str:
    """Return the value of a floor or ceiling, and what it is."""
    if number is None:
        return ""
    return f"{figure(metric, number)} ({SUBJECTS[which]})" if isinstance(which, str) else figure(metric, number)


def reference(metric: Metric, result: Result) -> str:
    """Return the value of a figure's reference, what it is, and the comparison with it; empty if there is none."""
    shown = end(metric, metric.reference, result.reference)
    return f"{shown}: {result.beside_reference}" if shown and result.beside_reference else shown


def about_names(result: Result) -> str:
    """Say how bits about the name are spread, and what the true name saves over others; empty for other metrics."""
    if "saved_per_character" not in result.detail:
        return ""
    detail, saved = result.detail, result.detail["saved_per_character"]
    return (
        f"{detail['above_zero']:.0%} of the messages tell more than nothing; the median is {detail['median']:z.2f} of at"
        f" most {detail['most_possible']:.2f} bits. The true name saves"
        f" {saved['over_the_mean_of_the_others']:z.3f} bits a character over the mean of the other names, and"
        f" {saved['over_the_best_other']:z.3f} over the best of them."
    )


def told_by(evaluation: Evaluation) -> str:
    """Name the guards that tell generated messages from real ones, and those that lack data; empty without guards."""
    if not evaluation.undecided and not any(name in evaluation.metrics for name in GUARDS):
        return ""
    rejected_by, undecided = (
        ", ".join(METRICS[name].title.lower() for name in names)
        for names in (evaluation.rejected_by, evaluation.undecided)
    )
    said = rejected_by or "nothing that was measured"
    return f"{said}; not enough data for {undecided}" if undecided else said


SOUNDS = {  # the verdicts on the style match
    INDISTINGUISHABLE: "It sounds like them: a judge of style cannot tell its messages from real ones.",
    CLOSE: "It sounds almost like them, but a judge of style still hears a difference.",
    BETWEEN: "It sounds more like them than other people do, but not like them yet.",
    AT_FLOOR: "It does not clearly sound more like them than other people do.",
    WORSE: "It sounds less like them than other people do.",
    CARICATURE: "It overdoes them: it sounds more like them than they do themselves.",
    NOT_ENOUGH: "There are too few messages to say whether it sounds like them.",
}
EXPECTS = {
    BETTER: "It predicts what they really write better than the base model does.",
    AT_FLOOR: "It does not clearly predict what they really write better than the base model does.",
    WORSE: "It predicts what they really write worse than the base model does.",
}


def headline(evaluation: Evaluation) -> str:
    """Sum up an evaluation in sentences: how it sounds, what it predicts, and what gives it away."""
    found = evaluation.metrics
    said = [
        sentences[found[name].verdict]
        for name, sentences in (("voice", SOUNDS), ("likelihood", EXPECTS))
        if name in found and found[name].verdict in sentences
    ]
    identity = found.get("identity")
    if identity is not None and identity.verdict != NOT_ENOUGH:
        said.append(
            f"From a single message it names the right writer {value(METRICS['identity'], identity)} of the time."
        )
    if evaluation.rejected_by:
        said.append(f"What gives it away: {', '.join(GUARDS[name] for name in evaluation.rejected_by)}.")
    elif any(name in found and found[name].verdict != NOT_ENOUGH for name in GUARDS):
        said.append("Nothing that was measured gives it away.")
    return " ".join(said) or "There is not enough data to say how it writes."


COMPARED = ("", "this run", "the other", "difference", "95 %", "p (Holm)", "this run is")


def compared(metric: Metric, row: Compared) -> tuple[str, ...]:
    """Return the cells under COMPARED: the figures of two runs, and their difference."""
    first, second = figure(metric, row.first), figure(metric, row.second)
    if row.difference is None or row.low is None or row.high is None or row.p is None:
        return metric.title, first, second, "", "", "", row.outcome
    difference, low, high = (_signed(metric, number) for number in (row.difference, row.low, row.high))
    return metric.title, first, second, difference, f"{low} to {high}", f"{row.p:.3f}", row.outcome


def _signed(metric: Metric, number: float) -> str:
    shown = f"{number:z.2f}" if metric.unit == "ratio" else figure(metric, number)
    return f"+{shown}" if number > 0 and any(digit in shown for digit in "123456789") else shown


def summary(metric: Metric, result: Result) -> str:
    """Return a result in one line: value, interval, n, floor, ceiling and verdict."""
    parts = [f"{value(metric, result)} (95 %: {interval(metric, result)}; n = {result.n:,})"]
    if result.low is None:
        parts = [f"n = {result.n:,}"]
    if bits := result.detail.get("bits_per_character"):
        parts.append(f"{bits['base']:.2f} → {bits['adapter']:.2f} bits a character")
    floor, ceiling = end(metric, metric.floor, result.floor), end(metric, metric.ceiling, result.ceiling)
    if floor:
        parts.append(f"floor {floor}")
    if ceiling:
        parts.append(f"ceiling {ceiling}")
    if shown := reference(metric, result):
        parts.append(f"reference {shown}")
    return " · ".join([*parts, result.verdict])
