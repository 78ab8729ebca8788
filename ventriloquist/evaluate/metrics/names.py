"""Name information: how many bits do the words of a message tell a model about who wrote it?

log2 P(message | true name) − log2 of the mean of P(message | name) over the candidates' names, all equally likely
beforehand. The mean over messages is a lower bound of the mutual information of name and message, in the form of
InfoNCE (van den Oord et al., 2018). 0: the name tells nothing. At most log2 of the number of candidates. Negative: the
model is sure of wrong names. It needs the same scores as ID@1 and loses less of them: ID@1 asks only which name is
first, not by how much.

Beside it stand the bits a character that the true name saves over other names in the same place: over the mean of the
others, and over the best of them. The second is negative where the best of many others beats the true name by chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ventriloquist.evaluate.inputs import Candidates, NamesAlone, NamesInContext
from ventriloquist.evaluate.metric import Measurement
from ventriloquist.evaluate.resampling import Array
from ventriloquist.evaluate.tally import share, tally

NATS_A_BIT = math.log(2)


def name_information(names: NamesAlone) -> Measurement:
    """Return the mean bits a message; in the detail their spread, and what the true name saves over others."""
    return _informed(names.items)


def name_information_in_context(names: NamesInContext) -> Measurement:
    """Return the same as `name_information`, for messages in their context."""
    return _informed(names.items)


def bits_about_the_name(costs: Sequence[float] | Array, true: int) -> float:
    """Return how many bits a message tells about its writer.

    Args:
        costs: nats of the message under each name, (names,).
    """
    logs = -np.asarray(costs, dtype=np.float64)
    return float(logs[true] - np.logaddexp.reduce(logs) + math.log(len(logs))) / NATS_A_BIT


def _informed(items: Sequence[Candidates]) -> Measurement:
    bits = [bits_about_the_name(item.costs, item.true) for item in items]
    return Measurement(
        len(items),
        tally((item.target.cluster, (of_message, 1)) for item, of_message in zip(items, bits, strict=True)),
        share,
        detail={
            "most_possible": max(math.log2(len(item.costs)) for item in items),
            "median": float(np.median(bits)),
            "lowest": min(bits),  # one message that a model is sure of and wrong about can weigh as much as many
            "above_zero": sum(one > 0 for one in bits) / len(bits),  # share of messages
            "saved_per_character": _saved(items),
        },
    )


def _saved(items: Sequence[Candidates]) -> dict[str, float]:
    """Return the bits a character that the true name saves over the other candidates."""
    characters = sum(len(item.target.line.content) for item in items) * NATS_A_BIT
    gains = []
    for item in items:
        others = [cost for place, cost in enumerate(item.costs) if place != item.true]
        gains.append((sum(others) / len(others) - item.costs[item.true], min(others) - item.costs[item.true]))
    mean, best = (sum(gain) / max(NATS_A_BIT, characters) for gain in zip(*gains, strict=True))
    return {"over_the_mean_of_the_others": mean, "over_the_best_other": best}
