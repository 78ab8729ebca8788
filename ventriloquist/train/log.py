"""The figures of a run: of each optimizer step, logged as one line of JSON, and of the whole training loop."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ventriloquist.fs import write_text


@dataclass(frozen=True, slots=True)
class Step:
    """The figures of one optimizer step, for the log, the live view and Weights & Biases."""

    step: int
    steps: int  # of the whole run, unless it ends early
    share: float  # of the run that is done, by steps or by minutes, whichever is more
    loss: float  # nats a token
    learning_rate: float
    grad_norm: float
    tokens: int  # in the step, context included
    targets: int
    minutes: float  # since the run began
    tokens_per_second: float
    memory_gib: float  # the peak so far of this process, on the device
    bits_per_character: float | None = None  # of the validation messages, if this step ended with a validation

    @property
    def minutes_left(self) -> float:
        return self.minutes * (1 - self.share) / self.share if self.share else float("inf")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far the training loop came."""

    steps: int
    trained_tokens: int
    trained_targets: int
    minutes: float
    first_loss: float | None  # nats a token
    last_loss: float | None
    best_step: int | None  # the best by validation, whose weights were kept; None without a validation
    bits_per_character: float | None  # of the validation messages, with those weights
    stopped_early: bool  # validation stopped getting better, and the rest of the run was shortened
    failed_at: int | None  # the step since which the loss was not a number


def append(path: Path, step: Step) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{_line(step)}\n")


def read(path: Path, upto: int | None = None) -> list[Step]:
    """Return the steps of a log, up to step `upto`. A line that a killed run left unfinished is skipped."""
    steps = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        with suppress(ValueError, TypeError):
            step = Step(**json.loads(line))
            if upto is None or step.step <= upto:
                steps.append(step)
    return steps


def rewind(path: Path, step: int) -> list[Step]:
    """Cut a log back to the step of the checkpoint that its run resumes from, and return the steps left."""
    steps = read(path, step)
    if steps:
        write_text(path, "\n".join(map(_line, steps)))
    else:
        path.unlink(missing_ok=True)
    return steps


def _line(step: Step) -> str:
    return json.dumps(asdict(step))


def peak_memory(device: str) -> float:
    """Return the peak memory of this process so far, in GiB: on the CUDA device, else in the machine."""
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_reserved() / 2**30
    if sys.platform == "win32":
        return 0.0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if sys.platform == "darwin" else 2**20)
