"""Which figures say that a person did not write this. One number can be gamed; these are named together."""

from __future__ import annotations

from collections.abc import Mapping

from ventriloquist.evaluate.metric import AT_FLOOR, CARICATURE, NOT_ENOUGH, Result

TOLD_APART = 0.5  # 2 · (1 − AUC) under which a classifier tells generated messages from real ones


def rejections(metrics: Mapping[str, Result]) -> tuple[str, ...]:
    """Name the metrics by which the adapter's messages are rejected."""
    named = []
    for name, result in metrics.items():
        if result.value is None or result.verdict == NOT_ENOUGH:
            continue
        failed = result.verdict.startswith("fails")
        if name in ("voice", "fingerprint", "lengths"):
            failed = result.verdict in (AT_FLOOR, CARICATURE)
        if name == "indistinguishable":
            failed = result.value < TOLD_APART
        if failed:
            named.append(name)
    return tuple(named)
