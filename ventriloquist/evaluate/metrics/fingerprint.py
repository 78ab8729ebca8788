"""Fingerprint: how far are small habits of writing from the person's own?

For each person and habit: the share of generated messages that show the habit, minus the share of real messages that
do, in standard deviations of the habit. The figure is the root of the mean square of these, after subtracting what
chance alone adds at these counts. So other real messages of the same people get 0, plus or minus noise. Less is better.
Habits that nearly all or hardly any of a person's messages show are left out. The detail has every habit of every
person as a log-odds ratio, with the band that real messages would lie in (Haldane, 1956).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ventriloquist.evaluate.habits import HABITS, habits
from ventriloquist.evaluate.heldout import most_talkative
from ventriloquist.evaluate.inputs import Message, Messages
from ventriloquist.evaluate.metric import Measurement
from ventriloquist.evaluate.resampling import Array
from ventriloquist.evaluate.statistics import Z_95
from ventriloquist.evaluate.tally import gap, ratio, split_sides, tally_by_person

MINIMUM = 10  # messages of a person, generated and real each
SHOWN = 5  # a person's messages that show a habit, at least, and that do not


def fingerprint(messages: Messages) -> Measurement | None:
    """Return the deviation; in the detail, for each person and habit, both shares, the log-odds ratio and its band."""
    people = [
        person
        for person in most_talkative(message.name for message in messages.real)
        if min(_count(messages.generated, person), _count(messages.real, person)) >= MINIMUM
    ]
    if not people:
        return None
    # of each message: 1, and then 1 for each habit that it shows
    sides = (((one, [1, *habits(one.content)]) for one in group) for group in (messages.generated, messages.real))
    sums = tally_by_person(sides, people, 1 + len(HABITS))

    def figure(totals: Array) -> Array:
        generated, real = split_sides(totals, len(people))
        both = generated + real
        variance = (both[..., 1:] + 0.5) * (both[..., :1] - both[..., 1:] + 0.5) / (both[..., :1] + 1) ** 2
        off = gap(generated[..., 1:], generated[..., :1], real[..., 1:], real[..., :1]) / variance
        weights = _telling(both) * both[..., :1]
        return ratio((weights * off).sum(axis=(-2, -1)), weights.sum(axis=(-2, -1)))

    total = np.asarray(sum(sums.values()))
    odds, variance = _log_odds(total, len(people))
    counts = split_sides(total, len(people))
    return Measurement(
        sum(_count(messages.generated, person) for person in people),
        sums,
        figure,
        is_square=True,
        detail={
            person: [
                {
                    "habit": habit,
                    "generated": float(counts[0][row, column + 1] / counts[0][row, 0]),
                    "real": float(counts[1][row, column + 1] / counts[1][row, 0]),
                    "log_odds": float(odds[row, column]),
                    "band": float(Z_95 * np.sqrt(variance[row, column])),
                }
                for column, habit in enumerate(HABITS)
            ]
            for row, person in enumerate(people)
        },
    )


def _log_odds(totals: Array, people: int) -> tuple[Array, Array]:
    """Return log-odds ratios and their variances (Haldane, 1956), each (people, habits)."""
    odds, variance = [], []
    for counts in split_sides(totals, people):
        with_, without = counts[..., 1:] + 0.5, counts[..., :1] - counts[..., 1:] + 0.5
        odds.append(np.log(with_ / without))
        variance.append(1 / with_ + 1 / without)
    return odds[0] - odds[1], variance[0] + variance[1]


def _telling(both: Array) -> Array:
    """Return 1 for each habit that SHOWN of a person's messages show and as many do not, else 0."""
    having, not_having = both[..., 1:], both[..., :1] - both[..., 1:]
    return np.asarray((having >= SHOWN) & (not_having >= SHOWN), dtype=np.float64)


def _count(messages: Sequence[Message], person: str) -> int:
    return sum(message.name == person for message in messages)
