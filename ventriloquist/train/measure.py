"""The time of a training run on this machine, measured on a few rows before any weights are fetched.

A model of the same shape with random weights takes as long as the real one.
"""

from __future__ import annotations

import time
from dataclasses import replace

from ventriloquist.model.base import multiply_fast
from ventriloquist.model.precision import precision
from ventriloquist.train.backends import add_lora, row_loss
from ventriloquist.train.estimate import row_tokens
from ventriloquist.train.memory import exhaustion_explained
from ventriloquist.train.ranks import is_sharded
from ventriloquist.train.stage import TrainPlan

MEASURED_ROWS = 3
ENOUGH_SECONDS = 30.0


def measure_time(plan: TrainPlan) -> TrainPlan:
    """Return the plan with the time of a step and of the run in its estimate.

    The time stays unknown with Unsloth, with weights in 4 bits, and if processes share the model.
    """
    settings, estimate = plan.settings, plan.estimate
    if settings.backend != "transformers" or settings.four_bit or is_sharded():
        return plan
    with exhaustion_explained(plan.device):
        total = _seconds_per_token(plan) * sum(row_tokens(row) for row in plan.rows.rows) / estimate.processes
    minutes = min(total / 60, settings.max_minutes or float("inf"))
    per_step = round(total / estimate.steps, 3)
    return replace(plan, estimate=replace(estimate, seconds_per_step=per_step, minutes=round(minutes, 1)))


def _seconds_per_token(plan: TrainPlan) -> float:
    """Return the seconds that forward and backward take for a token of a row. The first row is a warm-up."""
    import torch
    from transformers import AutoModelForCausalLM

    from ventriloquist.train.tensors import row_tensors

    device, settings = plan.device, plan.settings
    if device == "cpu":
        multiply_fast()
    with torch.random.fork_rng():
        model = AutoModelForCausalLM.from_config(plan.config, dtype=precision(device).weights)
        model = add_lora(model.to(device), settings).train()
    if settings.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    loss = row_loss(settings)
    rows = plan.rows.first_epoch
    middle = sorted(rows, key=row_tokens)[len(rows) // 2 :][:MEASURED_ROWS]
    best = float("inf")
    started = time.monotonic()
    for row in (middle[0], *middle):
        tensors = {name: tensor.to(device) for name, tensor in row_tensors(plan.corpus, row).items()}
        before = time.monotonic()
        torch.autograd.backward(loss(model, tensors))
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, (time.monotonic() - before) / row_tokens(row))
        if time.monotonic() - started > ENOUGH_SECONDS:
            break
    return best
