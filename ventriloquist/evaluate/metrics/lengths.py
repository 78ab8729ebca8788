"""Lengths: are messages as long as the person's own?

    √ Σₖ (F(k) − G(k))²      Cramér's distance

F and G are the cumulative shares of generated and of real messages below 5, 10 … 160 code points. The squares are
averaged over people, weighted by their messages, and what chance alone adds at these counts is subtracted. So other
real messages of the same people get 0, plus or minus noise. Less is better.
"""

from __future__ import annotations

import numpy as np

from ventriloquist.evaluate.heldout import most_talkative
from ventriloquist.evaluate.inputs import Message, Messages
from ventriloquist.evaluate.metric import Measurement
from ventriloquist.evaluate.resampling import Array
from ventriloquist.evaluate.tally import gap, ratio, split_sides, tally_by_person

EDGES = (5, 10, 20, 40, 80, 160)  # code points: below 5, below 10 …, 160 and more
BINS = len(EDGES) + 1


def lengths(messages: Messages) -> Measurement | None:
    """Return the distance; in the detail, both distributions over all people."""
    written = {message.name for message in messages.generated}
    people = most_talkative(message.name for message in messages.real if message.name in written)
    if not people:
        return None
    sides = (((one, _bin(one)) for one in group) for group in (messages.generated, messages.real))
    sums = tally_by_person(sides, people, BINS)

    def distance(totals: Array) -> Array:
        generated, real = (side.cumsum(axis=-1) for side in split_sides(totals, len(people)))
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


def _bin(message: Message) -> Array:
    """Return 1 for the bin of a message's length, and 0 for the others, (BINS,)."""
    return np.asarray(np.eye(BINS)[np.searchsorted(EDGES, len(message.content), "right")])
