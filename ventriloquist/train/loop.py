"""Running the loop over the rows of a schedule, resuming where a checkpoint is."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PrinterCallback

from ventriloquist.model.corpus import Corpus
from ventriloquist.records import Progress
from ventriloquist.train.rows import PackedRow
from ventriloquist.train.settings import TrainSettings
from ventriloquist.train.trainer import Rows, RowTrainer, arguments
from ventriloquist.train.watch import Watch, newest_whole_checkpoint, stop_on_signals

LOG = "log.jsonl"
CHECKPOINTS_A_RUN = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far the loop came, and the signal that ended it, if one did."""

    steps: int
    trained_tokens: int
    trained_targets: int
    minutes: float
    first_loss: float | None
    last_loss: float | None
    signal: int | None


def run_loop(
    model: Any,
    corpus: Corpus,
    rows: list[PackedRow],
    settings: TrainSettings,
    folder: Path,
    *,
    device: str,
    progress: Progress,
) -> Outcome:
    """Train `model` in place; the log and the checkpoints go into `folder`."""
    started = time.monotonic()
    steps = -(-len(rows) // settings.rows_per_step)
    trainer = RowTrainer(
        settings,
        model=model,
        args=arguments(settings, folder, device=device, save_steps=max(10, steps // CHECKPOINTS_A_RUN)),
        train_dataset=Rows(corpus, rows),
        data_collator=lambda batch: batch[0],
    )
    watch = Watch(trainer, folder / LOG, progress)
    trainer.remove_callback(PrinterCallback)  # stdout is the result
    trainer.add_callback(watch)
    checkpoint = newest_whole_checkpoint(folder / "checkpoints")
    with stop_on_signals(watch):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    done = trainer.state.global_step
    trained = [piece for row in rows[: done * settings.rows_per_step] for piece in row]
    losses = [json.loads(line)["loss"] for line in (folder / LOG).read_text(encoding="utf-8").splitlines()]
    return Outcome(
        steps=done,
        trained_tokens=sum(piece.tokens for piece in trained),
        trained_targets=sum(piece.targets for piece in trained),
        minutes=round((time.monotonic() - started) / 60, 2),
        first_loss=losses[0] if losses else None,
        last_loss=losses[-1] if losses else None,
        signal=watch.stopped_by,
    )
