"""The training loop: transformers' Trainer fed with finished rows.

Rows arrive packed and labelled, with restarting positions, and the head runs only at targets. TRL's SFTTrainer 1.15
would replace exactly that loss by a kernel that needs triton.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainingArguments

from ventriloquist.model.adapter import load_adapter_weights
from ventriloquist.model.precision import precision
from ventriloquist.train.checkpoints import KEPT, saving
from ventriloquist.train.loss import Loss
from ventriloquist.train.ranks import world_size
from ventriloquist.train.rows import rows_per_process
from ventriloquist.train.settings import TrainSettings
from ventriloquist.train.shards import load_optimizer, save_adapter, save_optimizer
from ventriloquist.train.tensors import IGNORED, Tensors

ANNEAL = 0.2  # of what is done when validation stops getting better; enough by Hägele et al., 2024, arXiv 2405.18392
OPTIMIZER, SCHEDULER = "optimizer.pt", "scheduler.pt"  # of a checkpoint


class RowTrainer(Trainer):
    """Trainer over finished rows, with loss at the targets and a learning rate that can follow the clock."""

    def __init__(self, settings: TrainSettings, loss: Loss, *, minutes_before: float = 0.0, **arguments: Any) -> None:
        """Make a trainer for a run that took `minutes_before` up to the checkpoint that it resumes from."""
        super().__init__(**arguments)
        self.settings, self.loss = settings, loss
        if self.is_fsdp_enabled:
            plugin = self.accelerator.state.fsdp_plugin
            if plugin.mixed_precision_policy is not None:  # sum gradients in 32 bits, as without shards
                plugin.mixed_precision_policy = replace(plugin.mixed_precision_policy, reduce_dtype=torch.float32)
        self.model_accepts_loss_kwargs = True  # compute_loss divides by the targets of the whole step
        self.started = time.monotonic() - 60 * minutes_before
        self.shared_minutes = minutes_before  # the same in all processes, as learning rates must be
        self.annealing_since: float | None = None  # the share of the run at which validation had stopped getting better

    def compute_loss(
        self,
        model: Any,
        inputs: Tensors,
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        loss = self.loss(model, inputs)
        count = num_items_in_batch if num_items_in_batch is not None else (inputs["labels"] != IGNORED).sum()
        loss = loss / count
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes  # gradients are averaged over processes
        return (loss, {}) if return_outputs else loss

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        with saving(Path(self.args.output_dir or "")):
            super()._save_checkpoint(model, trial)

    # The overrides below write and read the same checkpoint however the processes share the model.

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        save_adapter(self.model, Path(output_dir or self.args.output_dir or ""))

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        save_optimizer(self.optimizer, Path(output_dir) / OPTIMIZER)
        if self.args.should_save:
            torch.save(self.lr_scheduler.state_dict(), Path(output_dir) / SCHEDULER)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:  # noqa: ARG002  # Trainer passes its own model
        load_adapter_weights(self.model, Path(resume_from_checkpoint))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            load_optimizer(self.optimizer, Path(checkpoint) / OPTIMIZER)
            self.lr_scheduler.load_state_dict(torch.load(Path(checkpoint) / SCHEDULER, weights_only=True))

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        factor = self._learning_rate_factor(num_training_steps)
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer or self.optimizer, factor)
        return self.lr_scheduler

    def _learning_rate_factor(self, steps: int) -> Callable[[int], float]:
        """Return a linear warm-up, then a cosine to zero, over the steps or the minutes, whichever end first."""
        warmup, one = self.settings.warmup, 1 / max(1, steps)

        def factor(step: int) -> float:
            done = self.progress(step, steps)
            if done < warmup:
                return (done + one) / (warmup + one)  # the first rate is above zero
            return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

        return factor

    def progress(self, step: int, steps: int) -> float:
        """Return the share of the run that is done, by its steps or by its minutes, whichever is more.

        When validation stops getting better, the rest of the run is shortened to ANNEAL of what is done, if that is
        less. The learning rate then takes the rest of its cosine in fewer steps, and still ends at zero.
        """
        share = step / max(1, steps)
        if self.settings.max_minutes:
            share = max(share, self.minutes() / self.settings.max_minutes)
        since = self.annealing_since
        if since is not None and share > since:
            share = since + (share - since) * max(1.0, (1 - since) / (ANNEAL * since))
        return share

    def minutes(self) -> float:
        """Return how long the run has taken, including the time before it was resumed."""
        return (time.monotonic() - self.started) / 60 if world_size() == 1 else self.shared_minutes


def arguments(settings: TrainSettings, folder: Path, *, device: str, gradient_checkpointing: bool) -> TrainingArguments:
    """Return the arguments of Trainer. With `gradient_checkpointing` it switches that on; Unsloth does so itself."""
    compute = precision(device).compute
    training = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=1,  # a row is a batch
        gradient_accumulation_steps=rows_per_process(settings),
        num_train_epochs=1,  # the rows hold all epochs
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        optim="adamw_8bit" if settings.adam_8bit else "adamw_torch",
        bf16=device == "cuda" and compute == torch.bfloat16,
        fp16=compute
        == torch.float16,  # on a card without bfloat16; the loss is scaled, and a step that overflows dropped
        use_cpu=device == "cpu",
        gradient_checkpointing=gradient_checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False} if gradient_checkpointing else None,
        train_sampling_strategy="sequential",  # the schedule is shuffled, with a seed
        remove_unused_columns=False,
        logging_steps=1,
        logging_nan_inf_filter=False,  # True would hide a loss that is not a number
        disable_tqdm=True,
        report_to="none",
        save_strategy="no",  # RunCallback decides
        save_total_limit=KEPT,
        seed=settings.seed,
        dataloader_pin_memory=device == "cuda",
        average_tokens_across_devices=True,
        ddp_find_unused_parameters=False if world_size() > 1 else None,
        ddp_backend="gloo" if world_size() > 1 and device == "cpu" else None,
    )
    training._n_gpu = min(1, training.n_gpu)  # with more GPUs it would use DataParallel
    return training
