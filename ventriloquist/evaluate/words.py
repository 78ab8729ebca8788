"""Figures and verdicts in words, for the terminal and for the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ventriloquist.evaluate.compare import Compared
from ventriloquist.evaluate.learning_curve import LearningCurve
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
    only_here,
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


THESE, OTHER = "95 %, these", "95 %, other"  # conversations
INTERVALS = "The 95 % intervals are for these conversations and for other conversations. Verdicts go by the first."
ONLY_HERE = "for these conversations only"


def interval(metric: Metric, result: Result) -> str:
    """Return the 95 % interval for these conversations, empty if there is none."""
    return _range(figure, metric, result.low, result.high)


def other_interval(metric: Metric, result: Result) -> str:
    """Return the 95 % interval for other conversations, empty if there is none: of one conversation there is none."""
    return _range(figure, metric, result.other_low, result.other_high) if result.low is not None else ""


def _range(shown: Callable[[Metric, float], str], metric: Metric, low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{shown(metric, low)} to {shown(metric, high)}"


def said(metric: Metric, result: Result) -> str:
    """Return the verdict, and whether it is one for these conversations only."""
    return f"{result.verdict}, {ONLY_HERE}" if only_here(metric, result) else result.verdict


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
    """Say how bits about the name are spread, and what the true name saves; empty if nothing is known of it."""
    if "saved_per_character" not in result.detail or result.verdict == NOT_ENOUGH:
        return ""
    detail = result.detail
    over_mean, over_best = detail["saved_per_character"].values()
    return (
        f"{detail['above_zero']:.0%} of the messages tell more than nothing. The median is {detail['median']:z.2f}"
        f" bits, of at most {detail['most_possible']:.2f}. The true name saves {over_mean:z.3f} bits a character over"
        f" the mean of the other names, and {over_best:z.3f} over the best of them."
    )


LEARNT = ("", "messages", "bits", "95 %, these", "n", "with twice as many")


def learnt(curve: LearningCurve) -> list[tuple[str, ...]]:
    """Return the cells under LEARNT, for each person."""
    return [
        (
            person,
            f"{one.messages:,}",
            f"{one.bits:z.2f}",
            f"{one.low:z.2f} to {one.high:z.2f}",
            f"{one.n:,}",
            "–" if one.twice is None else f"{one.twice:z.2f}",
        )
        for person, one in curve.people.items()
    ]


def more_messages(curve: LearningCurve) -> str:
    """Say in sentences what twice as many messages of a person bring."""
    if curve.gain is None or curve.low is None or curve.high is None:
        return f"What more messages would bring cannot be said: {curve.reason}."
    gain = f"{curve.gain:+z.2f} bits about the name (95 %: {curve.low:+z.2f} to {curve.high:+z.2f})"
    said = f"Twice as many messages of a person go with {gain}, by a comparison of {len(curve.people)} people."
    if curve.low > 0:
        return said
    return f"{said} " + (
        "These people show no sure gain." if curve.high >= 0 else "Here those who wrote more are harder to tell."
    )


def told_by(evaluation: Evaluation) -> str:
    """Name the guards that tell generated messages from real ones, and those that lack data; empty without guards."""
    if not evaluation.undecided and not any(name in evaluation.metrics for name in GUARDS):
        return ""
    rejected_by, undecided = (
        ", ".join(METRICS[name].title.lower() for name in names)
        for names in (evaluation.rejected_by, evaluation.undecided)
    )
    told = rejected_by or "nothing that was measured"
    return f"{told}; not enough data for {undecided}" if undecided else told


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
    lines = [
        sentences[found[name].verdict] + (f" This holds {ONLY_HERE}." if only_here(METRICS[name], found[name]) else "")
        for name, sentences in (("voice", SOUNDS), ("likelihood", EXPECTS))
        if name in found and found[name].verdict in sentences
    ]
    identity = found.get("identity")
    if identity is not None and identity.verdict != NOT_ENOUGH:
        beside = both_intervals(METRICS["identity"], identity)
        lines.append(
            f"From a single message it names the right writer {value(METRICS['identity'], identity)} of the time"
            f" ({beside})."
        )
    if evaluation.rejected_by:
        lines.append(f"What gives it away: {', '.join(GUARDS[name] for name in evaluation.rejected_by)}.")
    elif any(name in found and found[name].verdict != NOT_ENOUGH for name in GUARDS):
        lines.append("Nothing that was measured gives it away.")
    if not lines:
        return "There is not enough data to say how it writes."
    known = [one for one in found.values() if one.low is not None]
    if known and all(one.other_low is None for one in known):
        lines.append("All of this is from one conversation, so nothing is known of other ones.")
    return " ".join(lines)


def both_intervals(metric: Metric, result: Result) -> str:
    """Return both 95 % intervals with their names, empty if there are none; of one conversation only the first."""
    these, other = interval(metric, result), other_interval(metric, result)
    if not these:
        return ""
    return f"95 %: {these} for these conversations" + (f", {other} for other ones" if other else "")


COMPARED = ("", "this run", "the other", "difference", THESE, OTHER, "p (Holm)", "this run is")


def compared(metric: Metric, row: Compared) -> tuple[str, ...]:
    """Return the cells under COMPARED: the figures of two runs, and their difference."""
    if row.difference is None or row.low is None or row.high is None or row.p is None:
        return metric.title, "–", "–", "", "", "", "", row.outcome
    first, second = figure(metric, row.first), figure(metric, row.second)
    these = _range(_signed, metric, row.low, row.high)
    other = _range(_signed, metric, row.other_low, row.other_high)
    return metric.title, first, second, _signed(metric, row.difference), these, other, f"{row.p:.3f}", row.outcome


def _signed(metric: Metric, number: float) -> str:
    shown = f"{number:z.2f}" if metric.unit == "ratio" else figure(metric, number)
    return f"+{shown}" if number > 0 and any(digit in shown for digit in "123456789") else shown


def summary(metric: Metric, result: Result) -> str:
    """Return a result in one line: value, both intervals, n, floor, ceiling and verdict."""
    parts = [f"{value(metric, result)} ({both_intervals(metric, result)}; n = {result.n:,})"]
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
    return " · ".join([*parts, said(metric, result)])
