"""The callback of transformers' Trainer: it tells the follower of a run of each step, and does as that decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ventriloquist.train.follow import Follower
from ventriloquist.train.ranks import all_reduce, is_sharded
from ventriloquist.train.shards import local


class RunCallback(TrainerCallback):
    """Calls a follower for a model that Trainer trains."""

    def __init__(self, model: Any, follower: Follower) -> None:
        self.model, self.follower = model, follower

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.follower.begin_step()

    def on_pre_optimizer_step(self, *_: Any, **__: Any) -> None:
        """Drop a gradient that is not finite: a step along it would spoil all weights."""
        parameters = [parameter for parameter in self.model.parameters() if parameter.grad is not None]
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
        decision = self.follower.end_step(
            state.global_step,
            state.max_steps,
            loss=logs["loss"],
            learning_rate=logs.get("learning_rate", 0.0),
            grad_norm=logs.get("grad_norm", 0.0),
        )
        control.should_training_stop, control.should_save = decision.stop, decision.save

    def on_save(self, args: TrainingArguments, state: TrainerState, _control: TrainerControl, **_: Any) -> None:
        self.follower.saved(Path(args.output_dir or "") / f"checkpoint-{state.global_step}")
