"""Style match: do the messages sound like the person, to a judge that has read neither training nor test messages?

    100 · (LLR(generated) − LLR(others)) / (LLR(real) − LLR(others))

LLR is the judge's log P(this person's) − log P(somebody else's), a mean over messages; "others" are real messages of
other people judged as if they were this person's. Each is a mean over people, everybody weighing as much as they have
generated messages: 100 is as typical as real messages of the same people are, 0 as other people's; over 100 is a
caricature. Two-sided: gibberish of typical letters and copies score high, the guards are for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ventriloquist.evaluate.heldout import draw
from ventriloquist.evaluate.metric import Found
from ventriloquist.evaluate.records import Message, Subject, World
from ventriloquist.evaluate.statistics import Array, Cluster
from ventriloquist.evaluate.tally import ratio, tally

OTHERS = 500  # messages of other people that are judged as each person's


def voice(subject: Subject, world: World) -> Found | None:
    """Return the style match in points, over the people who have both generated and real messages."""
    sides = _judged(subject.messages, world), _judged(subject.reference, world)
    generated, real = ({message.name for message, _ in side} for side in sides)
    people = sorted(real)  # of every subject the same ones: two of them can be compared
    others = {person: _of_others(person, world) for person in generated & real}
    places = {person: people.index(person) for person, score in others.items() if np.isfinite(score)}
    if not places:
        return None

    def counted() -> Iterator[tuple[Cluster, Array]]:
        for side, judged in enumerate(sides):
            for message, score in judged:
                if message.name in places:
                    sums = np.zeros((2, len(people), 2))
                    sums[side, places[message.name]] = 1, score - others[message.name]
                    yield message.target.cluster, sums.ravel()

    def points(sums: Array) -> Array:
        counts, scores = np.moveaxis(sums.reshape(*sums.shape[:-1], 2, len(people), 2), -1, 0)
        compared = counts[..., 1, :] > 0  # of whom there are real messages
        weights = np.where(compared, counts[..., 0, :], 0)
        above = np.where(compared, scores[..., 0, :], 0).sum(axis=-1)
        below = (weights * np.where(compared, ratio(scores[..., 1, :], counts[..., 1, :]), 0)).sum(axis=-1)
        return 100 * ratio(above, below)  # NaN where real messages do not stand out

    measured = sum(message.name in places for message, _ in sides[0])
    return Found(measured, tally(counted()), points, detail={"judged_on": world.judge.messages})


def _of_others(person: str, world: World) -> float:
    """Return how much other people's real messages sound like a person's, on average."""
    others = draw([message for message in world.real if message.name != person], OTHERS, world.seed)
    scores = world.judge.score([message.content for message in others], [person] * len(others))
    return float(scores.mean()) if len(others) else float("nan")


def _judged(messages: Sequence[Message], world: World) -> list[tuple[Message, float]]:
    scores = world.judge.score([message.content for message in messages], [message.name for message in messages])
    return [(message, float(score)) for message, score in zip(messages, scores, strict=True) if np.isfinite(score)]
