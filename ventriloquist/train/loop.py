"""The training loop over the rows of a schedule, from its beginning or from a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback

from ventriloquist.errors import ModelError
from ventriloquist.layout import BEST, CHECKPOINTS, LOG
from ventriloquist.model.adapter import load_adapter_weights
from ventriloquist.model.corpus import Corpus
from ventriloquist.model.precision import precision
from ventriloquist.train import log
from ventriloquist.train.callbacks import RunCallback, stop_on_signals
from ventriloquist.train.checkpoints import clear_partial, newest_whole_checkpoint, step_of
from ventriloquist.train.log import Outcome, Step
from ventriloquist.train.loss import Loss
from ventriloquist.train.ranks import broadcast, is_main, main_first
from ventriloquist.train.rows import PackedRow, rows_per_step
from ventriloquist.train.settings import TrainSettings
from ventriloquist.train.tensors import Rows
from ventriloquist.train.trainer import RowTrainer, arguments
from ventriloquist.train.validation import Validation


def run_loop(
    model: Any,
    loss: Loss,
    corpus: Corpus,
    rows: list[PackedRow],
    settings: TrainSettings,
    folder: Path,
    *,
    device: str,
    gradient_checkpointing: bool = False,
    observe: Callable[[Step], None] = lambda _step: None,
) -> tuple[Outcome, int | None]:
    """Train `model` in place; return the outcome, and the signal that ended the run. `folder` is that of the run.

    In the end the model has the weights that did best on the validation messages. If the loss is no longer a number,
    it has the last weights that are known to be good.

    Raises:
        ModelError: the loss is no longer a number, and no weights are known to be good.
    """
    checkpoints = folder / CHECKPOINTS
    with main_first():
        if is_main() and checkpoints.exists():
            clear_partial(checkpoints)
    checkpoint = newest_whole_checkpoint(checkpoints)
    log_file = folder / LOG
    upto = step_of(checkpoint) if checkpoint else 0
    past = broadcast(log.rewind(log_file, upto) if is_main() else [])
    trainer = RowTrainer(
        settings,
        loss,
        minutes_before=past[-1].minutes if past else 0.0,
        model=model,
        args=arguments(settings, checkpoints, device=device, gradient_checkpointing=gradient_checkpointing),
        train_dataset=Rows(corpus, rows, settings, rows_per_step(settings)),
        data_collator=lambda batch: batch[0],
    )
    callback = RunCallback(trainer, rows, Validation(corpus, settings), folder, past, device=device, observe=observe)
    trainer.remove_callback(PrinterCallback)  # stdout is the result
    trainer.add_callback(callback)
    with stop_on_signals(callback):
        if checkpoint and past and past[-1].share >= 1:  # killed between the last step and the manifest
            load_adapter_weights(model, checkpoint)
        else:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    failed = callback.stopped_by is None and callback.non_finite_since is not None
    if failed:
        _restore_good(model, callback, checkpoints, device)
    elif callback.stopped_by is None and callback.best is not None:
        load_adapter_weights(model, folder / f"{BEST}{callback.best.step}")
    return _outcome(callback, rows, log.read(log_file), failed=failed), callback.stopped_by


def _restore_good(model: Any, callback: RunCallback, checkpoints: Path, device: str) -> None:
    """Give the model the weights of the best validation, or else the last ones after which a loss was a number."""
    since = callback.non_finite_since or 0
    whole = newest_whole_checkpoint(checkpoints, before=since - 1)  # the step after it still had a loss
    if callback.best is not None:
        load_adapter_weights(model, callback.folder / f"{BEST}{callback.best.step}")
    elif whole is not None:
        load_adapter_weights(model, whole)
    else:
        raise ModelError(
            f"The loss is not a number since step {_first_lost(callback)}.",
            hint=f"Run again with a lower --learning-rate{or_another_card(device)}.",
        )


def or_another_card(device: str) -> str:
    """Return what else to try, for a hint, if numbers may be too large for the type that a device computes in."""
    if precision(device).compute != torch.float16:
        return ""
    return ", or on a card with bfloat16 (this one computes in float16, in which numbers above 65,504 are infinite)"


def _first_lost(callback: RunCallback) -> int:
    """Return the step since which the loss was not a number."""
    return min(callback.non_finite_since or 0, int(callback.trainer.state.global_step))


def _outcome(callback: RunCallback, rows: list[PackedRow], steps: list[Step], *, failed: bool) -> Outcome:
    done = steps[-1].step if steps else 0
    trained = [piece for row in rows[: done * callback.per_step] for piece in row]
    return Outcome(
        steps=done,
        trained_tokens=sum(piece.tokens for piece in trained),
        trained_targets=sum(piece.targets for piece in trained),
        minutes=round(steps[-1].minutes if steps else 0.0, 2),
        first_loss=steps[0].loss if steps else None,
        last_loss=steps[-1].loss if steps else None,
        best_step=callback.best.step if callback.best else None,
        bits_per_character=callback.best.bits_per_character if callback.best else None,
        stopped_early=callback.stopped_early,
        failed_at=_first_lost(callback) if failed else None,
    )
