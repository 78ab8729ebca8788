"""Lengths: are messages as long as the person's own?

The overlap of the two distributions of code points a message, Σ min(p, q) over seven bins, a mean over people by their
messages. 1: the same distribution; noise alone makes it less, which is why the real other half stands beside it.
"""

from __future__ import annotations

import numpy as np

from ventriloquist.evaluate.metric import Found
from ventriloquist.evaluate.records import Subject, World
from ventriloquist.evaluate.statistics import Array, Cluster
from ventriloquist.evaluate.tally import tally

EDGES = (5, 10, 20, 40, 80, 160)  # code points: below 5, below 10 …, 160 and more
BINS = len(EDGES) + 1


def lengths(subject: Subject, world: World) -> Found | None:  # noqa: ARG001  # metrics have one signature
    """Return the overlap; in the detail both distributions of everybody together."""
    people = sorted({message.name for message in subject.messages} & {message.name for message in subject.reference})
    if not people:
        return None
    parts: list[tuple[Cluster, Array]] = []
    for messages, side in ((subject.messages, 0), (subject.reference, 1)):
        for message in messages:
            if message.name in people:
                counts = np.zeros((2, len(people), BINS))
                counts[side, people.index(message.name), np.searchsorted(EDGES, len(message.content), "right")] = 1
                parts.append((message.target.cluster, counts.ravel()))
    sums = tally(parts)

    def overlap(totals: Array) -> Array:
        counts = totals.reshape(*totals.shape[:-1], 2, len(people), BINS)
        messages = counts.sum(axis=-1, keepdims=True)
        shares = counts / np.maximum(messages, 1)
        common = np.minimum(shares[..., 0, :, :], shares[..., 1, :, :]).sum(axis=-1)
        weights = messages[..., 1, :, 0] * (messages[..., 0, :, 0] > 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((common * weights).sum(axis=-1) / weights.sum(axis=-1))

    generated, real = np.asarray(sum(sums.values())).reshape(2, len(people), BINS).sum(axis=1)
    return Found(
        len(subject.messages),
        sums,
        overlap,
        detail={
            "edges": list(EDGES),
            "generated": (generated / generated.sum()).tolist(),
            "real": (real / real.sum()).tolist(),
        },
    )
