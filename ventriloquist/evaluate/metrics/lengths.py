"""Lengths: are messages as long as the person's own?

    √ Σₖ (F(k) − G(k))²      Cramér's distance

F and G are the cumulative shares of generated and of real messages below 5, 10 … 160 code points. The squares are
averaged over people, weighted by their messages, and what chance alone adds at these counts is subtracted. So other
real messages of the same people get 0, plus or minus noise. Less is better.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ventriloquist.evaluate.heldout import most_talkative
from ventriloquist.evaluate.inputs import Messages
from ventriloquist.evaluate.metric import Measurement
from ventriloquist.evaluate.statistics import Array, Cluster
from ventriloquist.evaluate.tally import gap, ratio, tally

EDGES = (5, 10, 20, 40, 80, 160)  # code points: below 5, below 10 …, 160 and more
BINS = len(EDGES) + 1


def lengths(messages: Messages) -> Measurement | None:
    """Return the distance; in the detail, both distributions over all people."""
    written = {message.name for message in messages.generated}
    people = most_talkative(message.name for message in messages.real if message.name in written)
    if not people:
        return None
    columns = {person: place for place, person in enumerate(people)}

    def counted() -> Iterator[tuple[Cluster, Array]]:
        for side, group in enumerate((messages.generated, messages.real)):
            for message in group:
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
    return Measurement(
        len(messages.generated),
        sums,
        distance,
        is_square=True,
        detail={
            "edges": list(EDGES),
            "generated": (generated / generated.sum()).tolist(),
            "real": (real / real.sum()).tolist(),
        },
    )
