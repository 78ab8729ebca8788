"""The learning curve over people: bits about the name, by how many messages of a person the run was trained on.

bits = a + b · log2(messages): b is what twice as many messages go with. A form that levels off,
a · (1 − exp(−messages / b)), has no sure b for as few people as a history has, and no closed interval. Over the one or
two doublings that anybody can still collect, both say about the same.

People differ in more than in how much they wrote, and each figure has noise of its own. So this is a meta-regression
with random effects: each person weighs 1 / (τ² + their squared standard error). The variance τ² between people is
DerSimonian and Laird's (1986), as Thompson and Sharp (1999) extend it to a slope. The interval of b is Knapp and
Hartung's (2003), with t of n − 2 degrees of freedom. A person's own level is shrunk towards the curve by
τ² / (τ² + squared standard error).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ventriloquist.evaluate.metric import Result
from ventriloquist.evaluate.statistics import Z_95, t_95

MIN_PEOPLE = 4  # with three, the t of one degree of freedom makes every interval useless
MIN_TESTED = 20  # messages of a person that were scored
MIN_SPREAD = 1.0  # doublings between the person with the fewest messages and the one with the most
LEAST_ERROR = 0.01  # bits; no person is known better than that

FEW_PEOPLE = f"fewer than {MIN_PEOPLE} people have {MIN_TESTED} scored messages"
ALIKE = "all these people have nearly as many training messages"


@dataclass(frozen=True)
class Learnt:
    """What a run learnt of one person."""

    messages: int  # that the run was trained on
    bits: float  # about the name, from one message
    low: float  # 95 %, for these conversations
    high: float
    n: int  # messages that were scored
    twice: float | None = None  # bits that twice as many messages would bring: their own level, the slope of all

    @property
    def error(self) -> float:
        return max(LEAST_ERROR, (self.high - self.low) / (2 * Z_95))


@dataclass(frozen=True)
class LearningCurve:
    """Messages and bits of each person, and the curve through them. Without a curve `reason` says why."""

    people: Mapping[str, Learnt] = field(default_factory=dict)
    one_message: float | None = None  # bits of the curve at a single message: its constant
    gain: float | None = None  # bits for twice as many messages
    low: float | None = None  # 95 %, over people
    high: float | None = None
    between_people: float | None = None  # standard deviation of people around the curve, without noise; bits
    reason: str | None = None


def learning_curve(measured: Mapping[str, Result], trained: Mapping[str, int], read: float = 1.0) -> LearningCurve:
    """Fit the curve over everybody with enough scored messages.

    Args:
        measured: bits about the name, by person.
        trained: messages in the training split, by person.
        read: the share of the training split that the run has read; less than 1 if the clock stopped it.
    """
    people = {}
    for name, one in sorted(measured.items(), key=lambda item: (-trained.get(item[0], 0), item[0])):
        messages = round(trained.get(name, 0) * read)
        known = one.value is not None and one.low is not None and one.high is not None
        if known and one.n >= MIN_TESTED and messages:
            people[name] = Learnt(messages, one.value, one.low, one.high, one.n)  # type: ignore[arg-type]  # known
    return fit(people)


def fit(people: Mapping[str, Learnt]) -> LearningCurve:
    """Fit the curve, and say for each person what twice as many messages would bring."""
    if len(people) < MIN_PEOPLE:
        return LearningCurve(people, reason=FEW_PEOPLE)
    x = np.log2([one.messages for one in people.values()])
    if float(np.ptp(x)) < MIN_SPREAD:
        return LearningCurve(people, reason=ALIKE)
    y = np.array([one.bits for one in people.values()])
    noise = np.array([one.error for one in people.values()]) ** 2
    design = np.stack([np.ones_like(x), x], axis=1)
    free = len(x) - 2

    def solve(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Return the coefficients, the inverse of X'WX, and the weighted sum of squared residuals."""
        inverse = np.linalg.inv(design.T @ (design * weights[:, None]))
        coefficients = inverse @ design.T @ (weights * y)
        return coefficients, inverse, float((weights * (y - design @ coefficients) ** 2).sum())

    alone = 1 / noise
    _, inverse, squares = solve(alone)
    scale = float(alone.sum() - np.trace(inverse @ design.T @ (design * alone[:, None] ** 2)))
    between = max(0.0, (squares - free) / scale) if scale > 0 else 0.0
    coefficients, inverse, squares = solve(1 / (noise + between))
    # never narrower than the noise of the figures alone allows
    half = t_95(free) * math.sqrt(float(inverse[1, 1]) * max(1.0, squares / free))
    constant, gain = map(float, coefficients)
    level = design @ coefficients + between / (between + noise) * (y - design @ coefficients)
    return LearningCurve(
        people={
            name: replace(one, twice=float(own) + gain) for (name, one), own in zip(people.items(), level, strict=True)
        },
        one_message=constant,
        gain=gain,
        low=gain - half,
        high=gain + half,
        between_people=math.sqrt(between),
    )
