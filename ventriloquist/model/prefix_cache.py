"""Tokens that a model has read once, and what it expects after any part of them: branches share what they follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

CHUNK_TOKENS = 512  # a forward pass; bounds the memory of the head and of the mask

Wanted = Sequence[tuple[int, int]]
"""Pairs of an index and a token: how probable is the token after the input at that index?"""


class Branch(NamedTuple):
    """Tokens that could follow the beginning of a trunk."""

    at: int  # the trunk's tokens that stand before it, at least one
    tokens: Sequence[int]
    wanted: Wanted  # an index of 0 is the trunk's last token before the branch, 1 the branch's first token


class Trunk:
    """A row of tokens read with a cache, in chunks; the head runs at wanted positions only."""

    def __init__(self, model: Any, ids: NDArray[np.integer[Any]], wanted: Wanted = ()) -> None:
        """Read the tokens.

        Args:
            model: a causal language model of transformers.
            ids: (length,), at least one.
            wanted: see `Wanted`; the log-probabilities are in `nats`.
        """
        self._model = model
        self._ids = torch.from_numpy(ids.astype(np.int64)).to(model.device)
        self._cache: Any = None
        self.nats = np.empty(len(wanted))  # −log P of each wanted token
        places = np.asarray([index for index, _ in wanted], dtype=np.int64)
        tokens = np.asarray([token for _, token in wanted], dtype=np.int64)
        for start in range(0, len(ids), CHUNK_TOKENS):
            here = (places >= start) & (places < start + CHUNK_TOKENS)
            self.nats[here] = self._forward(
                self._ids[start : start + CHUNK_TOKENS], places[here] - start, tokens[here], past_key_values=self._cache
            )

    def branches(self, branches: Sequence[Branch]) -> Iterator[NDArray[np.float64]]:
        """Yield −log P of each branch's wanted tokens; branches do not see each other.

        A branch costs its own tokens: those of the trunk are not computed again.
        """
        if not all(_holds_everything(layer) for layer in self._cache.layers):
            yield from (self._alone(branch) for branch in branches)
            return
        packed: list[Branch] = []
        for branch in branches:
            if packed and sum(len(other.tokens) for other in packed) + len(branch.tokens) > CHUNK_TOKENS:
                yield from self._together(packed)
                packed = []
            packed.append(branch)
        if packed:
            yield from self._together(packed)

    def _together(self, branches: Sequence[Branch]) -> Iterator[NDArray[np.float64]]:
        """Score branches in one forward pass: one row, and a mask that keeps them apart."""
        held, device = len(self._ids), self._model.device
        # the trunk's last token before a branch is fed again: its logits predict the branch's first token
        inputs = [torch.tensor(branch.tokens[:-1], dtype=torch.int64, device=device) for branch in branches]
        lengths = [len(branch.tokens) for branch in branches]
        total = sum(lengths)
        dtype = self._model.dtype
        mask = torch.full((total, held + total), torch.finfo(dtype).min, dtype=dtype, device=device)
        ids = torch.empty(total, dtype=torch.int64, device=device)
        positions = torch.empty(total, dtype=torch.int64, device=device)
        places, tokens = [], []
        start = 0
        for branch, follows, length in zip(branches, inputs, lengths, strict=True):
            part = slice(start, start + length)
            ids[start], ids[start + 1 : start + length] = self._ids[branch.at - 1], follows
            positions[part] = torch.arange(branch.at - 1, branch.at - 1 + length, device=device)
            mask[part, : branch.at - 1] = 0
            mask[part, held + start : held + start + length].triu_(1)
            places += [start + index for index, _ in branch.wanted]
            tokens += [token for _, token in branch.wanted]
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
        ends = np.cumsum([len(branch.wanted) for branch in branches])
        yield from np.split(nats, ends[:-1])

    def _alone(self, branch: Branch) -> NDArray[np.float64]:
        """Score a branch with all that stands before it: for caches that cannot be cut (sliding windows)."""
        follows = torch.tensor(branch.tokens[:-1], dtype=torch.int64, device=self._model.device)
        return Trunk(
            self._model,
            torch.cat([self._ids[: branch.at], follows]).cpu().numpy(),
            [(branch.at - 1 + index, token) for index, token in branch.wanted],
        ).nats

    def _forward(
        self, ids: torch.Tensor, places: NDArray[np.int64], tokens: NDArray[np.int64], **inputs: Any
    ) -> NDArray[np.float64]:
        """Feed tokens and return −log P of `tokens` after the inputs at `places`, (wanted,)."""
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


def _holds_everything(layer: Any) -> bool:
    """Say whether a layer of a cache keeps every token, so that its end can be cut off."""
    keys = getattr(layer, "keys", None)
    return keys is not None and not getattr(layer, "is_sliding", False) and keys.shape[-2] == layer.get_seq_length()
