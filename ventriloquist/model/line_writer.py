"""Generating one line after another with a local model; the KV cache is kept between calls."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import torch

from ventriloquist.model.engine import Rows, engine_of
from ventriloquist.model.grammar import LineGrammar
from ventriloquist.model.partial_line import PartialLine, Piece
from ventriloquist.model.recent_prefixes import RecentPrefixes
from ventriloquist.model.sampling import MAX_TOKENS, Sampling
from ventriloquist.model.tokens import encode
from ventriloquist.transcript import Line

SHORT = 1024  # characters: the tokens of a longer line are not kept
BATCH = 32  # contexts that are written after at once; more only cost memory
BATCH_TOKENS = 32_768  # in their KV cache: 4.5 GiB for Qwen3-8B


class LineWriter:
    """A local model that writes lines. A context is rendered lines, each ended by its newline."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        seed: int = 0,  # the same calls in the same order give the same lines
        sampling: Sampling | None = None,  # of contents; names and deltas are sampled at temperature 1
        max_tokens: int = MAX_TOKENS,
        prefixes: int = 1,  # conversations whose KV cache is kept
    ) -> None:
        self._engine = engine = engine_of(model)
        self._model, self._tokenizer = model, tokenizer
        self._grammar = LineGrammar(tokenizer, engine.vocabulary)
        self._generator = torch.Generator().manual_seed(seed)
        self._sampling = sampling or Sampling()
        self._max_tokens = max_tokens
        self._encode_short = lru_cache(maxsize=4096)(self._encode_line)
        self._prefixes = RecentPrefixes(engine, prefixes)
        self._before_pass: Callable[[], None] | None = None

    def with_request(self, *, seed: int, sampling: Sampling, before_pass: Callable[[], None]) -> LineWriter:
        """Return a writer for one request, which shares the model, the grammar and the caches with this one.

        Args:
            before_pass: called before each forward pass. It may raise, to stop.
        """
        writer = copy.copy(self)
        writer._generator = torch.Generator().manual_seed(seed)
        writer._sampling, writer._before_pass = sampling, before_pass
        return writer

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a rendered line."""
        return len(self._encode(text))

    def next_name(self, context: Sequence[str], names: Sequence[str]) -> str:
        """Sample who writes next, at temperature 1."""
        prompt, partial = self._begin(context, names)
        while partial.name is None:
            partial.choose(self.logits_after(prompt + partial.tokens), self._uniform())
        return partial.name

    def write(self, context: Sequence[str], names: Sequence[str], max_tokens: int | None = None) -> Iterator[Piece]:
        """Write one line of one of these people; yield its content in pieces, the last one with the whole line.

        Args:
            max_tokens: of the content, if fewer than usual.
        """
        prompt, partial = self._begin(context, names, max_tokens=max_tokens)
        while partial.line is None:
            partial.choose(self.logits_after(prompt + partial.tokens), self._uniform())
            if piece := partial.piece():
                yield piece

    def complete(self, context: Sequence[str], names: Sequence[str], begun: str) -> Iterator[str]:
        """Write the rest of a line as it is rendered, its newline included; yield it in pieces.

        Args:
            begun: the beginning of the rendered line.

        Raises:
            ValueError: no line of these people begins so.
        """
        prompt, partial = self._begin(context, names, begun)
        shown = len(begun)
        while True:
            if len(text := partial.rendered) > shown:
                yield text[shown:]
                shown = len(text)
            if partial.line is not None:
                return
            partial.choose(self.logits_after(prompt + partial.tokens), self._uniform())

    def candidates(
        self, context: Sequence[str], names: Sequence[str], count: int, max_tokens: int | None = None
    ) -> list[Line]:
        """Write alternative next lines as one batch; `max_tokens` as in `write`."""
        prompt, shared = self._begin(context, names)
        logits = self.logits_after(prompt + shared.tokens).expand(count, -1)
        rows = [self._begin(context, names, max_tokens=max_tokens)[1] for _ in range(count)]
        draws = [self._uniform] * count
        return self._finish(self._prefixes.repeated(count), logits, rows, draws, fed=len(shared.tokens))

    def write_each(self, contexts: Sequence[Sequence[str]], names: Sequence[Sequence[str]], seed: int) -> list[Line]:
        """Write one line after each of these contexts, by one of its own names, in batches.

        The seed and the place of a context give its line. The other contexts have no effect on it, except where
        rounding decides between tokens.
        """
        begun = [self._begin(context, of_context) for context, of_context in zip(contexts, names, strict=True)]
        draws = [_uniforms(f"{seed} {place}") for place in range(len(begun))]
        fed = [prompt + line.tokens for prompt, line in begun]
        lines: list[Line] = []
        while len(lines) < len(begun):
            end = min(len(lines) + BATCH, len(begun))
            while (
                end - len(lines) > 1
                and (end - len(lines)) * (max(map(len, fed[len(lines) : end])) + self._max_tokens) > BATCH_TOKENS
            ):
                end -= 1
            part = slice(len(lines), end)
            batch = self._engine.rows()
            logits = batch.feed(fed[part])
            lines += self._finish(batch, logits, [line for _, line in begun[part]], draws[part])
        return lines

    def _finish(
        self,
        batch: Rows,
        logits: torch.Tensor,
        rows: Sequence[PartialLine],
        draws: Sequence[Callable[[], torch.Tensor]],
        *,
        fed: int | None = None,
    ) -> list[Line]:
        """Write lines to their ends as one batch.

        Args:
            batch: has read each row's context and its tokens so far.
            logits: (rows, vocabulary) after them.
            draws: for each row, a source of (1,) random numbers.
            fed: tokens of each row that the batch has read; default all.
        """
        read = [len(row.tokens) if fed is None else fed for row in rows]
        going = list(range(len(rows)))
        while True:
            logits = logits.float().cpu()
            for index, row in enumerate(going):
                if read[row] == len(rows[row].tokens):
                    rows[row].choose(logits[index], draws[row]())
            kept = [index for index, row in enumerate(going) if rows[row].line is None]
            if not kept:
                return [row.line for row in rows if row.line is not None]
            if len(kept) < len(going):
                batch.select(kept)
                going = [going[index] for index in kept]
            if self._before_pass is not None:
                self._before_pass()
            logits = batch.feed([[rows[row].tokens[read[row]]] for row in going])
            for row in going:
                read[row] += 1

    def logits_after(self, ids: list[int]) -> torch.Tensor:
        """Return the logits after these tokens, (vocabulary,). Only tokens that are not in the cache are computed."""
        return self._prefixes.logits_after(ids, self._before_pass)

    def _begin(
        self, context: Sequence[str], names: Sequence[str], begun: str = "", max_tokens: int | None = None
    ) -> tuple[list[int], PartialLine]:
        prompt = [token for number, line in enumerate(context) for token in self._encode(line, start=number == 0)]
        matcher, limit = self._grammar.begin(names), min(max_tokens or self._max_tokens, self._max_tokens)
        return prompt, PartialLine(matcher, tuple(names), self._sampling, limit, encode(self._tokenizer, begun))

    def _uniform(self) -> torch.Tensor:
        return torch.rand(1, generator=self._generator)

    def _encode(self, line: str, *, start: bool = False) -> tuple[int, ...]:
        return (self._encode_short if len(line) <= SHORT else self._encode_line)(line, start=start)

    def _encode_line(self, line: str, *, start: bool = False) -> tuple[int, ...]:
        # lines are encoded one by one: no token spans a newline followed by {
        return tuple(encode(self._tokenizer, line, start=start))


def _uniforms(seed: str) -> Callable[[], torch.Tensor]:
    """Return a source of (1,) random numbers in [0, 1)."""
    generator = torch.Generator().manual_seed(random.Random(seed).getrandbits(63))  # noqa: S311  # not for secrets
    return lambda: torch.rand(1, generator=generator)
