"""The time of a training run on this machine, measured on a few rows before any weights are fetched.

A model of the same shape with random weights takes as long as the real one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from ventriloquist.model.base import Bits
from ventriloquist.model.precision import autocast, multiply_fast, precision
from ventriloquist.train.backends import add_lora, row_loss
from ventriloquist.train.estimate import row_tokens
from ventriloquist.train.memory import exhaustion_explained
from ventriloquist.train.ranks import is_sharded
from ventriloquist.train.rows import PackedRow, labelled
from ventriloquist.train.stage import TrainPlan

MEASURED_ROWS = 3
ENOUGH_SECONDS = 30.0


def measure_time(plan: TrainPlan) -> TrainPlan:
    """Return the plan with the time of a step and of the run in its estimate.

    The time stays unknown with Unsloth, with bitsandbytes' weights in 4 bits, and if processes share the model.
    """
    settings, estimate = plan.settings, plan.estimate
    with_mlx = settings.backend == "mlx"
    if settings.backend == "unsloth" or (settings.four_bit and not with_mlx) or is_sharded():
        return plan
    with exhaustion_explained(plan.device):
        passes = _passes_of_mlx(plan) if with_mlx else _passes_of_torch(plan)
        total = _seconds_per_token(plan, passes) * sum(row_tokens(row) for row in plan.rows.rows) / estimate.processes
    minutes = min(total / 60, settings.max_minutes or float("inf"))
    per_step = round(total / estimate.steps, 3)
    return replace(plan, estimate=replace(estimate, seconds_per_step=per_step, minutes=round(minutes, 1)))


def _seconds_per_token(plan: TrainPlan, passes: Callable[[PackedRow], None]) -> float:
    """Return the seconds that forward and backward pass take for a token of a row. The first row is a warm-up."""
    rows = plan.rows.first_epoch
    middle = sorted(rows, key=row_tokens)[len(rows) // 2 :][:MEASURED_ROWS]
    best = float("inf")
    started = time.monotonic()
    for row in (middle[0], *middle):
        before = time.monotonic()
        passes(row)
        best = min(best, (time.monotonic() - before) / row_tokens(row))
        if time.monotonic() - started > ENOUGH_SECONDS:
            break
    return best


def _passes_of_torch(plan: TrainPlan) -> Callable[[PackedRow], None]:
    """Return what makes a forward and a backward pass over a row."""
    import torch
    from transformers import AutoModelForCausalLM

    from ventriloquist.train.tensors import filled, row_tensors

    device, settings = plan.device, plan.settings
    if device == "cpu":
        multiply_fast()
    with torch.random.fork_rng():
        model = AutoModelForCausalLM.from_config(plan.config, dtype=precision(device, settings.bfloat16).weights)
        model = add_lora(model.to(device), settings).train()
    if settings.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    loss = row_loss(settings)

    def passes(row: PackedRow) -> None:
        tensors = filled(row_tensors(plan.corpus, row), settings)
        tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
        with autocast(device, settings.bfloat16):
            nats = loss(model, tensors)
        torch.autograd.backward(nats)
        if device == "cuda":
            torch.cuda.synchronize()

    return passes


def _passes_of_mlx(plan: TrainPlan) -> Callable[[PackedRow], None]:
    """Return what makes a forward and a backward pass over a row."""
    from ventriloquist.model.mlx_base import random_mlx_model
    from ventriloquist.train.mlx_loop import add_mlx_lora, loss_and_gradient

    bits: Bits | None = 4 if plan.settings.four_bit else None
    model = add_mlx_lora(random_mlx_model(plan.config, bits), plan.settings)

    def passes(row: PackedRow) -> None:
        loss_and_gradient(model, [labelled(plan.corpus, piece) for piece in row])

    return passes
