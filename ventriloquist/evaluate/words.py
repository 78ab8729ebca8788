"""Figures in words, the same on the terminal and in the report."""

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
    "ngram": "n-gram classifier",
    "chance": "chance",
}


def figure(metric: Metric, number: float | None) -> str:
    """Return a value in its unit."""
    if number is None:
        return "–"
    if metric.unit == "share":
        return f"{number:z,.0%}" if abs(number) >= 0.1 or abs(number) < 0.0005 else f"{number:.1%}"
    # what noise is taken off of may come out below nothing
    return f"{number:z.0f}" if metric.unit == "points" else f"{max(0.0, number):.2f}"


def value(metric: Metric, result: Result) -> str:
    """Return a result's value; no number where it has no interval."""
    return figure(metric, None if result.low is None else result.value)


def sure_value(metric: Metric, result: Result) -> str:
    """Return a result's value where no interval stands beside it: only one of enough messages."""
    return "–" if result.verdict == NOT_ENOUGH else value(metric, result)


def interval(metric: Metric, result: Result) -> str:
    """Return the 95 % interval, or nothing where there is none."""
    if result.low is None or result.high is None:
        return ""
    return f"{figure(metric, result.low)} to {figure(metric, result.high)}"


def end(metric: Metric, which: str | float | None, number: float | None) -> str:
    """Say what a floor or ceiling is, and its value."""
    if number is None:
        return ""
    return f"{figure(metric, number)} ({SUBJECTS[which]})" if isinstance(which, str) else figure(metric, number)


def told_by(evaluation: Evaluation) -> str:
    """Say which guards tell generated messages from real ones, and which could not say; nothing if none was asked."""
    if not evaluation.undecided and not any(name in evaluation.metrics for name in GUARDS):
        return ""
    rejected_by, undecided = (
        ", ".join(METRICS[name].title.lower() for name in names)
        for names in (evaluation.rejected_by, evaluation.undecided)
    )
    said = rejected_by or "nothing that could be measured"
    return f"{said}; not enough data for {undecided}" if undecided else said


SOUNDS = {  # what the verdict on the style match says
    INDISTINGUISHABLE: "It sounds like them: a judge of style does not tell its messages from real ones.",
    CLOSE: "It sounds almost like them, but a judge of style still hears a difference.",
    BETWEEN: "It sounds more like them than other people do, but not like them yet.",
    AT_FLOOR: "It does not surely sound more like them than other people do.",
    WORSE: "It sounds less like them than other people do.",
    CARICATURE: "It overdoes them: it sounds more like them than they do themselves.",
    NOT_ENOUGH: "There are too few messages to say whether it sounds like them.",
}
EXPECTS = {
    BETTER: "It expects what they really write better than the bare base model does.",
    AT_FLOOR: "It does not surely expect what they really write better than the bare base model does.",
    WORSE: "It expects what they really write worse than the bare base model does.",
}
GIVEN_AWAY = {
    "validity": "lines that break the format",
    "voice": "the style",
    "indistinguishable": "a classifier that was trained on both",
    "fingerprint": "small habits",
    "lengths": "the lengths of its messages",
    "copies": "sentences it copied",
    "diversity": "how much it repeats itself, or how little",
    "assistant": "an assistant's phrases",
    "personal": "the numbers and addresses it writes",
}


def headline(evaluation: Evaluation) -> str:
    """Say in sentences what an evaluation found: how it sounds, what it knows, and what gives it away."""
    found = evaluation.metrics
    said = [
        sentences[found[name].verdict]
        for name, sentences in (("voice", SOUNDS), ("likelihood", EXPECTS))
        if name in found and found[name].verdict in sentences
    ]
    identity = found.get("identity")
    if identity is not None and identity.verdict != NOT_ENOUGH:
        said.append(
            f"Shown a message alone, it names the writer in {value(METRICS['identity'], identity)} of the cases."
        )
    if evaluation.rejected_by:
        said.append(f"What gives it away: {', '.join(GIVEN_AWAY[name] for name in evaluation.rejected_by)}.")
    elif any(name in found and found[name].verdict != NOT_ENOUGH for name in GUARDS):
        said.append("Nothing that could be measured gives it away.")
    return " ".join(said) or "There is not enough data to say how it writes."


COMPARED = ("", "this run", "the other", "difference", "95 %", "p (Holm)", "this run is")


def compared(metric: Metric, row: Compared) -> tuple[str, ...]:
    """Return the cells under COMPARED: two runs' figures, and how sure it is which one is better."""
    first, second = figure(metric, row.first), figure(metric, row.second)
    if row.difference is None or row.low is None or row.high is None or row.p is None:
        return metric.title, first, second, "", "", "", row.outcome
    difference, low, high = (_signed(metric, number) for number in (row.difference, row.low, row.high))
    return metric.title, first, second, difference, f"{low} to {high}", f"{row.p:.3f}", row.outcome


def _signed(metric: Metric, number: float) -> str:
    shown = f"{number:z.2f}" if metric.unit == "ratio" else figure(metric, number)
    return f"+{shown}" if number > 0 and any(digit in shown for digit in "123456789") else shown


def summary(metric: Metric, result: Result) -> str:
    """Return a result in one line: value, interval, number, what it stands between, and what that means."""
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
    return " · ".join([*parts, result.verdict])
