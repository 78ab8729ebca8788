"""The texts that a model has read last, each with its KV cache, so that only what is new is computed."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ventriloquist.model.engine import Engine, Rows

PREFILL_TOKENS = 512  # in a forward pass; bounds the memory for a long context


class RecentPrefixes:
    """The last few rows of tokens that a model has read. A row that begins like one of them is read from there."""

    def __init__(self, engine: Engine, kept: int = 1) -> None:
        """Keep at most so many rows: each has a KV cache as long as its context."""
        self._engine, self._kept = engine, kept
        self._rows = [_Prefix(engine.rows())]  # the one used last stands last

    def logits_after(self, ids: list[int], before_pass: Callable[[], None] | None = None) -> torch.Tensor:
        """Return the logits after these tokens, (vocabulary,). Only tokens that are not in a cache are computed.

        Args:
            before_pass: called before each forward pass. It may raise, to stop.
        """
        return self._best(ids).logits_after(ids, before_pass)

    def read(self, ids: list[int], before_pass: Callable[[], None] | None = None) -> Rows:
        """Return a row of these tokens; only those that are not in a cache are computed.

        Args:
            before_pass: see `logits_after`.
        """
        prefix = self._best(ids)
        prefix.read(ids, before_pass)
        return prefix.row

    def clear(self) -> None:
        """Forget everything that was read."""
        self._rows = [_Prefix(self._engine.rows())]

    def _best(self, ids: list[int]) -> _Prefix:
        """Return the row with the longest beginning in common; a new one if that would throw away most of another."""
        best = max(self._rows, key=lambda each: each.common(ids))
        if 2 * best.common(ids) < min(len(best.ids), len(ids)) and self._kept > 1:
            if len(self._rows) == self._kept:
                del self._rows[0]
            best = _Prefix(self._engine.rows())
        else:
            self._rows.remove(best)
        self._rows.append(best)
        return best


class _Prefix:
    """One row of tokens, with its KV cache and the logits after it."""

    def __init__(self, row: Rows) -> None:
        self.row = row
        self.ids: list[int] = []  # tokens in the cache
        self._logits: torch.Tensor | None = None  # (vocabulary,) after the last of them

    def logits_after(self, ids: list[int], before_pass: Callable[[], None] | None) -> torch.Tensor:
        kept = self.common(ids)
        if kept == len(ids) == len(self.ids) and self._logits is not None:
            return self._logits
        self._keep(min(kept, len(ids) - 1))  # feed the last one again if only its logits are missing
        self._logits = logits = self._read_on(ids, before_pass)
        return logits

    def read(self, ids: list[int], before_pass: Callable[[], None] | None) -> None:
        self._keep(self.common(ids))
        if len(self.ids) < len(ids):
            self._read_on(ids, before_pass)

    def _read_on(self, ids: list[int], before_pass: Callable[[], None] | None) -> torch.Tensor:
        """Feed what is missing of these tokens, one at least; return the logits after them."""
        rest = ids[len(self.ids) :]
        for start in range(0, len(rest), PREFILL_TOKENS):
            if before_pass is not None:
                before_pass()
            logits = self._feed(rest[start : start + PREFILL_TOKENS])
        return logits

    def common(self, ids: list[int]) -> int:
        """Return how many of these tokens the cache begins with."""
        if ids[: len(self.ids)] == self.ids:
            return len(self.ids)
        return next(index for index, held in enumerate(self.ids) if index == len(ids) or held != ids[index])

    def _feed(self, ids: list[int]) -> torch.Tensor:
        try:
            logits = self.row.feed([ids])[0]
        except BaseException:  # also Ctrl-C: some layers may already have the new tokens
            self._crop(len(self.ids))
            raise
        self.ids, self._logits = self.ids + ids, None
        return logits

    def _keep(self, length: int) -> None:
        """Keep the first tokens. A row of a model with sliding windows can be read on, but not be cropped."""
        if length < len(self.ids):
            self._crop(length)

    def _crop(self, length: int) -> None:
        self.ids = self.ids[: self.row.crop(length)]
        self._logits = None
