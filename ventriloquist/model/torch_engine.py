"""Reading with a model of transformers or peft."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ventriloquist.model.configs import slides
from ventriloquist.model.engine import Branch, Engine, Places, Rows


class TorchEngine(Engine):
    """A model of transformers, with or without an adapter."""

    def __init__(self, model: Any) -> None:
        self._model = model

    @property
    def vocabulary(self) -> int:
        return int(self._model.config.vocab_size)

    @property
    def slides(self) -> bool:
        return slides(self._model.config)

    def rows(self) -> Rows:
        return TorchRows(self._model)


class TorchRows(Rows):
    """Rows with a KV cache of transformers."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._cache: Any = None
        self._mask: torch.Tensor | None = None  # (rows, length), of rows that are padded on the left

    def feed(self, ids: Sequence[Sequence[int]]) -> torch.Tensor:
        longest = max(map(len, ids))
        padding = [longest - len(row) for row in ids]
        device = self._model.device
        inputs: dict[str, Any] = {}
        if self._mask is not None or any(padding):
            mask = torch.tensor([[0] * pad + [1] * (longest - pad) for pad in padding], device=device)
            mask = mask if self._mask is None else torch.cat([self._mask, mask], -1)
            self._mask = mask
            inputs = {"attention_mask": mask, "position_ids": (mask.cumsum(-1) - 1).clamp(min=0)[:, -longest:]}
        padded = [[0] * pad + [*row] for pad, row in zip(padding, ids, strict=True)]
        with torch.inference_mode():
            output = self._model(
                input_ids=torch.tensor(padded, device=device),
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=1,
                **inputs,
            )
        self._cache = output.past_key_values
        return output.logits[:, -1]  # type: ignore[no-any-return]  # transformers is Any here

    def score(self, ids: NDArray[np.integer[Any]], places: Places, tokens: Places) -> NDArray[np.float64]:
        return self._nats(torch.from_numpy(ids.astype(np.int64)).to(self._model.device), places, tokens)

    def score_branches(self, branches: Sequence[Branch]) -> NDArray[np.float64]:
        """Score in one forward pass: one row, with a mask that separates the branches."""
        held, device, dtype = self._cache.get_seq_length(), self._model.device, self._model.dtype
        total = sum(len(each.ids) for each in branches)
        mask = torch.full((total, held + total), torch.finfo(dtype).min, dtype=dtype, device=device)
        positions = torch.empty(total, dtype=torch.int64, device=device)
        places: list[int] = []
        tokens: list[int] = []
        start = 0
        for each in branches:
            end = start + len(each.ids)
            positions[start:end] = torch.arange(each.at, each.at + len(each.ids), device=device)
            mask[start:end, : each.at] = 0
            mask[start:end, held + start : held + end].triu_(1)
            places += [start + index for index, _ in each.wanted]
            tokens += [token for _, token in each.wanted]
            start = end
        nats = self._nats(
            torch.tensor([token for each in branches for token in each.ids], dtype=torch.int64, device=device),
            np.asarray(places, dtype=np.int64),
            np.asarray(tokens, dtype=np.int64),
            attention_mask=mask[None, None],
            position_ids=positions[None],
        )
        for layer in self._cache.layers:
            layer.crop(-total)
        return nats

    def crop(self, length: int) -> int:
        if self._cache is None:
            return 0
        for layer in self._cache.layers:
            held = _held(layer)
            if held is None or held < length or length == 0:
                self._cache = None
                return 0
            if held > length:
                layer.crop(length - held)  # negative: removes so many
        return length

    def fork(self, parts: Sequence[tuple[int, int]]) -> Rows:
        rows = TorchRows(self._model)
        rows._cache = copy.copy(self._cache)
        rows._cache.layers = [copy.copy(layer) for layer in self._cache.layers]
        held, longest = self._cache.get_seq_length(), max(length for _, length in parts)
        starts = {row: 0 if self._mask is None else held - int(self._mask[row].sum()) for row, _ in parts}
        is_whole = self._mask is None and all(length == held for _, length in parts)

        def copied(states: torch.Tensor) -> torch.Tensor:  # (rows, heads, tokens, size of a head)
            if is_whole:  # of a sliding window these are only the last tokens
                return states[[row for row, _ in parts]]
            new = states.new_zeros((len(parts), states.shape[1], longest, states.shape[3]))
            for index, (row, length) in enumerate(parts):
                new[index, :, longest - length :] = states[row, :, starts[row] : starts[row] + length]
            return new

        with torch.inference_mode():
            for layer in rows._cache.layers:
                layer.keys, layer.values = copied(layer.keys), copied(layer.values)
        if any(length < longest for _, length in parts):
            kept = [[0] * (longest - length) + [1] * length for _, length in parts]
            rows._mask = torch.tensor(kept, device=self._model.device)
        return rows

    def select(self, kept: Sequence[int]) -> None:
        index = torch.tensor(kept, device=self._model.device)
        self._cache.batch_select_indices(index)
        if self._mask is not None:
            self._mask = self._mask[index]

    def _nats(self, ids: torch.Tensor, places: Places, tokens: Places, **inputs: Any) -> NDArray[np.float64]:
        rows, inverse = np.unique(places, return_inverse=True)
        keep = torch.from_numpy(rows).to(self._model.device) if len(rows) else 1
        with torch.inference_mode():
            output = self._model(
                input_ids=ids[None], past_key_values=self._cache, use_cache=True, logits_to_keep=keep, **inputs
            )
            self._cache = output.past_key_values
            if not len(rows):
                return np.empty(0)
            logits = output.logits[0].float()
            row = torch.from_numpy(inverse).to(logits.device)
            token = torch.from_numpy(tokens).to(logits.device)
            nats = logits.logsumexp(-1)[row] - logits[row, token]
        return nats.double().cpu().numpy()  # type: ignore[no-any-return]


def _held(layer: Any) -> int | None:
    """Return how many tokens a layer of a KV cache holds, or None if it has dropped some."""
    keys, values = getattr(layer, "keys", None), getattr(layer, "values", None)
    if keys is None or values is None or keys.shape[-2] != values.shape[-2]:
        return None
    held = int(keys.shape[-2])
    return held if layer.get_seq_length() == held else None
