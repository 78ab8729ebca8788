"""Reading with an MLX model. Its logits are handed on as torch tensors on the CPU."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import mlx.core as mx
import numpy as np
import torch
from mlx_lm.models.cache import (
    BatchKVCache,
    BatchRotatingKVCache,
    KVCache,
    RotatingKVCache,
    can_trim_prompt_cache,
    make_prompt_cache,
)
from numpy.typing import NDArray

from ventriloquist.model.engine import Branch, Engine, Places, Rows
from ventriloquist.model.mlx_adapter import lora_modules, merge_lora

BRANCH_TOKENS = 32_768  # keys of a layer at once, the shared prefix counted for each branch: 128 MiB for Qwen3-8B
LAST = (slice(None), slice(-1, None))


class MlxModel(Engine):
    """A model of mlx_lm, with or without an adapter."""

    def __init__(self, module: Any, vocabulary: int) -> None:
        self.module = module
        self._vocabulary = vocabulary
        self._layers = module.model
        if not hasattr(self._layers, "kept"):
            self._layers.__class__ = _keeping(type(self._layers))

    @property
    def vocabulary(self) -> int:
        return self._vocabulary

    @property
    def slides(self) -> bool:
        return any(isinstance(layer, RotatingKVCache) for layer in make_prompt_cache(self.module))

    def rows(self) -> Rows:
        return MlxRows(self)

    @property
    def has_lora(self) -> bool:
        return any(True for _ in lora_modules(self.module))

    def merge(self) -> None:
        """Add the adapter to the weights, for good; see `Adapter.merged`."""
        merge_lora(self.module)

    @contextmanager
    def disable_adapter(self) -> Iterator[None]:
        """Use the bare base model inside the block."""
        scales = [(module, module.scale) for _, module in lora_modules(self.module)]
        for module, _ in scales:
            module.scale = 0.0
        try:
            yield
        finally:
            for module, scale in scales:
                module.scale = scale

    def logits(self, ids: mx.array, cache: list[Any], kept: Any) -> mx.array:
        """Feed ids, (rows, length); return the logits at the kept places of (rows, length) alone."""
        self._layers.kept = _Kept(kept)
        try:
            return self.module(ids, cache=cache)
        finally:
            self._layers.kept = None


class MlxRows(Rows):
    """Rows with a KV cache of mlx_lm."""

    def __init__(self, model: MlxModel) -> None:
        self._model = model
        self._cache: list[Any] = make_prompt_cache(model.module)

    def feed(self, ids: Sequence[Sequence[int]]) -> torch.Tensor:
        longest = max(map(len, ids))
        padding = [longest - len(row) for row in ids]
        if any(padding):  # only the first time
            self._cache = [_padded(layer, padding) for layer in self._cache]
        padded = mx.array([[0] * pad + [*row] for pad, row in zip(padding, ids, strict=True)])
        logits = self._model.logits(padded, self._cache, LAST)[:, -1]
        return torch.from_numpy(np.array(logits.astype(mx.float32)))

    def score(self, ids: NDArray[np.integer[Any]], places: Places, tokens: Places) -> NDArray[np.float64]:
        logits = self._model.logits(mx.array(ids[None].astype(np.int32)), self._cache, (0, mx.array(places)))
        if not len(places):
            mx.eval([(layer.keys, layer.values) for layer in self._cache])  # until now nothing is computed
            return np.empty(0)
        return _nats(logits, tokens)

    def score_branches(self, branches: Sequence[Branch]) -> NDArray[np.float64]:
        """Score several branches in one pass: each in a row of its own, with the prefix's keys before it.

        MLX turns all keys of a row by positions that follow each other, so branches cannot share a row.
        """
        held = self._cache[0].offset
        groups: list[list[Branch]] = []
        longest = 0
        for each in branches:
            longest = max(longest, len(each.ids))
            if not groups or (len(groups[-1]) + 1) * (held + longest) > BRANCH_TOKENS:
                groups.append([])
                longest = len(each.ids)
            groups[-1].append(each)
        return np.concatenate([np.empty(0), *map(self._score_group, groups)])

    def _score_group(self, branches: Sequence[Branch]) -> NDArray[np.float64]:
        longest = max(len(each.ids) for each in branches)
        ids = mx.array([[*each.ids, *[0] * (longest - len(each.ids))] for each in branches])
        places = [(row, index) for row, each in enumerate(branches) for index, _ in each.wanted]
        if not places:
            return np.empty(0)
        starts = [each.at for each in branches]
        beside = [_Beside(layer, starts) for layer in self._cache]
        rows, columns = (mx.array(part) for part in zip(*places, strict=True))
        return _nats(
            self._model.logits(ids, beside, (rows, columns)),
            np.array([token for each in branches for _, token in each.wanted]),
        )

    def crop(self, length: int) -> int:
        held = [layer.offset for layer in self._cache]
        if length == 0 or min(held) < length or (max(held) > length and not can_trim_prompt_cache(self._cache)):
            self._cache = make_prompt_cache(self._model.module)
            return 0
        for layer in self._cache:
            layer.trim(layer.offset - length)
        return length

    def fork(self, parts: Sequence[tuple[int, int]]) -> Rows:
        rows = MlxRows(self._model)
        rows._cache = [_forked(layer, parts) for layer in self._cache]
        return rows

    def select(self, kept: Sequence[int]) -> None:
        index = mx.array(kept)
        for layer in self._cache:
            if hasattr(layer, "filter"):
                layer.filter(index)
            else:
                layer.keys, layer.values = layer.keys[index], layer.values[index]


class _Beside:
    """A layer's keys and values as branches see them: those before each branch, and then its own."""

    def __init__(self, layer: Any, starts: Sequence[int]) -> None:
        self.keys, self.values = layer.keys_and_values()
        self.offset = mx.array(starts)  # (rows,) position of each row's first token

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        return _joined(self.keys, keys), _joined(self.values, values)

    def make_mask(self, length: int, **_: Any) -> mx.array:
        """Return which keys each token may see, (rows, 1, length, held + length)."""
        before = mx.arange(self.keys.shape[2])[None] < self.offset[:, None]  # (rows, held)
        own = mx.arange(length)[:, None] >= mx.arange(length)[None]  # padding stands on the right: nothing sees it
        rows = len(self.offset)
        return mx.concatenate(
            [
                mx.broadcast_to(before[:, None, None], (rows, 1, length, before.shape[1])),
                mx.broadcast_to(own, (rows, 1, length, length)),
            ],
            axis=-1,
        )


class _Kept:
    """Places whose logits are wanted. Not an array itself, which mlx.nn would take for a weight."""

    def __init__(self, places: Any) -> None:
        self.places = places


def _keeping(layers: type) -> type:
    """Return a class of a model's layers that gives the head the kept places only.

    mlx_lm's models apply the head to every place: for a vocabulary of 152,000 it would take most of the memory.
    """

    def call(self: Any, *arguments: Any, **named: Any) -> mx.array:
        hidden = layers.__call__(self, *arguments, **named)
        return hidden if self.kept is None else hidden[self.kept.places]

    return type(layers.__name__, (layers,), {"kept": None, "__call__": call})


def _joined(held: mx.array, new: mx.array) -> mx.array:
    return mx.concatenate([mx.broadcast_to(held, (new.shape[0], *held.shape[1:])), new], axis=2)


def _forked(layer: Any, parts: Sequence[tuple[int, int]]) -> Any:
    """Return a layer of a cache for rows that begin as those of this one."""
    if not isinstance(layer, BatchKVCache) and all(length == layer.offset for _, length in parts):
        forked = copy.copy(layer)  # a sliding window has only the last tokens
        index = mx.array([row for row, _ in parts])
        forked.keys, forked.values = layer.keys[index], layer.values[index]
        return forked
    return KVCache.merge([_beginning(layer, *part) for part in parts])


def _beginning(layer: Any, row: int, length: int) -> KVCache:
    """Return the first tokens of a row of a layer's cache."""
    if isinstance(layer, BatchKVCache):
        one = layer.extract(row)
    else:
        one = KVCache()
        keys, values = layer.keys_and_values()
        one.state = keys[row : row + 1], values[row : row + 1], layer.offset
    one.trim(one.offset - length)
    return one


def _padded(layer: Any, padding: list[int]) -> Any:
    """Return an empty layer of a cache for rows that are padded on the left."""
    if isinstance(layer, RotatingKVCache):
        return BatchRotatingKVCache(layer.max_size, padding)
    return BatchKVCache(padding)


def _nats(logits: mx.array, tokens: Places) -> NDArray[np.float64]:
    """Return -log P of a token in each row of logits, (wanted, vocabulary)."""
    logits = logits.astype(mx.float32).reshape(len(tokens), -1)
    nats = mx.logsumexp(logits, axis=-1) - mx.take_along_axis(logits, mx.array(tokens)[:, None], axis=-1)[:, 0]
    return np.array(nats).astype(np.float64)
