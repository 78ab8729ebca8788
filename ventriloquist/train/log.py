"""The run's log: a line of JSON an optimizer step, figures only."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from ventriloquist.fs import write_text


@dataclass(frozen=True, slots=True)
class Step:
    """One optimizer step, as the log, the live view and Weights & Biases have it."""

    step: int
    steps: int  # of the whole run, if nothing ends it sooner
    share: float  # of the run that is done: of its steps, or of its minutes if that is more
    loss: float  # nats a token
    learning_rate: float
    grad_norm: float
    tokens: int  # in the step, context included
    targets: int
    minutes: float  # since the run began
    tokens_per_second: float
    memory_gib: float  # the most this process has taken so far, on the device
    bits_per_character: float | None = None  # of the validation messages, where this step ended with a validation

    @property
    def minutes_left(self) -> float:
        return self.minutes * (1 - self.share) / self.share if self.share else float("inf")


def append(path: Path, step: Step) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{_line(step)}\n")


def read(path: Path, upto: int | None = None) -> list[Step]:
    """Return the steps of a log, at most up to one; a line that a killed run left unfinished is not one."""
    steps = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            step = Step(**json.loads(line))
            known = upto is None or step.step <= upto
        except (ValueError, TypeError):
            continue
        if known:
            steps.append(step)
    return steps


def rewind(path: Path, step: int) -> list[Step]:
    """Cut a log back to the checkpoint from which its run goes on, and return what is left."""
    steps = read(path, step)
    if steps:
        write_text(path, "\n".join(map(_line, steps)))
    else:
        path.unlink(missing_ok=True)
    return steps


def _line(step: Step) -> str:
    return json.dumps(asdict(step))


def peak_memory(device: str) -> float:
    """Return the most memory this process has taken so far, in GiB: of a CUDA device, else of the machine."""
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_reserved() / 2**30
    if sys.platform == "win32":
        return 0.0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if sys.platform == "darwin" else 2**20)
