"""Style match: do the messages sound like the person, to a judge that has read neither training nor test messages?

    100 · (LLR(generated) − LLR(others)) / (LLR(real) − LLR(others))

LLR is the judge's log P(this person's) − log P(another person's), averaged over messages. "Others" are real messages of
other people, judged as if they were this person's. Each LLR is averaged over people, weighted by their generated
messages. 100 means as typical as real messages of the same people, 0 as typical as other people's, and more than 100 is
a caricature. Gibberish of typical letters and copies score high, too: the guards are there to find them.

`voice_habits` is the same with another judge, of words, marks and length (see `word_judge`). It knows no
letters, and has learnt that words made up of the person's letters are not the person's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ventriloquist.evaluate.heldout import draw
from ventriloquist.evaluate.inputs import EvalContext, Message, Messages
from ventriloquist.evaluate.metric import Measurement
from ventriloquist.evaluate.resampling import Array
from ventriloquist.evaluate.tally import ratio, split_sides, tally_by_person

Score = Callable[[Sequence[str], Sequence[str]], Array]
"""Returns the LLR of each content for the person of that name, (messages,); NaN for unknown people."""
OTHERS = 500  # messages of other people, judged as each person's


def voice(messages: Messages) -> Measurement | None:
    """Return the style match in points, over the people who have both generated and real messages."""
    judge = messages.context.judge
    return _match(messages, judge.score, judge.messages)


def voice_habits(messages: Messages) -> Measurement | None:
    """Return the style match by words in points, likewise."""
    judge = messages.context.word_judge
    return _match(messages, judge.score, judge.messages)


def _match(messages: Messages, score: Score, judged_on: int) -> Measurement | None:
    """Return how far generated messages are from other people's (0) to real ones (100), to a judge."""
    context = messages.context
    sides = _judged(messages.generated, score), _judged(messages.real, score)
    written, real = ({message.name for message, _ in side} for side in sides)
    people = sorted(real)  # the same for every system, so that systems can be compared
    means = {person: _of_others(person, context, score) for person in written & real}
    others = {person: mean for person, mean in means.items() if np.isfinite(mean)}
    if not others:
        return None
    judged = [[(one, (1, found - others[one.name])) for one, found in side if one.name in others] for side in sides]
    sums = tally_by_person(judged, people, 2)

    def points(totals: Array) -> Array:
        ours, theirs = split_sides(totals, len(people))  # message counts, and sums of scores
        compared = theirs[..., 0] > 0  # people with real messages
        weights = np.where(compared, ours[..., 0], 0)
        above = np.where(compared, ours[..., 1], 0).sum(axis=-1)
        below = (weights * np.where(compared, ratio(theirs[..., 1], theirs[..., 0]), 0)).sum(axis=-1)
        return 100 * ratio(above, below)  # NaN if real messages score no higher than others

    return Measurement(len(judged[0]), sums, points, detail={"judged_on": judged_on})


def _of_others(person: str, context: EvalContext, score: Score) -> float:
    """Return the mean LLR of other people's real messages, judged as a person's."""
    others = draw([message for message in context.real if message.name != person], OTHERS, context.seed)
    return float(score([one.content for one in others], [person] * len(others)).mean()) if others else float("nan")


def _judged(messages: Sequence[Message], score: Score) -> list[tuple[Message, float]]:
    scores = score([message.content for message in messages], [message.name for message in messages])
    return [(message, float(found)) for message, found in zip(messages, scores, strict=True) if np.isfinite(found)]
