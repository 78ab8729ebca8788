"""The callback of the training loop: it logs, validates, and decides when to save and when to stop."""

from __future__ import annotations

import math
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ventriloquist.fs import flush, flush_all
from ventriloquist.layout import BEST, LOG
from ventriloquist.train import log
from ventriloquist.train.checkpoints import check_disk, checkpoint_bytes, saving, seal, weight_bytes
from ventriloquist.train.log import Step
from ventriloquist.train.ranks import all_reduce, barrier, broadcast, is_main, is_sharded, world_size
from ventriloquist.train.rows import PackedRow, rows_per_step
from ventriloquist.train.shards import local, save_adapter
from ventriloquist.train.trainer import ANNEAL, RowTrainer
from ventriloquist.train.validation import Validation

MAX_NON_FINITE = 3  # losses in a row that are NaN or infinite; a single one can be a fluke of bf16


class RunCallback(TrainerCallback):
    """Follows a run step by step, alike in all processes that train together.

    `past` are the steps up to the checkpoint that the run resumes from. `observe` is called in the main process only.
    """

    def __init__(
        self,
        trainer: RowTrainer,
        rows: list[PackedRow],
        validation: Validation,
        folder: Path,
        past: list[Step],
        *,
        device: str,
        observe: Callable[[Step], None],
    ) -> None:
        self.trainer, self.folder = trainer, folder
        self.settings = trainer.settings
        self.asked: int | None = None  # the signal that this process got
        self.stopped_by: int | None = None  # the signal that all processes stop for, the same in each
        self.non_finite_since: int | None = None  # the first of the latest steps with a loss that is not a number
        self.per_step = rows_per_step(self.settings)
        self._rows, self._validation, self._device, self._observe = rows, validation, device, observe
        self._validated: list[Step] = []
        for step in past:
            self._note(step)
        self._due = int((past[-1].share if past else 0.0) * self.settings.validations)
        self._saved_at = past[-1].minutes if past else 0.0
        self._step_started = time.monotonic()
        self._trainable = sum(p.numel() for p in trainer.model.parameters() if p.requires_grad)

    @property
    def best(self) -> Step | None:
        """The step with the best validation so far."""
        return min(self._validated, key=lambda step: step.bits_per_character or 0.0, default=None)

    @property
    def stopped_early(self) -> bool:
        """Whether the run is shortened, because validation stopped getting better."""
        since = self.trainer.annealing_since
        return since is not None and since * (1 + ANNEAL) < 1

    @property
    def failing(self) -> bool:
        """Whether the loss has not been a number for so many steps that the run must end."""
        since = self.non_finite_since
        return since is not None and self.trainer.state.global_step - since + 1 >= MAX_NON_FINITE

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._step_started = time.monotonic()

    def on_pre_optimizer_step(self, *_: Any, **__: Any) -> None:
        """Drop a gradient that is not finite: a step along it would spoil all weights."""
        parameters = [parameter for parameter in self.trainer.model.parameters() if parameter.grad is not None]
        finite = all(bool(torch.isfinite(local(parameter.grad)).all()) for parameter in parameters)
        if not (all_reduce(finite) if is_sharded() else finite):  # without shards every process has the same gradients
            for parameter in parameters:
                parameter.grad = None

    def on_log(
        self,
        _args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Handle one step. transformers calls this after every step, before it saves."""
        if not logs or "loss" not in logs:
            return
        self._synchronise()
        share = self.trainer.progress(state.global_step, state.max_steps)
        is_finite = math.isfinite(logs["loss"])
        self.non_finite_since = None if is_finite else self.non_finite_since or state.global_step
        last = share >= 1 or self.stopped_by is not None
        step = self._step(state, logs, share)
        if step.bits_per_character is not None and not math.isfinite(step.bits_per_character):
            step = replace(step, bits_per_character=None)
            self.non_finite_since = state.global_step + 1  # the next loss would not be a number
        if step.bits_per_character is not None:
            self._note(step)
            self._keep_best(step)
        if is_main():
            log.append(self.folder / LOG, step)
            self._observe(step)
        control.should_training_stop = last or self.failing
        control.should_save = self.non_finite_since is None and (
            self.stopped_by is not None
            or step.bits_per_character is not None
            or step.minutes - self._saved_at >= self.settings.save_minutes
        )
        if control.should_save and is_main():
            check_disk(self.folder, checkpoint_bytes(self._trainable), begun=self._saved_at > 0)

    def on_save(self, args: TrainingArguments, state: TrainerState, _control: TrainerControl, **_: Any) -> None:
        """Flush what resuming needs, seal the checkpoint that every process has written, drop earlier best weights."""
        barrier()
        if is_main():
            flush(self.folder / LOG)
            if self.best is not None:
                flush_all(self.folder / f"{BEST}{self.best.step}")
            seal(Path(args.output_dir or "") / f"checkpoint-{state.global_step}")
            for folder in self.folder.glob(f"{BEST}*"):
                if self.best is None or folder.name != f"{BEST}{self.best.step}":
                    shutil.rmtree(folder)
        self._saved_at = self.trainer.minutes()

    def _synchronise(self) -> None:
        """Give all processes the latest clock and the highest signal of any."""
        asked = self.asked  # a signal that comes from here on counts at the next step
        if world_size() == 1:
            self.stopped_by = asked
            return
        own = (time.monotonic() - self.trainer.started) / 60
        accelerator = self.trainer.accelerator
        values = torch.tensor([[own, float(asked or 0)]], device=accelerator.device, dtype=torch.float32)
        minutes, number = accelerator.gather(values).amax(0).tolist()
        self.trainer.shared_minutes = minutes
        self.stopped_by = int(number) or None

    def _step(self, state: TrainerState, logs: dict[str, Any], share: float) -> Step:
        first = (state.global_step - 1) * self.per_step
        trained = [piece for row in self._rows[first : first + self.per_step] for piece in row]
        tokens = sum(piece.tokens for piece in trained)
        seconds = time.monotonic() - self._step_started
        due, self._due = self._due, int(share * self.settings.validations)
        bits = None
        if due < self._due and self.non_finite_since is None:
            model, loss, device = self.trainer.model, self.trainer.loss, self.trainer.args.device
            bits = broadcast(self._validation.bits_per_character(model, loss, device))
        return Step(
            step=state.global_step,
            steps=state.max_steps,
            share=min(1.0, share),
            loss=logs["loss"],
            learning_rate=logs.get("learning_rate", 0.0),
            grad_norm=logs.get("grad_norm", 0.0),
            tokens=tokens,
            targets=sum(piece.targets for piece in trained),
            minutes=self.trainer.minutes(),
            tokens_per_second=tokens / max(seconds, 1e-9),
            memory_gib=log.peak_memory(self._device),
            bits_per_character=bits,
        )

    def _note(self, step: Step) -> None:
        """Count a step's validation. When patience is exhausted, the rest of the schedule is shortened."""
        if step.bits_per_character is None:
            return
        self._validated.append(step)
        patience, best = self.settings.patience, self.best
        if best is None or patience is None or self.trainer.annealing_since is not None:
            return
        if len(self._validated) - 1 - self._validated.index(best) >= patience:
            self.trainer.annealing_since = step.share

    def _keep_best(self, step: Step) -> None:
        if self.best is not step:
            return
        if is_main():
            check_disk(self.folder, weight_bytes(self._trainable), begun=self._saved_at > 0)
        with saving(self.folder):
            save_adapter(self.trainer.model, self.folder / f"{BEST}{step.step}")


@contextmanager
def stop_on_signals(callback: RunCallback) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the run after its step, saved. A second signal of the same kind ends it at once.

    On Ctrl-C every process gets SIGINT from the terminal, then SIGTERM from `torchrun`: that is not a second Ctrl-C.
    """

    def ask(number: int, _frame: FrameType | None) -> None:
        if callback.asked == number:
            raise KeyboardInterrupt
        callback.asked = callback.asked or number

    previous = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
