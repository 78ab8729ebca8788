"""The training loop: transformers' Trainer fed with finished rows.

Trainer and not TRL's SFTTrainer: a row here is finished (packed, labelled, positions restarting), the head runs only
where a target is, and SFTTrainer 1.15 replaces exactly that part, its loss, by a kernel that needs triton.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from transformers import Trainer, TrainingArguments

from ventriloquist.model.corpus import Corpus
from ventriloquist.train.rows import PackedRow
from ventriloquist.train.settings import TrainSettings

IGNORED = -100  # a label that carries no loss


class Rows(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """Rows as tensors: input_ids, labels and position_ids, each (1, length)."""

    def __init__(self, corpus: Corpus, rows: list[PackedRow]) -> None:
        self.corpus, self.rows = corpus, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return row_tensors(self.corpus, self.rows[index])


def row_tensors(corpus: Corpus, pieces: PackedRow) -> dict[str, torch.Tensor]:
    """Assemble a packed row. Labels are the tokens of the targets; positions restart with each piece."""
    ids, labels, positions = [], [], []
    for piece in pieces:
        row = corpus.row(piece.conversation, piece.block, "train")
        tokens = row.tokens.astype(np.int64)
        label = np.full_like(tokens, IGNORED)
        for _, first, end in row.targets:
            label[first:end] = tokens[first:end]
        ids.append(tokens)
        labels.append(label)
        positions.append(np.arange(len(tokens)))
    return {
        "input_ids": torch.from_numpy(np.concatenate(ids))[None],
        "labels": torch.from_numpy(np.concatenate(labels))[None],
        "position_ids": torch.from_numpy(np.concatenate(positions))[None],
    }


def target_loss(model: Any, row: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the summed cross-entropy of a row's labelled tokens, in nats; the head runs only where it is needed."""
    labels = row["labels"][0]
    labelled = (labels != IGNORED).nonzero()[:, 0]
    logits = model(
        input_ids=row["input_ids"],
        position_ids=row["position_ids"],
        logits_to_keep=labelled - 1,  # the logits before a token predict it
        use_cache=False,
    ).logits[0]
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return functional.cross_entropy(logits, labels[labelled], reduction="sum")


class RowTrainer(Trainer):
    """Trainer over finished rows: loss at the targets, a learning rate that can follow the clock."""

    def __init__(self, settings: TrainSettings, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.settings = settings
        self.model_accepts_loss_kwargs = True  # the loss is normalised by the targets of the whole step, not again
        self.started = time.monotonic()

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        loss = target_loss(model, inputs)
        count = num_items_in_batch if num_items_in_batch is not None else (inputs["labels"] != IGNORED).sum()
        loss = loss / count
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes  # gradients are averaged over processes
        return (loss, {}) if return_outputs else loss

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        factor = self._learning_rate_factor(num_training_steps)
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer or self.optimizer, factor)
        return self.lr_scheduler

    def _learning_rate_factor(self, steps: int) -> Callable[[int], float]:
        """Linear warm-up, then a cosine to zero, over the steps or the minutes, whichever end first."""

        def factor(step: int) -> float:
            done = self.progress(step, steps)
            if step < self.settings.warmup * steps:
                return (step + 1) / (self.settings.warmup * steps + 1)
            return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

        return factor

    def progress(self, step: int, steps: int) -> float:
        """Return the share of the run that is done: of its steps, or of its minutes if that is more."""
        share = step / max(1, steps)
        if self.settings.max_minutes:
            share = max(share, (time.monotonic() - self.started) / (60 * self.settings.max_minutes))
        return share


def arguments(settings: TrainSettings, folder: Path, *, device: str, save_steps: int) -> TrainingArguments:
    """Return transformers' arguments; what is not named here is decided by the rows."""
    training = TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        per_device_train_batch_size=1,  # a row is a batch
        gradient_accumulation_steps=settings.rows_per_step,
        num_train_epochs=1,  # the rows hold all epochs
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        optim="adamw_8bit" if device == "cuda" else "adamw_torch",
        bf16=device == "cuda",
        use_cpu=device == "cpu",
        train_sampling_strategy="sequential",  # shuffled in the schedule, where the order is seeded
        remove_unused_columns=False,
        logging_steps=1,
        logging_nan_inf_filter=False,  # it would hide a loss that is not a number
        disable_tqdm=True,
        report_to="none",
        save_strategy="steps",
        save_steps=save_steps,
        save_total_limit=2,
        seed=settings.seed,
        dataloader_pin_memory=device == "cuda",
        average_tokens_across_devices=True,
        ddp_find_unused_parameters=False,
    )
    training._n_gpu = min(1, training.n_gpu)  # several GPUs in one process would mean DataParallel: one is used
    return training
