"""Which figures say that a person did not write this. One number can be gamed; these are named together."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ventriloquist.evaluate.metric import AT_FLOOR, CARICATURE, NOT_ENOUGH, WORSE, Result

GUARDS = (
    "validity",
    "voice",
    "indistinguishable",
    "fingerprint",
    "lengths",
    "copies",
    "diversity",
    "assistant",
    "personal",
)

TOLD_APART = 0.5  # 2 · (1 − AUC) under which a classifier tells generated messages from real ones


def rejections(metrics: Mapping[str, Result]) -> tuple[str, ...]:
    """Name the metrics by which the adapter's messages are rejected."""
    decided = [name for name in GUARDS if name in metrics and metrics[name].verdict != NOT_ENOUGH]
    return tuple(name for name in decided if _rejects(name, metrics[name]))


def undecided(metrics: Mapping[str, Result], asked: Collection[str] = GUARDS) -> tuple[str, ...]:
    """Name the guards, of the metrics that were asked for, for which there was not enough data."""
    return tuple(
        name for name in GUARDS if name in asked and (name not in metrics or metrics[name].verdict == NOT_ENOUGH)
    )


def _rejects(name: str, result: Result) -> bool:
    if name == "indistinguishable":
        return result.value is not None and result.value < TOLD_APART
    value, floor, ceiling = result.value, result.floor, result.ceiling
    if result.verdict == AT_FLOOR and value is not None and floor is not None and ceiling is not None:
        return abs(value - floor) < abs(value - ceiling)
    return result.verdict.startswith("fails") or result.verdict in (CARICATURE, WORSE)
