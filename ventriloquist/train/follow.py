"""What is decided after every step of a run, in any training loop: validate, keep the best weights, save, stop."""

from __future__ import annotations

import math
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from ventriloquist.errors import ModelError
from ventriloquist.fs import flush, flush_all
from ventriloquist.layout import BEST, CHECKPOINTS, LOG
from ventriloquist.model.precision import precision
from ventriloquist.train import log
from ventriloquist.train.checkpoints import (
    check_disk,
    checkpoint_bytes,
    checkpoints_in,
    clear_partial,
    newest_whole_checkpoint,
    saving,
    seal,
    step_of,
    weight_bytes,
)
from ventriloquist.train.log import Outcome, Step
from ventriloquist.train.ranks import barrier, broadcast, highest, is_main, main_first, world_size
from ventriloquist.train.rows import PackedRow, rows_per_step
from ventriloquist.train.settings import TrainSettings

ANNEAL = 0.2  # of what is done when validation stops getting better; enough by Hägele et al., 2024, arXiv 2405.18392
MAX_NON_FINITE = 3  # losses in a row that are NaN or infinite; a single one can be a fluke of bf16
LOWER_RATE = "Run again with a lower --learning-rate"


def lower_rate(device: str) -> str:
    """Return what to do about a loss that is not a number; in float16, numbers may also be too large for their type."""
    import torch

    if precision(device).compute != torch.float16:
        return LOWER_RATE
    return (
        f"{LOWER_RATE}, or on a card with bfloat16: this one computes in float16, in which numbers above 65,504 are"
        " infinite"
    )


def learning_rate_factor(done: float, one: float, warmup: float) -> float:
    """Return what the peak learning rate is multiplied by: a linear warm-up, then a cosine to zero.

    All three are shares of the run: what is done, one step, and the warm-up.
    """
    if done < warmup:
        return (done + one) / (warmup + one)  # the first rate is above zero
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


class Clock:
    """How much of a run is done, by its steps or by its minutes."""

    def __init__(self, settings: TrainSettings, minutes_before: float = 0.0) -> None:
        """Start the clock of a run that took `minutes_before` up to the checkpoint that it resumes from."""
        self._settings = settings
        self._started = time.monotonic() - 60 * minutes_before
        self._shared = minutes_before  # the same in all processes, as learning rates must be
        self.annealing_since: float | None = None  # the share of the run at which validation had stopped getting better

    @property
    def is_shortened(self) -> bool:
        """Whether the run ends earlier than planned, because validation stopped getting better."""
        return self.annealing_since is not None and self.annealing_since * (1 + ANNEAL) < 1

    def minutes(self) -> float:
        """Return how long the run has taken, including the time before it was resumed."""
        return self.own_minutes() if world_size() == 1 else self._shared

    def own_minutes(self) -> float:
        """Return the minutes by this process's own clock."""
        return (time.monotonic() - self._started) / 60

    def share_minutes(self, minutes: float) -> None:
        """Set the clock to the minutes that all processes have agreed on."""
        self._shared = minutes

    def done(self, step: int, steps: int) -> float:
        """Return the share of the run that is done, by its steps or by its minutes, whichever is more.

        When validation stops getting better, the rest of the run is shortened to ANNEAL of what is done, if that is
        less. The learning rate then takes the rest of its cosine in fewer steps, and still ends at zero.
        """
        share = step / max(1, steps)
        if self._settings.max_minutes:
            share = max(share, self.minutes() / self._settings.max_minutes)
        since = self.annealing_since
        if since is not None and share > since:
            share = since + (share - since) * max(1.0, (1 - since) / (ANNEAL * since))
        return share

    def rate(self, step: int, steps: int) -> float:
        """Return what the peak learning rate is multiplied by after so many steps, see `learning_rate_factor`."""
        return learning_rate_factor(self.done(step, steps), 1 / max(1, steps), self._settings.warmup)


class Beginning(NamedTuple):
    """Where a training loop begins."""

    checkpoint: Path | None  # which it resumes from
    past: list[Step]  # the steps up to the checkpoint

    @property
    def is_complete(self) -> bool:
        """Whether all steps are done: the run was killed between the last one and the manifest."""
        return self.checkpoint is not None and bool(self.past) and self.past[-1].share >= 1

    @property
    def minutes(self) -> float:
        """The minutes that the run took up to here."""
        return self.past[-1].minutes if self.past else 0.0


def beginning(folder: Path) -> Beginning:
    """Return where the run in a folder begins or goes on; drop what was written after its newest whole checkpoint."""
    checkpoints = folder / CHECKPOINTS
    with main_first():
        if is_main() and checkpoints.exists():
            clear_partial(checkpoints)
    checkpoint = newest_whole_checkpoint(checkpoints)
    upto = step_of(checkpoint) if checkpoint else 0
    return Beginning(checkpoint, broadcast(log.rewind(folder / LOG, upto) if is_main() else []))


class Decision(NamedTuple):
    """What a training loop does after a step."""

    stop: bool
    save: bool


class Follower:
    """Follows a run step by step, alike in all processes that train together.

    A training loop calls `begin_step`, `end_step` and, if that asked for a checkpoint, `saved`.
    """

    def __init__(
        self,
        settings: TrainSettings,
        rows: list[PackedRow],
        folder: Path,
        beginning: Beginning,
        *,
        trainable: int,
        validate: Callable[[], float | None],
        save_weights: Callable[[Path], None],
        peak_memory: Callable[[], float],
        observe: Callable[[Step], None],
        advice: str = LOWER_RATE,
    ) -> None:
        """Follow a run from its beginning or from a checkpoint.

        Args:
            trainable: the number of parameters that are trained.
            validate: returns bits per character, None if nothing is held out.
            save_weights: writes the adapter into a folder; called in every process.
            peak_memory: returns GiB.
            observe: called after every step, in the main process only.
            advice: for a loss that is not a number.
        """
        self.folder, self.clock = folder, Clock(settings, beginning.minutes)
        self.asked: int | None = None  # the signal that this process got
        self.stopped_by: int | None = None  # the signal that all processes stop for, the same in each
        self.non_finite_since: int | None = None  # the first of the latest steps with a loss that is not a number
        self._step = step_of(beginning.checkpoint) if beginning.checkpoint else 0
        self._settings, self._rows, self._trainable = settings, rows, trainable
        self._validate, self._save_weights = validate, save_weights
        self._peak_memory, self._observe, self._advice = peak_memory, observe, advice
        self._per_step = rows_per_step(settings)
        self._validated: list[Step] = []
        for step in beginning.past:
            self._note(step)
        self._due = int((beginning.past[-1].share if beginning.past else 0.0) * settings.validations)
        self._saved_at = beginning.minutes
        self._step_started = time.monotonic()

    @property
    def best(self) -> Step | None:
        """The step with the best validation so far."""
        return _best(self._validated)

    def begin_step(self) -> None:
        self._step_started = time.monotonic()

    def end_step(self, step: int, steps: int, *, loss: float, learning_rate: float, grad_norm: float) -> Decision:
        """Handle a step: log it, validate if that is due, keep the best weights, and decide how to go on.

        Args:
            step: its number, from 1.
            steps: of the whole run.
            loss: nats a token.
        """
        self._step = step
        self._synchronise()
        share = self.clock.done(step, steps)
        self.non_finite_since = None if math.isfinite(loss) else self.non_finite_since or step
        last = share >= 1 or self.stopped_by is not None
        figures = self._figures(steps, share, loss, learning_rate, grad_norm)
        if figures.bits_per_character is not None and not math.isfinite(figures.bits_per_character):
            figures = replace(figures, bits_per_character=None)
            self.non_finite_since = step + 1  # the next loss would not be a number
        if figures.bits_per_character is not None:
            self._note(figures)
            self._keep_best(figures)
        if is_main():
            log.append(self.folder / LOG, figures)
            self._observe(figures)
        save = self.non_finite_since is None and (
            self.stopped_by is not None
            or figures.bits_per_character is not None
            or figures.minutes - self._saved_at >= self._settings.save_minutes
        )
        if save and is_main():
            check_disk(self.folder, checkpoint_bytes(self._trainable), begun=self._saved_at > 0)
        failing = self.non_finite_since is not None and step - self.non_finite_since + 1 >= MAX_NON_FINITE
        return Decision(stop=last or failing, save=save)

    def saved(self, checkpoint: Path) -> None:
        """Flush what resuming needs, seal the checkpoint that every process has written, drop earlier best weights."""
        barrier()
        if is_main():
            flush(self.folder / LOG)
            if self.best is not None:
                flush_all(self.folder / f"{BEST}{self.best.step}")
            seal(checkpoint)
            needed = {f"{BEST}{best.step}" for best in self._bests()}
            for folder in self.folder.glob(f"{BEST}*"):
                if folder.name not in needed:
                    shutil.rmtree(folder)
        self._saved_at = self.clock.minutes()

    def _bests(self) -> Iterator[Step]:
        """Yield the best step so far, and the one as of each checkpoint: the newest may be damaged."""
        steps = [step_of(checkpoint) for checkpoint in checkpoints_in(self.folder / CHECKPOINTS)]
        for end in (self._step, *steps):
            best = _best(step for step in self._validated if step.step <= end)
            if best is not None:
                yield best

    def weights_to_keep(self) -> Path | None:
        """Return the folder with the adapter that the run ends with; None: the one that the model has now.

        It is the best by validation. If the loss is no longer a number, it may be the last one with which it was.

        Raises:
            ModelError: the loss is no longer a number, and no weights are known to be good.
        """
        if self.stopped_by is not None:
            return None
        if self.best is not None:
            return self.folder / f"{BEST}{self.best.step}"
        if self.non_finite_since is None:
            return None
        # the step after it still had a loss
        whole = newest_whole_checkpoint(self.folder / CHECKPOINTS, before=self.non_finite_since - 1)
        if whole is None:
            raise ModelError(
                f"The loss is not a number since step {self._first_lost()}.",
                hint=f"{self._advice}.",
            )
        return whole

    def outcome(self) -> Outcome:
        """Return how far the run came."""
        steps = log.read(self.folder / LOG)
        done = steps[-1].step if steps else 0
        trained = [piece for row in self._rows[: done * self._per_step] for piece in row]
        failed = self.stopped_by is None and self.non_finite_since is not None
        return Outcome(
            steps=done,
            trained_tokens=sum(piece.tokens for piece in trained),
            trained_targets=sum(piece.targets for piece in trained),
            minutes=round(steps[-1].minutes if steps else 0.0, 2),
            first_loss=steps[0].loss if steps else None,
            last_loss=steps[-1].loss if steps else None,
            best_step=self.best.step if self.best else None,
            bits_per_character=self.best.bits_per_character if self.best else None,
            stopped_early=self.clock.is_shortened,
            failed_at=self._first_lost() if failed else None,
        )

    def _first_lost(self) -> int:
        """Return the step since which the loss was not a number."""
        return min(self.non_finite_since or 0, self._step)

    def _synchronise(self) -> None:
        """Give all processes the latest clock and the highest signal of any."""
        asked = self.asked  # a signal that comes from here on counts at the next step
        if world_size() == 1:
            self.stopped_by = asked
            return
        minutes, number = highest(self.clock.own_minutes(), float(asked or 0))
        self.clock.share_minutes(minutes)
        self.stopped_by = int(number) or None

    def _figures(self, steps: int, share: float, loss: float, learning_rate: float, grad_norm: float) -> Step:
        first = (self._step - 1) * self._per_step
        trained = [piece for row in self._rows[first : first + self._per_step] for piece in row]
        tokens = sum(piece.tokens for piece in trained)
        seconds = time.monotonic() - self._step_started
        due, self._due = self._due, int(share * self._settings.validations)
        bits = broadcast(self._validate()) if due < self._due and self.non_finite_since is None else None
        return Step(
            step=self._step,
            steps=steps,
            share=min(1.0, share),
            loss=loss,
            learning_rate=learning_rate,
            grad_norm=grad_norm,
            tokens=tokens,
            targets=sum(piece.targets for piece in trained),
            minutes=self.clock.minutes(),
            tokens_per_second=tokens / max(seconds, 1e-9),
            memory_gib=self._peak_memory(),
            bits_per_character=bits,
        )

    def _note(self, step: Step) -> None:
        """Count a step's validation. When patience is exhausted, the rest of the schedule is shortened."""
        if step.bits_per_character is None:
            return
        self._validated.append(step)
        patience, best = self._settings.patience, self.best
        if best is None or patience is None or self.clock.annealing_since is not None:
            return
        if len(self._validated) - 1 - self._validated.index(best) >= patience:
            self.clock.annealing_since = step.share

    def _keep_best(self, step: Step) -> None:
        if self.best is not step:
            return
        if is_main():
            check_disk(self.folder, weight_bytes(self._trainable), begun=self._saved_at > 0)
        with saving(self.folder):
            self._save_weights(self.folder / f"{BEST}{step.step}")


def _best(validated: Iterable[Step]) -> Step | None:
    return min(validated, key=lambda step: step.bits_per_character or 0.0, default=None)


@contextmanager
def stop_on_signals(follower: Follower) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the run after its step, saved. A second signal of the same kind ends it at once.

    On Ctrl-C every process gets SIGINT from the terminal, then SIGTERM from `torchrun`: that is not a second Ctrl-C.
    """

    def ask(number: int, _frame: FrameType | None) -> None:
        if follower.asked == number:
            raise KeyboardInterrupt
        follower.asked = follower.asked or number

    previous = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
