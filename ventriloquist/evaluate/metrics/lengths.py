"""Lengths: are messages as long as the person's own?

The root of Σₖ (F(k) − G(k))², F and G the cumulative shares of generated and of real messages below 5, 10 … 160 code
points (Cramér's distance), a mean over people by their messages, less what chance makes of it at these counts. 0, but
for noise, for other real messages of the same people. Less is better.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ventriloquist.evaluate.heldout import most_talkative
from ventriloquist.evaluate.metric import Found
from ventriloquist.evaluate.records import Subject, World
from ventriloquist.evaluate.statistics import Array, Cluster
from ventriloquist.evaluate.tally import gap, ratio, tally

EDGES = (5, 10, 20, 40, 80, 160)  # code points: below 5, below 10 …, 160 and more
BINS = len(EDGES) + 1


def lengths(subject: Subject, world: World) -> Found | None:  # noqa: ARG001  # metrics have one signature
    """Return the distance; in the detail both distributions of everybody together."""
    written = {message.name for message in subject.messages}
    people = most_talkative(message.name for message in subject.reference if message.name in written)
    if not people:
        return None
    columns = {person: place for place, person in enumerate(people)}

    def counted() -> Iterator[tuple[Cluster, Array]]:
        for messages, side in ((subject.messages, 0), (subject.reference, 1)):
            for message in messages:
                if message.name in columns:
                    counts = np.zeros((2, len(people), BINS))
                    counts[side, columns[message.name], np.searchsorted(EDGES, len(message.content), "right")] = 1
                    yield message.target.cluster, counts.ravel()

    sums = tally(counted())

    def distance(totals: Array) -> Array:
        below = totals.reshape(*totals.shape[:-1], 2, len(people), BINS).cumsum(axis=-1)
        generated, real = below[..., 0, :, :], below[..., 1, :, :]
        apart = gap(generated[..., :-1], generated[..., -1:], real[..., :-1], real[..., -1:]).sum(axis=-1)
        weights = generated[..., -1] + real[..., -1]
        return ratio((weights * apart).sum(axis=-1), weights.sum(axis=-1))

    generated, real = np.sum(list(sums.values()), axis=0).reshape(2, len(people), BINS).sum(axis=1)
    return Found(
        len(subject.messages),
        sums,
        distance,
        is_square=True,
        detail={
            "edges": list(EDGES),
            "generated": (generated / generated.sum()).tolist(),
            "real": (real / real.sum()).tolist(),
        },
    )
