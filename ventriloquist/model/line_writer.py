"""Generating one line after another with a local model; the KV cache is kept between calls."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from ventriloquist.model.engine import Rows, engine_of
from ventriloquist.model.grammar import LineGrammar
from ventriloquist.model.partial_line import PartialLine, Piece
from ventriloquist.model.recent_prefixes import RecentPrefixes
from ventriloquist.model.sampling import MAX_TOKENS, Sampling, guide
from ventriloquist.model.tokens import encode
from ventriloquist.transcript import UNKNOWN, Line

SHORT = 1024  # characters: the tokens of a longer line are not kept
BATCH = 32  # contexts that are written after at once; more only cost memory
BATCH_TOKENS = 32_768  # in all their KV caches: 4.5 GiB for Qwen3-8B


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
        self._slides = engine.slides
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
        for _ in self._steps(prompt, partial):
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
        for _ in self._steps(prompt, partial):
            if len(text := partial.rendered) > shown:
                yield text[shown:]
                shown = len(text)

    def candidates(
        self, context: Sequence[str], names: Sequence[str], count: int, max_tokens: int | None = None
    ) -> list[Line]:
        """Write alternative next lines in batches; `max_tokens` as in `write`."""
        begun = [self._begin(context, names, max_tokens=max_tokens) for _ in range(count)]
        at_once = self._at_once(max(len(prompt) + len(partial.tokens) for prompt, partial in begun))
        lines: list[Line] = []
        while len(lines) < count:
            part = begun[len(lines) : len(lines) + at_once]
            row = self._prefixes.read(part[0][0], self._before_pass)
            lines += self._finish(row, [_Begun(0, prompt, partial, self._uniform) for prompt, partial in part])
        return lines

    def write_each(self, contexts: Sequence[Sequence[str]], names: Sequence[Sequence[str]], seed: int) -> list[Line]:
        """Write one line after each of these contexts, by one of its own names, in batches.

        The seed and the place of a context give its line. The other contexts have no effect on it, except where
        rounding decides between tokens.
        """
        begun = [self._begin(context, of_context) for context, of_context in zip(contexts, names, strict=True)]
        tokens = [len(prompt) + len(partial.tokens) for prompt, partial in begun]
        lines: list[Line] = []
        while len(lines) < len(begun):
            end = min(len(lines) + BATCH, len(begun))
            while end - len(lines) > self._at_once(max(tokens[len(lines) : end])):
                end -= 1
            part = [
                _Begun(row, *begun[place], _uniforms(f"{seed} {place}"))
                for row, place in enumerate(range(len(lines), end))
            ]
            batch = self._engine.rows()
            if self._weight:
                batch.feed([each.prompt for each in part])
                lines += self._finish(batch, part)
            else:
                logits = batch.feed([each.prompt + each.partial.tokens for each in part])
                _exhaust(self._grow(batch, logits, part, guided=False))
                lines += _written(part)
        return lines

    @property
    def _weight(self) -> float:
        """The weight of name guidance. Rows of a model that slides cannot be forked after the prompt."""
        return 0.0 if self._slides else self._sampling.name_guidance

    def _at_once(self, tokens: int) -> int:
        """Return how many lines are written at once, if the longest has so many tokens until its content."""
        rows = 3 if self._weight else 1  # of a line: what it is forked from, and by its writer and somebody unknown
        return max(1, min(BATCH, BATCH_TOKENS // (rows * (tokens + self._max_tokens))))

    def _steps(self, prompt: list[int], partial: PartialLine) -> Iterator[None]:
        """Write one line to its end; yield before its first token and after each one."""
        yield
        while partial.line is None and not self._is_guided(partial):
            partial.choose(self.logits_after(prompt + partial.tokens), self._uniform())
            yield
        if partial.line is None:
            row = self._prefixes.read(prompt, self._before_pass)
            yield from self._grow_from(row, [_Begun(0, prompt, partial, self._uniform)], guided=True)

    def _finish(self, source: Rows, lines: Sequence[_Begun]) -> list[Line]:
        """Write lines to their ends in batches; `source` has read their prompts."""
        for guided in (False, True):
            going = [each for each in lines if each.partial.line is None and self._is_guided(each.partial) == guided]
            if going:
                _exhaust(self._grow_from(source, going, guided=guided))
        return _written(lines)

    def _is_guided(self, partial: PartialLine) -> bool:
        """Whether the next token of a line is drawn with name guidance."""
        return self._weight > 0 and partial.in_content and partial.name != UNKNOWN

    def _grow_from(self, source: Rows, lines: Sequence[_Begun], *, guided: bool) -> Iterator[None]:
        """Write lines as in `_grow`, in rows that are forked from others, which have read the prompts.

        A line that is guided has a second row in the batch, in which an unknown person writes it.
        """
        if guided:  # both are tokenised as in training
            named = [encode(self._tokenizer, each.partial.written_by(each.partial.name or UNKNOWN)) for each in lines]
            unknown = [encode(self._tokenizer, each.partial.written_by(UNKNOWN)) for each in lines]
            batch, logits = self._forked(source, [*lines, *lines], named + unknown)
        else:
            batch, logits = self._forked(source, lines, [each.partial.tokens for each in lines])
        yield from self._grow(batch, logits, lines, guided=guided)

    def _grow(self, batch: Rows, logits: torch.Tensor, lines: Sequence[_Begun], *, guided: bool) -> Iterator[None]:
        """Write lines as one batch; yield after each token. Lines that are not guided stop where guidance begins.

        Args:
            batch: has read each line's prompt and tokens; if they are guided, the same by an unknown person after them.
            logits: (rows, vocabulary) after them.
        """
        going = list(lines)
        for each in going:
            each.read = len(each.partial.tokens)
        while True:
            logits = logits.float()
            if guided:
                logits = guide(logits[: len(going)], logits[len(going) :], self._weight)
            logits = logits.cpu()
            for index, each in enumerate(going):
                if each.read == len(each.partial.tokens):
                    each.partial.choose(logits[index], each.uniform())
            yield
            kept = [
                index
                for index, each in enumerate(going)
                if each.partial.line is None and self._is_guided(each.partial) == guided
            ]
            if not kept:
                return
            if len(kept) < len(going):
                batch.select([*kept, *(len(going) + index for index in kept)] if guided else kept)
                going = [going[index] for index in kept]
            new = [[each.partial.tokens[each.read]] for each in going]
            logits = self._read(batch, new * 2 if guided else new)
            for each in going:
                each.read += 1

    def _forked(self, source: Rows, lines: Sequence[_Begun], written: Sequence[list[int]]) -> tuple[Rows, torch.Tensor]:
        """Return rows that have read each line's prompt and then its tokens, and the logits after them.

        The prompts are copied from `source` as far as all rows can then read equally many tokens.
        """
        texts = [each.prompt + tokens for each, tokens in zip(lines, written, strict=True)]
        kept = [len(text) - max(1, *map(len, written)) for text in texts]
        if min(kept) < 1:
            return (batch := self._engine.rows()), self._read(batch, texts)
        batch = source.fork([(each.row, length) for each, length in zip(lines, kept, strict=True)])
        return batch, self._read(batch, [text[length:] for text, length in zip(texts, kept, strict=True)])

    def _read(self, batch: Rows, ids: Sequence[Sequence[int]]) -> torch.Tensor:
        if self._before_pass is not None:
            self._before_pass()
        return batch.feed(ids)

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


@dataclass(slots=True)
class _Begun:
    """A line of a batch."""

    row: int  # the number of the row that has read its prompt
    prompt: list[int]
    partial: PartialLine
    uniform: Callable[[], torch.Tensor]  # a source of (1,) random numbers
    read: int = 0  # tokens of the line that its row in the batch has read


def _exhaust(steps: Iterator[None]) -> None:
    """Write lines to their ends."""
    for _ in steps:
        pass


def _written(lines: Sequence[_Begun]) -> list[Line]:
    return [each.partial.line for each in lines if each.partial.line is not None]


def _uniforms(seed: str) -> Callable[[], torch.Tensor]:
    """Return a source of (1,) random numbers in [0, 1)."""
    generator = torch.Generator().manual_seed(random.Random(seed).getrandbits(63))  # noqa: S311  # not for secrets
    return lambda: torch.rand(1, generator=generator)
