"""Running the loop over the rows of a schedule, going on where a checkpoint is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PrinterCallback

from ventriloquist.errors import ModelError
from ventriloquist.layout import CHECKPOINTS, LOG
from ventriloquist.model.adapter import load_adapter_weights
from ventriloquist.model.corpus import Corpus
from ventriloquist.train import log
from ventriloquist.train.checkpoints import clear_partial, newest_whole_checkpoint, step_of
from ventriloquist.train.log import Step
from ventriloquist.train.loss import Loss
from ventriloquist.train.ranks import agree, is_main, main_first
from ventriloquist.train.rows import PackedRow, rows_per_step
from ventriloquist.train.settings import TrainSettings
from ventriloquist.train.tensors import Rows
from ventriloquist.train.trainer import RowTrainer, arguments
from ventriloquist.train.validation import Validation
from ventriloquist.train.watch import BEST, Watch, stop_on_signals


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far the loop came, and what ended it, if it was not the schedule."""

    steps: int
    trained_tokens: int
    trained_targets: int
    minutes: float
    first_loss: float | None  # nats a token
    last_loss: float | None
    best_step: int | None  # whose weights are kept: the best by validation; None without a validation
    bits_per_character: float | None  # of the validation messages, with those weights
    stopped_early: bool  # validation stopped getting better
    failed_at: int | None  # the first step of the last ones whose loss is no number
    signal: int | None


def run_loop(
    model: Any,
    loss: Loss,
    corpus: Corpus,
    rows: list[PackedRow],
    settings: TrainSettings,
    folder: Path,
    *,
    device: str,
    recompute: bool = False,
    observe: Callable[[Step], None] = lambda _step: None,
) -> Outcome:
    """Train `model` in place; the log and the checkpoints go into `folder`.

    In the end the model has the weights that did best on the validation messages. After losses that are no numbers it
    has the last ones that are known to be good, if there are any.

    Raises:
        ModelError: the last losses are no numbers, and no weights are known to be good.
    """
    checkpoints = folder / CHECKPOINTS
    with main_first():
        if is_main() and checkpoints.exists():
            clear_partial(checkpoints)
    checkpoint = newest_whole_checkpoint(checkpoints)
    log_file = folder / LOG
    upto = step_of(checkpoint) if checkpoint else 0
    past = agree(log.rewind(log_file, upto) if is_main() else [])
    trainer = RowTrainer(
        settings,
        loss,
        minutes_before=past[-1].minutes if past else 0.0,
        model=model,
        args=arguments(settings, checkpoints, device=device, recompute=recompute),
        train_dataset=Rows(corpus, rows, settings, rows_per_step(settings)),
        data_collator=lambda batch: batch[0],
    )
    watch = Watch(trainer, rows, Validation(corpus, settings), folder, past, device=device, observe=observe)
    trainer.remove_callback(PrinterCallback)  # stdout is the result
    trainer.add_callback(watch)
    with stop_on_signals(watch):
        if checkpoint and past and past[-1].share >= 1:  # killed between the last step and the manifest
            load_adapter_weights(model, checkpoint)
        else:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    failed = watch.stopped_by is None and watch.non_finite_since is not None
    if failed:
        _restore_good(model, watch, checkpoints)
    elif watch.stopped_by is None and watch.best is not None:
        load_adapter_weights(model, folder / f"{BEST}{watch.best.step}")
    return _outcome(watch, rows, log.read(log_file), failed=failed)


def _restore_good(model: Any, watch: Watch, checkpoints: Path) -> None:
    """Give the model weights that are known to be good: of the best validation, or after which a loss was a number.

    Raises:
        ModelError: there are none.
    """
    since = watch.non_finite_since or 0
    whole = newest_whole_checkpoint(checkpoints, before=since - 1)  # the step after it still had a loss
    if watch.best is not None:
        load_adapter_weights(model, watch.folder / f"{BEST}{watch.best.step}")
    elif whole is not None:
        load_adapter_weights(model, whole)
    else:
        raise ModelError(
            f"The loss is not a number since step {_first_lost(watch)}.", hint="Run again with a lower --learning-rate."
        )


def _first_lost(watch: Watch) -> int:
    """Return the first step that spoilt the run: the last one where the weights after it are no numbers."""
    return min(watch.non_finite_since or 0, int(watch.trainer.state.global_step))


def _outcome(watch: Watch, rows: list[PackedRow], steps: list[Step], *, failed: bool) -> Outcome:
    done = steps[-1].step if steps else 0
    trained = [piece for row in rows[: done * watch.per_step] for piece in row]
    return Outcome(
        steps=done,
        trained_tokens=sum(piece.tokens for piece in trained),
        trained_targets=sum(piece.targets for piece in trained),
        minutes=round(steps[-1].minutes if steps else 0.0, 2),
        first_loss=steps[0].loss if steps else None,
        last_loss=steps[-1].loss if steps else None,
        best_step=watch.best.step if watch.best else None,
        bits_per_character=watch.best.bits_per_character if watch.best else None,
        stopped_early=watch.stopped_early,
        failed_at=_first_lost(watch) if failed else None,
        signal=watch.stopped_by,
    )
