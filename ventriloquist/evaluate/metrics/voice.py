"""Style match: do the messages sound like the person, to a judge that has read neither training nor test messages?

    100 · (LLR(generated) − LLR(others)) / (LLR(real) − LLR(others))

LLR is the judge's log P(this person's) − log P(somebody else's), a mean over messages; "others" are real messages of
other people judged as if they were this person's. 100 is as typical as real messages are, 0 as other people's; over
100 is a caricature. Two-sided: gibberish of typical letters and copies score high, the guards are for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ventriloquist.evaluate.heldout import draw
from ventriloquist.evaluate.metric import Found
from ventriloquist.evaluate.records import Message, Subject, World
from ventriloquist.evaluate.statistics import Array, Cluster
from ventriloquist.evaluate.tally import ratio, tally

OTHERS = 500  # messages of other people that are judged as each person's


def voice(subject: Subject, world: World) -> Found | None:
    """Return the style match in points."""
    generated = _judged(subject.messages, world)
    real = _judged(subject.reference, world)
    if not generated or not real:
        return None
    people = Counter(message.name for message, _ in real)
    parts: list[tuple[Cluster, tuple[float, ...]]] = []
    parts += [(message.target.cluster, (1, score, 0, 0, 0, 0)) for message, score in generated]
    parts += [(message.target.cluster, (0, 0, 1, score, 0, 0)) for message, score in real]
    for person, count in people.items():  # as often as the person is among the real ones
        others = draw([message for message in world.real if message.name != person], OTHERS, world.seed)
        scores = world.judge.score([message.content for message in others], [person] * len(others))
        weight = count / max(1, len(others))
        parts += [
            (message.target.cluster, (0, 0, 0, 0, weight, weight * float(score)))
            for message, score in zip(others, scores, strict=True)
        ]
    return Found(len(generated), tally(parts), _points, detail={"judged_on": world.judge.messages})


def _judged(messages: Sequence[Message], world: World) -> list[tuple[Message, float]]:
    scores = world.judge.score([message.content for message in messages], [message.name for message in messages])
    return [(message, float(score)) for message, score in zip(messages, scores, strict=True) if np.isfinite(score)]


def _points(sums: Array) -> Array:
    generated, real, others = (ratio(sums[..., at + 1], sums[..., at]) for at in (0, 2, 4))
    return 100 * ratio(generated - others, real - others)  # NaN where real messages do not stand out
