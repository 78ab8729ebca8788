"""The loss of rows on MLX: at their targets alone, a few at a time, so that a large vocabulary does not fill memory."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn
from numpy.typing import NDArray

from ventriloquist.train.rows import IGNORED

Ids = NDArray[np.int64]


def target_loss(model: Any, ids: Ids, labels: Ids, *, chunk: int) -> mx.array:
    """Return the summed cross-entropy of the labelled tokens of one sequence, in nats.

    MLX's rotary embedding takes no position for each token, so every piece of a packed row is a sequence of its own.
    The output head runs only at the targets, on `chunk` of them at a time; its backward pass computes them again.

    Args:
        ids: (length,)
        labels: (length,) the token itself at a target, else IGNORED.
    """
    at = np.flatnonzero(labels != IGNORED)
    hidden = model.model(mx.array(ids)[None])[0, mx.array(at - 1)]  # the state before a token predicts it
    wanted = mx.array(labels[at])
    head = _head(model)

    def nats(of: slice) -> Callable[[mx.array], mx.array]:
        """Return the loss of some of the targets; what `checkpoint` gets as an argument must have a gradient."""
        return lambda hidden: nn.losses.cross_entropy(
            head(hidden[None])[0].astype(mx.float32), wanted[of], reduction="sum"
        )

    total = mx.array(0.0)
    for first in range(0, len(at), chunk):
        of = slice(first, first + chunk)
        total = total + mx.checkpoint(nats(of))(hidden[of])
    return total


class _Given:
    """Stands for the layers of a model whose last hidden states are known already."""

    def __init__(self, layers: Any) -> None:
        self._layers = layers

    def __call__(self, hidden: mx.array, *_: Any, **__: Any) -> mx.array:
        return hidden

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layers, name)  # a head may be tied to the embeddings, which are there


def _head(model: Any) -> Callable[[mx.array], mx.array]:
    """Return the output head of a model of mlx_lm, with whatever its architecture does to the logits."""
    head = copy.copy(model)
    head.model = _Given(model.model)
    return head  # type: ignore[no-any-return]  # an nn.Module


def checkpoint_layers(model: Any) -> None:
    """Let every layer of a model forget what is inside of it, and compute that again in the backward pass."""
    for layer in model.layers:
        kind: Any = type(layer)
        layer.__class__ = _forgetful(kind)


@cache
def _forgetful(kind: Any) -> Any:
    """Return a kind of layer with gradient checkpointing (Chen et al., 2016, arXiv 1604.06174)."""

    def call(self: Any, *arguments: Any, **options: Any) -> Any:
        def inner(parameters: Any, *arguments: Any, **options: Any) -> Any:
            self.update(parameters)
            return kind.__call__(self, *arguments, **options)

        return mx.checkpoint(inner)(self.trainable_parameters(), *arguments, **options)

    return type(kind.__name__, (kind,), {"__call__": call})
