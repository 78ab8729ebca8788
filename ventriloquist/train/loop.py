"""The training loop over the rows of a schedule, from its beginning or from a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import PrinterCallback

from ventriloquist.layout import CHECKPOINTS
from ventriloquist.model.adapter import load_adapter_weights
from ventriloquist.model.corpus import Corpus
from ventriloquist.train import log
from ventriloquist.train.callbacks import RunCallback
from ventriloquist.train.follow import Follower, beginning, lower_rate, stop_on_signals
from ventriloquist.train.log import Outcome, Step
from ventriloquist.train.loss import Loss, held_out_nats
from ventriloquist.train.rows import PackedRow, rows_per_step
from ventriloquist.train.settings import TrainSettings
from ventriloquist.train.shards import save_adapter
from ventriloquist.train.tensors import Rows, filled, row_tensors
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
    begun = beginning(folder)
    validation = Validation(corpus, settings)

    def nats(row: PackedRow) -> float:
        tensors = row_tensors(corpus, row, split="validation", content_only=True)
        return held_out_nats(trainer.model, loss, filled(tensors, settings), trainer.args.device)

    follower = Follower(
        settings,
        rows,
        folder,
        begun,
        trainable=sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad),
        validate=lambda: validation.bits_per_character(nats),
        save_weights=lambda best: save_adapter(trainer.model, best),
        peak_memory=lambda: log.peak_memory(device),
        observe=observe,
        advice=lower_rate(device),
    )
    trainer = RowTrainer(
        loss,
        follower.clock,
        model=model,
        args=arguments(settings, folder / CHECKPOINTS, device=device, gradient_checkpointing=gradient_checkpointing),
        train_dataset=Rows(corpus, rows, settings, rows_per_step(settings)),
        data_collator=lambda batch: batch[0],
    )
    trainer.remove_callback(PrinterCallback)  # stdout is the result
    trainer.add_callback(RunCallback(trainer.model, follower))
    with stop_on_signals(follower):
        if begun.checkpoint is not None and begun.is_complete:
            load_adapter_weights(model, begun.checkpoint)
        else:
            trainer.train(resume_from_checkpoint=str(begun.checkpoint) if begun.checkpoint else None)
    kept = follower.weights_to_keep()
    if kept is not None:
        load_adapter_weights(model, kept)
    return follower.outcome(), follower.stopped_by
