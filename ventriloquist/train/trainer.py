"""The training loop: transformers' Trainer fed with finished rows.

Rows arrive packed and labelled, with restarting positions, and the head runs only at targets. TRL's SFTTrainer 1.15
would replace exactly that loss by a kernel that needs triton.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainingArguments

from ventriloquist.model.adapter import load_adapter_weights
from ventriloquist.model.precision import precision
from ventriloquist.train.checkpoints import KEPT, saving
from ventriloquist.train.follow import Clock
from ventriloquist.train.loss import Loss
from ventriloquist.train.ranks import world_size
from ventriloquist.train.rows import IGNORED, rows_per_process
from ventriloquist.train.settings import TrainSettings
from ventriloquist.train.shards import load_optimizer, save_adapter, save_optimizer
from ventriloquist.train.tensors import Tensors

OPTIMIZER, SCHEDULER = "optimizer.pt", "scheduler.pt"  # of a checkpoint


class RowTrainer(Trainer):
    """Trainer over finished rows, with loss at the targets and a learning rate that can follow the clock."""

    def __init__(self, loss: Loss, clock: Clock, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._loss, self._clock = loss, clock
        if self.is_fsdp_enabled:
            plugin = self.accelerator.state.fsdp_plugin
            if plugin.mixed_precision_policy is not None:  # sum gradients in 32 bits, as without shards
                plugin.mixed_precision_policy = replace(plugin.mixed_precision_policy, reduce_dtype=torch.float32)
        self.model_accepts_loss_kwargs = True  # compute_loss divides by the targets of the whole step

    def compute_loss(
        self,
        model: Any,
        inputs: Tensors,
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        loss = self._loss(model, inputs)
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
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer or self.optimizer, lambda step: self._clock.rate(step, num_training_steps)
        )
        return self.lr_scheduler


def arguments(settings: TrainSettings, folder: Path, *, device: str, gradient_checkpointing: bool) -> TrainingArguments:
    """Return the arguments of Trainer. With `gradient_checkpointing` it switches that on; Unsloth does so itself."""
    compute = precision(device, settings.bfloat16).compute
    training = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=1,  # a row is a batch
        gradient_accumulation_steps=rows_per_process(settings),
        num_train_epochs=1,  # the rows hold all epochs
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        optim="adamw_8bit" if settings.adam_8bit else "adamw_torch_fused",
        bf16=device in ("cuda", "cpu") and compute == torch.bfloat16,
        fp16=compute == torch.float16,  # the loss is scaled, and a step whose gradient overflows is dropped
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
