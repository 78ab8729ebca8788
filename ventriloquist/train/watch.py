"""What happens beside the loop: progress, the log, stopping on request or on the clock, whole checkpoints."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ventriloquist.errors import ModelError
from ventriloquist.records import Progress
from ventriloquist.train.trainer import RowTrainer

MAX_NON_FINITE = 3  # losses in a row that are no number; one alone can be a fluke of bf16
WHOLE = "whole.json"  # written into a checkpoint after everything else: names and sizes of its files


class Watch(TrainerCallback):
    """Follows a run step by step."""

    def __init__(self, trainer: RowTrainer, log: Path, progress: Progress) -> None:
        self.trainer = trainer
        self.stopped_by: int | None = None  # the signal that asked for a stop
        self._log, self._progress, self._non_finite = log, progress, 0

    def on_step_end(
        self, _args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        self._progress(state.global_step, state.max_steps)
        if self.stopped_by is not None:
            control.should_save = control.should_training_stop = True
        elif self.trainer.progress(state.global_step, state.max_steps) >= 1:
            control.should_training_stop = True
        return control

    def on_log(
        self,
        _args: TrainingArguments,
        state: TrainerState,
        _control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        if not logs or "loss" not in logs:
            return
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": state.global_step, **logs}) + "\n")
        self._non_finite = 0 if math.isfinite(logs["loss"]) else self._non_finite + 1
        if self._non_finite == MAX_NON_FINITE:
            raise ModelError(
                f"The loss is not a number since step {state.global_step - MAX_NON_FINITE + 1}.",
                hint="Run again with a lower --learning-rate.",
            )

    def on_save(self, args: TrainingArguments, state: TrainerState, _control: TrainerControl, **_: Any) -> None:
        folder = Path(args.output_dir or "") / f"checkpoint-{state.global_step}"
        sizes = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
        with (folder / WHOLE).open("w", encoding="utf-8") as file:
            json.dump(sizes, file)
            file.flush()
            os.fsync(file.fileno())


def newest_whole_checkpoint(folder: Path) -> Path | None:
    """Return the last checkpoint that was written to its end, or None; transformers would accept half a one."""
    checkpoints = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.removeprefix("checkpoint-")))
    return next((path for path in reversed(checkpoints) if _is_whole(path)), None)


def _is_whole(checkpoint: Path) -> bool:
    try:
        sizes: dict[str, int] = json.loads((checkpoint / WHOLE).read_text(encoding="utf-8"))
        return all((checkpoint / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False


@contextmanager
def stop_on_signals(watch: Watch) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the run after its step, saved; a second one ends it at once."""

    def ask(number: int, _frame: FrameType | None) -> None:
        if watch.stopped_by is not None:
            raise KeyboardInterrupt
        watch.stopped_by = number

    previous = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
