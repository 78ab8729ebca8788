"""The guards: the metrics that tell generated messages from real ones. A model can game one, but hardly all of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ventriloquist.evaluate.metric import AT_FLOOR, CARICATURE, DIFFERS, FAILS, NOT_ENOUGH, WORSE, Result

GUARDS = {  # what gives an adapter away if the guard rejects it
    "validity": "lines that break the format",
    "voice": "the style",
    "indistinguishable": "a classifier trained on real and generated messages",
    "fingerprint": "small habits",
    "lengths": "the lengths of its messages",
    "copies": "sentences it copied",
    "diversity": "repeating itself too much, or too little",
    "assistant": "an assistant's phrases",
    "personal": "the numbers and addresses it writes",
}
TOLD_APART = 0.5  # below this 2 · (1 − AUC), the classifier tells generated messages from real ones


def rejections(metrics: Mapping[str, Result]) -> tuple[str, ...]:
    """Return the guards that reject the adapter's messages."""
    decided = [name for name in GUARDS if name in metrics and metrics[name].verdict != NOT_ENOUGH]
    return tuple(name for name in decided if _rejects(name, metrics[name]))


def undecided(metrics: Mapping[str, Result], asked: Collection[str] = GUARDS) -> tuple[str, ...]:
    """Return the guards that were asked for and lack data."""
    return tuple(
        name for name in GUARDS if name in asked and (name not in metrics or metrics[name].verdict == NOT_ENOUGH)
    )


def _rejects(name: str, result: Result) -> bool:
    if name == "indistinguishable":
        return result.value is not None and result.value < TOLD_APART
    value, floor, ceiling = result.value, result.floor, result.ceiling
    if result.verdict == AT_FLOOR and value is not None and floor is not None and ceiling is not None:
        return abs(value - floor) < abs(value - ceiling)
    return result.verdict.startswith((FAILS, DIFFERS)) or result.verdict in (CARICATURE, WORSE)
