"""The training loop on MLX: the same rows, loss, optimizer and decisions as with transformers."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx.optimizers import AdamW, clip_grad_norm
from mlx.utils import tree_flatten, tree_map, tree_unflatten

from ventriloquist.layout import CHECKPOINTS
from ventriloquist.model.base import Base, Bits
from ventriloquist.model.corpus import Corpus
from ventriloquist.model.mlx_adapter import (
    load_mlx_adapter_weights,
    lora_modules,
    put_on_mlx,
    save_mlx_adapter,
)
from ventriloquist.model.mlx_base import load_mlx_base, on_metal
from ventriloquist.train.backends import adapter_options
from ventriloquist.train.checkpoints import KEPT, checkpoints_in, saving
from ventriloquist.train.follow import Beginning, Follower, beginning, stop_on_signals
from ventriloquist.train.log import Outcome, Step
from ventriloquist.train.lora_init import first_a
from ventriloquist.train.memory import MLX_CHUNK
from ventriloquist.train.mlx_loss import Ids, checkpoint_layers, target_loss
from ventriloquist.train.rows import IGNORED, PackedRow, labelled, rows_per_step
from ventriloquist.train.settings import TrainSettings
from ventriloquist.train.validation import Validation

OPTIMIZER = "optimizer.safetensors"  # of a checkpoint


def load_mlx_with_lora(base: Base, settings: TrainSettings) -> Any:
    """Load a base model with LoRA on it, ready to train."""
    bits: Bits | None = 4 if settings.four_bit else None
    model = load_mlx_base(base, offline=False, bits=bits)
    return add_mlx_lora(model, settings)


def add_mlx_lora(model: Any, settings: TrainSettings) -> Any:
    """Put LoRA on all linears of the layers that the settings name: new weights, or those to continue from."""
    put_on_mlx(model, **adapter_options(len(model.layers), settings))
    if settings.continue_from is not None:
        load_mlx_adapter_weights(model, Path(settings.continue_from))
    else:
        for name, module in lora_modules(model):
            features, rank = module.lora_a.shape
            module.lora_a = mx.array(first_a(name, rank, features, settings.seed).T)
    if settings.gradient_checkpointing:
        checkpoint_layers(model)
    return model


def run_mlx_loop(
    model: Any,
    corpus: Corpus,
    rows: list[PackedRow],
    settings: TrainSettings,
    folder: Path,
    *,
    observe: Callable[[Step], None] = lambda _step: None,
) -> tuple[Outcome, int | None]:
    """Train `model` in place; see `loop.run_loop`, which does the same with transformers."""
    if on_metal():  # let the GPU keep as much as macOS recommends, or it pages
        mx.set_wired_limit(mx.device_info()["max_recommended_working_set_size"])
    mx.reset_peak_memory()
    begun = beginning(folder)
    follower = _follower(model, corpus, rows, settings, folder, begun, observe)
    with stop_on_signals(follower):
        if begun.checkpoint is not None:
            load_mlx_adapter_weights(model, begun.checkpoint)
        if not begun.is_complete:
            _train(model, corpus, rows, settings, folder, begun, follower)
    kept = follower.weights_to_keep()
    if kept is not None:
        load_mlx_adapter_weights(model, kept)
    return follower.outcome(), follower.stopped_by


def save_adapter(model: Any, settings: TrainSettings, folder: Path) -> None:
    """Write a model's adapter as peft does."""
    folder.mkdir(parents=True, exist_ok=True)
    save_mlx_adapter(model, folder, **adapter_options(len(model.layers), settings))


def _follower(
    model: Any,
    corpus: Corpus,
    rows: list[PackedRow],
    settings: TrainSettings,
    folder: Path,
    begun: Beginning,
    observe: Callable[[Step], None],
) -> Follower:
    validation = Validation(corpus, settings)

    def nats(row: PackedRow) -> float:
        pieces = (labelled(corpus, piece, split="validation", content_only=True) for piece in row)
        return float(sum(target_loss(model, *piece, chunk=MLX_CHUNK).item() for piece in pieces))

    return Follower(
        settings,
        rows,
        folder,
        begun,
        trainable=sum(weight.size for _, weight in tree_flatten(model.trainable_parameters())),
        validate=lambda: validation.bits_per_character(nats),
        save_weights=lambda best: save_adapter(model, settings, best),
        peak_memory=lambda: mx.get_peak_memory() / 2**30,
        observe=observe,
    )


def _train(
    model: Any,
    corpus: Corpus,
    rows: list[PackedRow],
    settings: TrainSettings,
    folder: Path,
    begun: Beginning,
    follower: Follower,
) -> None:
    """Make the steps of a run."""
    optimizer = new_optimizer(settings)
    if begun.checkpoint is not None:
        _load_optimizer(optimizer, begun.checkpoint)
    per_step = rows_per_step(settings)
    steps = math.ceil(len(rows) / per_step)
    for step in range(begun.past[-1].step if begun.past else 0, steps):
        follower.begin_step()
        rate = settings.learning_rate * follower.clock.rate(step, steps)
        pieces = [
            labelled(corpus, piece, content_only=settings.supervise == "content")
            for row in rows[step * per_step : (step + 1) * per_step]
            for piece in row
        ]
        loss, gradient = loss_and_gradient(model, pieces)
        norm = update(model, optimizer, gradient, rate, settings)
        del gradient
        mx.clear_cache()  # pieces differ in length: buffers of other lengths would pile up
        decision = follower.end_step(step + 1, steps, loss=loss, learning_rate=rate, grad_norm=norm)
        if decision.save:
            checkpoint = folder / CHECKPOINTS / f"checkpoint-{step + 1}"
            with saving(folder):
                save_adapter(model, settings, checkpoint)
                mx.save_safetensors(str(checkpoint / OPTIMIZER), dict(tree_flatten(optimizer.state)))
            follower.saved(checkpoint)
            for old in checkpoints_in(checkpoint.parent)[:-KEPT]:
                shutil.rmtree(old)
        if decision.stop:
            break


def loss_and_gradient(model: Any, pieces: list[tuple[Ids, Ids]]) -> tuple[float, Any]:
    """Return the mean loss of all labelled tokens of a step, in nats, and its gradient, computed piece by piece.

    Args:
        pieces: ids and labels of each, see `rows.labelled`.
    """
    count = sum(int((labels != IGNORED).sum()) for _, labels in pieces)
    compute = nn.value_and_grad(model, lambda ids, labels: target_loss(model, ids, labels, chunk=MLX_CHUNK) / count)
    total, gradient = 0.0, None
    for ids, labels in pieces:
        loss, part = compute(ids, labels)
        gradient = part if gradient is None else tree_map(mx.add, gradient, part)
        mx.eval(loss, gradient)
        total += loss.item()
    return total, gradient


def new_optimizer(settings: TrainSettings) -> AdamW:
    """Return AdamW (Loshchilov and Hutter, 2019, arXiv 1711.05101) with the constants of torch's."""
    return AdamW(settings.learning_rate, [0.9, 0.999], 1e-8, settings.weight_decay, bias_correction=True)


def update(model: Any, optimizer: AdamW, gradient: Any, rate: float, settings: TrainSettings) -> float:
    """Take a step along a gradient, clipped, unless it is not finite; return its norm."""
    gradient, norm = clip_grad_norm(gradient, settings.max_grad_norm)
    found: float = norm.item()
    if math.isfinite(found):  # a step along it would spoil all weights
        optimizer.learning_rate = rate
        optimizer.update(model, gradient)
        mx.eval(model.trainable_parameters(), optimizer.state)
    return found


def _load_optimizer(optimizer: AdamW, checkpoint: Path) -> None:
    """Load an optimizer's step and moments."""
    optimizer.state = tree_unflatten(list(mx.load(str(checkpoint / OPTIMIZER)).items()))
