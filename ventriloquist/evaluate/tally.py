"""Sums by cluster, and the statistics of them that several metrics share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ventriloquist.evaluate.inputs import Candidates, Message
from ventriloquist.evaluate.metric import Measurement
from ventriloquist.evaluate.resampling import Array, Cluster, Sums
from ventriloquist.evaluate.statistics import excess_interval

Cell = tuple[str, bool]
"""A person, and whether a place is final: places for writing are drawn by both."""


def tally(items: Iterable[tuple[Cluster, Sequence[float] | Array]]) -> Sums:
    """Add up the vectors of each cluster."""
    sums: dict[Cluster, Array] = {}
    for cluster, values in items:
        vector = np.asarray(values, dtype=np.float64)
        sums[cluster] = sums[cluster] + vector if cluster in sums else vector
    return sums


def tally_by_person(
    sides: Iterable[Iterable[tuple[Message, Sequence[float] | Array]]], people: Sequence[str], width: int
) -> Sums:
    """Add up the values of these people's messages by side and person: `split_sides` reads the sums.

    Real messages are weighted, so that as large a share of each person's is final as of their generated ones.

    Args:
        sides: generated messages and then real ones, each with its values.
        width: the number of values.
    """
    places = {person: place for place, person in enumerate(people)}
    generated, real = (list(side) for side in sides)
    weights = _weights([one for one, _ in generated], [one for one, _ in real])

    def placed() -> Iterator[tuple[Cluster, Array]]:
        for side, messages in enumerate((generated, real)):
            for message, values in messages:
                if message.name in places:
                    sums = np.zeros((2, len(people), width))
                    weight = weights.get(cell(message), 0.0) if side else 1.0
                    sums[side, places[message.name]] = weight * np.asarray(values, dtype=np.float64)
                    yield message.target.cluster, sums.ravel()

    return tally(placed())


def cell(message: Message) -> Cell:
    """Return the cell of a message."""
    return message.name, message.target.is_final


def by_cell(messages: Iterable[Message]) -> dict[Cell, list[Message]]:
    """Group messages by cell, in their order."""
    found: dict[Cell, list[Message]] = {}
    for message in messages:
        found.setdefault(cell(message), []).append(message)
    return found


def _weights(generated: Sequence[Message], real: Sequence[Message]) -> dict[Cell, float]:
    """Return a weight for the real messages of each cell: poststratification.

    A person's weights add up to the effective number of messages, (Σw)² / Σw² (Kish, 1965). So sums of weighted
    messages can be read as counts. A person whose generated and real messages have no cell in common has equal weights.
    """
    wanted, known = Counter(map(cell, generated)), Counter(map(cell, real))
    found: dict[Cell, float] = {}
    for person in {name for name, _ in known}:
        own = [one for one in ((person, False), (person, True)) if known[one]]
        both = [one for one in own if wanted[one]]
        if not both:
            found |= dict.fromkeys(own, 1.0)
            continue
        raw = {one: wanted[one] / known[one] for one in both}
        total = sum(raw[one] * known[one] for one in both)
        squares = sum(raw[one] ** 2 * known[one] for one in both)
        found |= {one: raw[one] * total / squares for one in both}
    return found


def split_sides(totals: Array, people: int) -> tuple[Array, Array]:
    """Split the sums of `tally_by_person` into generated and real ones, each (…, people, values)."""
    sums = totals.reshape(*totals.shape[:-1], 2, people, -1)
    return sums[..., 0, :, :], sums[..., 1, :, :]


def ratio(above: Array, below: Array) -> Array:
    """Divide; NaN if the divisor is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.nan)


def share(sums: Array) -> Array:
    """Return successes over trials."""
    return ratio(sums[..., 0], sums[..., 1])


def saved(sums: Array) -> Array:
    """Return 1 − first / second: the share that the first saves."""
    return 1 - ratio(sums[..., 0], sums[..., 1])


def gap(successes: Array, trials: Array, others: Array, other_trials: Array) -> Array:
    """Return the squared difference of two shares, 0 if one has no trials."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((trials > 0) & (other_trials > 0), (successes / trials - others / other_trials) ** 2, 0.0)


def excess(sums: Array) -> Array:
    """Return one share minus another, of (successes, trials, other successes, other trials)."""
    return ratio(sums[..., 0], sums[..., 1]) - ratio(sums[..., 2], sums[..., 3])


def beside(generated: Sequence[Message], real: Sequence[Message]) -> list[Message]:
    """Return the real messages in the places of generated ones; if there are none, at most as many of each cell.

    Places are not drawn evenly: a half may be final, and those who write most have as many as those who write less.
    """
    places = {message.target.id for message in generated}
    here = [message for message in real if message.target.id in places]
    if here:
        return here
    kept: list[Message] = []
    known = by_cell(real)
    for one, messages in by_cell(generated).items():
        own, wanted = known.get(one, []), len(messages)
        kept += own[:: max(1, len(own) // wanted)][:wanted]
    return kept


def measure_excess(
    generated: Sequence[Message],
    real: Sequence[Message],
    shows: Callable[[Message], bool],
    detail: Mapping[str, Any] | None = None,
) -> Measurement:
    """Measure the share of generated messages that show something, minus the share of real ones that do.

    Args:
        real: `beside` gives those in the same places.
    """
    items: list[tuple[Cluster, Sequence[float]]] = [(one.target.cluster, (shows(one), 1, 0, 0)) for one in generated]
    items += [(one.target.cluster, (0, 0, shows(one), 1)) for one in real]
    return Measurement(len(generated), tally(items), excess, exact=excess_interval, detail=detail or {})


def rank_sums(items: Sequence[Candidates]) -> Sums:
    """Return sums of (times the true candidate is first, trials, reciprocal ranks). Ties count as chance would."""
    return tally((item.target.cluster, (*_expected(item.costs, item.true),)) for item in items)


def mean_reciprocal_rank(sums: Sums) -> float:
    _, trials, reciprocal = sum(sums.values())  # type: ignore[misc]  # a sum of arrays
    return float(reciprocal / trials)


def _expected(costs: Sequence[float], true: int) -> tuple[float, float, float]:
    better = sum(cost < costs[true] for cost in costs)
    equal = sum(cost == costs[true] for cost in costs)
    reciprocal = sum(1 / rank for rank in range(better + 1, better + equal + 1)) / equal
    return (1 / equal if better == 0 else 0.0), 1.0, reciprocal
