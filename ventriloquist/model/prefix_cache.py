"""Log-probabilities of many continuations of one prefix, which is computed once and kept in a KV cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

CHUNK_TOKENS = 512  # in a forward pass; bounds the memory of the logits and the attention mask

Wanted = Sequence[tuple[int, int]]
"""Pairs of an index and a token: the log-probability of the token after the input at that index is asked for."""


class Continuation(NamedTuple):
    """Tokens that could follow the first tokens of a prefix."""

    at: int  # number of the prefix's tokens before it, at least one
    tokens: Sequence[int]
    wanted: Wanted  # index 0 is the prefix's last token before the continuation, 1 is the first of `tokens`


class PrefixCache:
    """A prefix with its KV cache. It is computed in chunks, with logits at wanted positions only."""

    def __init__(self, model: Any, ids: NDArray[np.integer[Any]], wanted: Wanted = ()) -> None:
        """Compute the cache of `ids`, (length,) with at least one."""
        self._model = model
        self._ids = torch.from_numpy(ids.astype(np.int64)).to(model.device)
        self._cache: Any = None
        self.nats = np.empty(len(wanted))  # -log P of each wanted token
        places = np.asarray([index for index, _ in wanted], dtype=np.int64)
        tokens = np.asarray([token for _, token in wanted], dtype=np.int64)
        for start in range(0, len(ids), CHUNK_TOKENS):
            here = (places >= start) & (places < start + CHUNK_TOKENS)
            self.nats[here] = self._forward(
                self._ids[start : start + CHUNK_TOKENS], places[here] - start, tokens[here], past_key_values=self._cache
            )

    def score(self, continuations: Sequence[Continuation]) -> Iterator[NDArray[np.float64]]:
        """Yield -log P of the wanted tokens of each continuation, in nats.

        Continuations do not attend to each other, and the prefix is not computed again.
        """
        if any(getattr(layer, "is_sliding", False) or not held_tokens(layer) for layer in self._cache.layers):
            yield from (self._score_alone(each) for each in continuations)
            return
        packed: list[Continuation] = []
        for each in continuations:
            if packed and sum(len(other.tokens) for other in packed) + len(each.tokens) > CHUNK_TOKENS:
                yield from self._score_packed(packed)
                packed = []
            packed.append(each)
        if packed:
            yield from self._score_packed(packed)

    def _score_packed(self, continuations: Sequence[Continuation]) -> Iterator[NDArray[np.float64]]:
        """Score continuations in one forward pass: one row, with a mask that separates them."""
        held, device = len(self._ids), self._model.device
        # each is fed after the prefix's last token before it, whose logits predict its first token
        inputs = [torch.tensor(each.tokens[:-1], dtype=torch.int64, device=device) for each in continuations]
        lengths = [len(each.tokens) for each in continuations]
        total = sum(lengths)
        dtype = self._model.dtype
        mask = torch.full((total, held + total), torch.finfo(dtype).min, dtype=dtype, device=device)
        ids = torch.empty(total, dtype=torch.int64, device=device)
        positions = torch.empty(total, dtype=torch.int64, device=device)
        places, tokens = [], []
        start = 0
        for each, follows, length in zip(continuations, inputs, lengths, strict=True):
            part = slice(start, start + length)
            ids[start], ids[start + 1 : start + length] = self._ids[each.at - 1], follows
            positions[part] = torch.arange(each.at - 1, each.at - 1 + length, device=device)
            mask[part, : each.at - 1] = 0
            mask[part, held + start : held + start + length].triu_(1)
            places += [start + index for index, _ in each.wanted]
            tokens += [token for _, token in each.wanted]
            start += length
        nats = self._forward(
            ids,
            np.asarray(places, dtype=np.int64),
            np.asarray(tokens, dtype=np.int64),
            past_key_values=self._cache,
            attention_mask=mask[None, None],
            position_ids=positions[None],
        )
        for layer in self._cache.layers:
            layer.crop(-total)
        ends = np.cumsum([len(each.wanted) for each in continuations])
        yield from np.split(nats, ends[:-1])

    def _score_alone(self, continuation: Continuation) -> NDArray[np.float64]:
        """Score a continuation and compute its prefix again, for caches that cannot be cropped (sliding windows)."""
        at, tokens, wanted = continuation
        follows = torch.tensor(tokens[:-1], dtype=torch.int64, device=self._model.device)
        ids = torch.cat([self._ids[:at], follows]).cpu().numpy()
        return PrefixCache(self._model, ids, [(at - 1 + index, token) for index, token in wanted]).nats

    def _forward(
        self, ids: torch.Tensor, places: NDArray[np.int64], tokens: NDArray[np.int64], **inputs: Any
    ) -> NDArray[np.float64]:
        """Feed `ids` and return -log P of `tokens` after the inputs at `places`, (wanted,)."""
        rows, inverse = np.unique(places, return_inverse=True)
        keep = torch.from_numpy(rows).to(self._model.device) if len(rows) else 1
        with torch.inference_mode():
            output = self._model(input_ids=ids[None], use_cache=True, logits_to_keep=keep, **inputs)
            self._cache = output.past_key_values
            if not len(rows):
                return np.empty(0)
            logits = output.logits[0].float()
            row = torch.from_numpy(inverse).to(logits.device)
            token = torch.from_numpy(tokens).to(logits.device)
            nats = logits.logsumexp(-1)[row] - logits[row, token]
        return nats.double().cpu().numpy()  # type: ignore[no-any-return]


def held_tokens(layer: Any) -> int | None:
    """Return how many tokens a layer of a KV cache holds, or None if it has dropped some."""
    keys, values = getattr(layer, "keys", None), getattr(layer, "values", None)
    if keys is None or values is None or keys.shape[-2] != values.shape[-2]:
        return None
    held = int(keys.shape[-2])
    return held if layer.get_seq_length() == held else None
