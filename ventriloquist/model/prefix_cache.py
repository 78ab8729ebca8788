"""Log-probabilities of many continuations of one prefix, which is computed once and kept in a KV cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ventriloquist.errors import ModelError
from ventriloquist.model.engine import Branch, engine_of
from ventriloquist.model.gate import OTHER_ADAPTER

CHUNK_TOKENS = 512  # in a forward pass; bounds the memory of the logits and the attention mask

Wanted = Sequence[tuple[int, int]]
"""Pairs of an index and a token: the log-probability of the token after the input at that index is asked for."""


class Continuation(NamedTuple):
    """Tokens that could follow the first tokens of a prefix."""

    at: int  # number of the prefix's tokens before it, at least one
    tokens: Sequence[int]
    wanted: Wanted  # index 0 is the prefix's last token before the continuation, 1 is the first of `tokens`


class PrefixCache:
    """A prefix with its KV cache. It is computed in chunks, with logits at wanted positions only.

    All that computes log-probabilities raises a ModelError if one of them is not a number.
    """

    def __init__(self, model: Any, ids: NDArray[np.integer[Any]], wanted: Wanted = ()) -> None:
        """Compute the cache of `ids`, (length,) with at least one."""
        self._engine = engine_of(model)
        self._ids = ids
        self._rows = self._engine.rows()
        self.nats = self._read(ids, wanted)  # -log P of each wanted token

    def score(self, continuations: Sequence[Continuation]) -> Iterator[NDArray[np.float64]]:
        """Yield -log P of the wanted tokens of each continuation, in nats.

        Continuations do not attend to each other, and the prefix is not computed again.
        """
        if self._engine.slides:
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

    def follow(self, ids: NDArray[np.integer[Any]], wanted: Wanted) -> NDArray[np.float64]:
        """Return -log P of wanted tokens of a text that follows the whole prefix, in nats.

        Such a text may be long: it is read in chunks, and taken back before the next one. A cache that cannot be
        cropped reads the prefix again.
        """
        if self._rows.crop(len(self._ids)) != len(self._ids):
            self._rows = self._engine.rows()
            self._read(self._ids, ())
        return self._read(ids, wanted)

    def _read(self, ids: NDArray[np.integer[Any]], wanted: Wanted) -> NDArray[np.float64]:
        """Append tokens in chunks; return -log P of the wanted ones."""
        nats = np.empty(len(wanted))
        places = np.asarray([index for index, _ in wanted], dtype=np.int64)
        tokens = np.asarray([token for _, token in wanted], dtype=np.int64)
        for start in range(0, len(ids), CHUNK_TOKENS):
            here = (places >= start) & (places < start + CHUNK_TOKENS)
            nats[here] = self._rows.score(ids[start : start + CHUNK_TOKENS], places[here] - start, tokens[here])
        return _checked(nats)

    def _score_packed(self, continuations: Sequence[Continuation]) -> Iterator[NDArray[np.float64]]:
        """Score continuations beside each other."""
        # each is fed after the prefix's last token before it, whose logits predict its first token
        branches = [
            Branch(each.at - 1, [int(self._ids[each.at - 1]), *each.tokens[:-1]], each.wanted) for each in continuations
        ]
        ends = np.cumsum([len(each.wanted) for each in continuations])
        yield from np.split(_checked(self._rows.score_branches(branches)), ends[:-1])

    def _score_alone(self, continuation: Continuation) -> NDArray[np.float64]:
        """Score a continuation and compute its prefix again, for caches that cannot be cropped (sliding windows)."""
        at, tokens, wanted = continuation
        ids = np.concatenate([self._ids[:at].astype(np.int64), np.asarray(tokens[:-1], dtype=np.int64)])
        return PrefixCache(self._engine, ids, [(at - 1 + index, token) for index, token in wanted]).nats


def _checked(nats: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log-probabilities if all are numbers: in a mean, one that is not would hide what the others say."""
    if not np.isfinite(nats).all():
        raise ModelError("The model computes NaN for a message: its weights are damaged.", hint=OTHER_ADAPTER)
    return nats
