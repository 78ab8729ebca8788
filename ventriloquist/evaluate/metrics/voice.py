"""Style match: do the messages sound like the person, to a judge that has read neither training nor test messages?

    100 · (LLR(generated) − LLR(others)) / (LLR(real) − LLR(others))

LLR is the judge's log P(this person's) − log P(another person's), averaged over messages. "Others" are real messages of
other people, judged as if they were this person's. Each LLR is averaged over people, weighted by their generated
messages. 100 means as typical as real messages of the same people, 0 as typical as other people's, and more than 100 is
a caricature. Gibberish of typical letters and copies score high, too: the guards are there to find them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ventriloquist.evaluate.heldout import draw
from ventriloquist.evaluate.inputs import EvalContext, Message, Messages
from ventriloquist.evaluate.metric import Measurement
from ventriloquist.evaluate.resampling import Array
from ventriloquist.evaluate.tally import ratio, split_sides, tally_by_person

OTHERS = 500  # messages of other people, judged as each person's


def voice(messages: Messages) -> Measurement | None:
    """Return the style match in points, over the people who have both generated and real messages."""
    context = messages.context
    sides = _judged(messages.generated, context), _judged(messages.real, context)
    written, real = ({message.name for message, _ in side} for side in sides)
    people = sorted(real)  # the same for every system, so that systems can be compared
    means = {person: _of_others(person, context) for person in written & real}
    others = {person: mean for person, mean in means.items() if np.isfinite(mean)}
    if not others:
        return None
    judged = [[(one, (1, score - others[one.name])) for one, score in side if one.name in others] for side in sides]
    sums = tally_by_person(judged, people, 2)

    def points(totals: Array) -> Array:
        ours, theirs = split_sides(totals, len(people))  # message counts, and sums of scores
        compared = theirs[..., 0] > 0  # people with real messages
        weights = np.where(compared, ours[..., 0], 0)
        above = np.where(compared, ours[..., 1], 0).sum(axis=-1)
        below = (weights * np.where(compared, ratio(theirs[..., 1], theirs[..., 0]), 0)).sum(axis=-1)
        return 100 * ratio(above, below)  # NaN if real messages score no higher than others

    return Measurement(len(judged[0]), sums, points, detail={"judged_on": context.judge.messages})


def _of_others(person: str, context: EvalContext) -> float:
    """Return the mean LLR of other people's real messages, judged as a person's."""
    others = draw([message for message in context.real if message.name != person], OTHERS, context.seed)
    scores = context.judge.score([message.content for message in others], [person] * len(others))
    return float(scores.mean()) if len(others) else float("nan")


def _judged(messages: Sequence[Message], context: EvalContext) -> list[tuple[Message, float]]:
    scores = context.judge.score([message.content for message in messages], [message.name for message in messages])
    return [(message, float(score)) for message, score in zip(messages, scores, strict=True) if np.isfinite(score)]
