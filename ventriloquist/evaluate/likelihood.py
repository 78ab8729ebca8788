"""Likelihood: how well the model expects what people really wrote, in bits per character of the un-escaped content."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ventriloquist.evaluate.heldout import FINAL_WINDOWS, HeldOutRow
from ventriloquist.evaluate.statistics import bootstrap
from ventriloquist.model.score import LineScore


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Adapter against base on the same messages with the same context. Less is better."""

    messages: int
    characters: int
    base: float  # bits per character
    adapter: float
    reduction: float  # 1 − adapter / base
    reduction_low: float  # 95 %, bootstrap over rows
    reduction_high: float
    name_bits: tuple[float, float]  # a message, base and adapter
    delta_bits: tuple[float, float]


@dataclass(frozen=True, slots=True)
class ScoredRow:
    """The scores of a held-out row's targets without and with the adapter."""

    row: HeldOutRow
    base: list[LineScore]
    adapter: list[LineScore]


def likelihood(rows: Sequence[ScoredRow], seed: int, *, final_windows: bool = False) -> Likelihood | None:
    """Compare adapter and base over scored rows; None where there is nothing to compare.

    Args:
        final_windows: only the last two windows of each conversation.
    """
    sums = [_sums(row, final_windows) for row in rows]
    sums = [row for row in sums if row[0] > 0]
    if not sums:
        return None
    messages, characters, base, adapter, *rest = np.sum(sums, axis=0)
    low, high = bootstrap(sums, _reduction, seed)
    return Likelihood(
        messages=int(messages),
        characters=int(characters),
        base=_bits(base) / max(1, characters),
        adapter=_bits(adapter) / max(1, characters),
        reduction=_reduction(np.array([messages, characters, base, adapter])),
        reduction_low=low,
        reduction_high=high,
        name_bits=(_bits(rest[0] / messages), _bits(rest[1] / messages)),
        delta_bits=(_bits(rest[2] / messages), _bits(rest[3] / messages)),
    )


def by_person(rows: Iterable[ScoredRow]) -> dict[str, tuple[int, float, float]]:
    """Return, for each person, the number of messages and the bits per character of base and adapter."""
    sums: dict[str, NDArray[np.float64]] = {}
    for row in rows:
        for target, base, adapter in zip(row.row.targets, row.base, row.adapter, strict=True):
            person = sums.setdefault(target.line.name, np.zeros(4))
            person += [1, base.characters, base.content, adapter.content]
    return {
        name: (int(count), _bits(base) / max(1, characters), _bits(adapter) / max(1, characters))
        for name, (count, characters, base, adapter) in sorted(sums.items())
    }


def _sums(row: ScoredRow, final_windows: bool) -> NDArray[np.float64]:
    """Return messages, characters, nats of content (base, adapter), of name (…), of delta (…)."""
    sums = np.zeros(8)
    for target, base, adapter in zip(row.row.targets, row.base, row.adapter, strict=True):
        if final_windows and target.from_end > FINAL_WINDOWS:
            continue
        sums += [
            1,
            base.characters,
            base.content,
            adapter.content,
            base.name,
            adapter.name,
            base.delta,
            adapter.delta,
        ]
    return sums


def _reduction(sums: NDArray[np.float64]) -> float:
    return float(1 - sums[3] / sums[2]) if sums[2] else 0.0


def _bits(nats: float) -> float:
    return float(nats / math.log(2))
