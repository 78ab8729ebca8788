"""The outcome of a training run: its figures, or the signal that ended it."""

from __future__ import annotations

from dataclasses import dataclass

from ventriloquist.train.estimate import Estimate


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far the training loop came."""

    steps: int
    trained_tokens: int
    trained_targets: int
    minutes: float
    first_loss: float | None  # nats a token
    last_loss: float | None
    best_step: int | None  # its weights were kept: the best by validation; None without a validation
    bits_per_character: float | None  # of the validation messages, with those weights
    stopped_early: bool  # validation stopped getting better
    failed_at: int | None  # the step since which the loss was not a number


@dataclass(frozen=True, slots=True)
class TrainSummary(Outcome):
    """What a run did."""

    plan: Estimate
    run: str  # the path of its folder


class Interrupted(BaseException):
    """A signal ended the run; it is saved and can be resumed."""

    def __init__(self, signal: int, steps: int) -> None:
        super().__init__(f"Stopped after {steps} steps.")
        self.signal, self.steps = signal, steps
