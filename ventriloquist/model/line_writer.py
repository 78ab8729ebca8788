"""Writing lines that follow a context: the key/value cache lives on between calls and is reused as far as it fits."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import torch

from ventriloquist.model.grammar import LineGrammar
from ventriloquist.model.partial_line import Piece, Writing
from ventriloquist.model.sampling import Sampling
from ventriloquist.model.tokens import encode
from ventriloquist.transcript import Line

MAX_TOKENS = 256  # of one content; longer ones are closed there
PREFILL_TOKENS = 512  # a forward pass; bounds the memory of a long context


class LineWriter:
    """A model that writes one line after another. A context is rendered lines, each ended by its newline."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        seed: int = 0,
        sampling: Sampling | None = None,
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        """Prepare a causal language model, with or without an adapter.

        Args:
            seed: the same calls in the same order give the same lines again.
            sampling: how contents are drawn; names and deltas keep the model's own rates.
            max_tokens: of one content.
        """
        self._model, self._tokenizer = model, tokenizer
        self._grammar = LineGrammar(tokenizer, model.config.vocab_size)
        self._generator = torch.Generator().manual_seed(seed)
        self._sampling = sampling or Sampling()
        self._max_tokens = max_tokens
        self._encode = lru_cache(maxsize=4096)(self._encode_line)
        self._ids: list[int] = []  # what the cache holds
        self._cache: Any = None
        self._logits: torch.Tensor | None = None  # (vocabulary,) after the last of them

    def count_tokens(self, text: str) -> int:
        """Return the tokens of a rendered line."""
        return len(self._encode(text))

    def next_name(self, context: Sequence[str], names: Sequence[str]) -> str:
        """Draw who writes next, at the model's own rates."""
        prompt, writing = self._begin(context, names)
        while writing.name is None:
            writing.choose(self.logits_after(prompt + writing.tokens), self._uniform())
        return writing.name

    def write(self, context: Sequence[str], names: Sequence[str]) -> Iterator[Piece]:
        """Write one line of one of these people, and yield its content as it comes; the last piece has the line."""
        prompt, writing = self._begin(context, names)
        while writing.line is None:
            writing.choose(self.logits_after(prompt + writing.tokens), self._uniform())
            if piece := writing.piece():
                yield piece

    def candidates(self, context: Sequence[str], names: Sequence[str], count: int) -> list[Line]:
        """Write several lines that could each come next, as one batch."""
        prompt, shared = self._begin(context, names)
        logits = self.logits_after(prompt + shared.tokens).expand(count, -1)
        cache = copy.deepcopy(self._cache)
        cache.batch_repeat_interleave(count)
        rows = [self._begin(context, names)[1] for _ in range(count)]
        fed = [len(shared.tokens)] * count
        going = list(range(count))
        while True:
            for index, row in enumerate(going):
                if fed[row] == len(rows[row].tokens):
                    rows[row].choose(logits[index], self._uniform())
            kept = [index for index, row in enumerate(going) if rows[row].line is None]
            if not kept:
                return [row.line for row in rows if row.line is not None]
            if len(kept) < len(going):
                cache.batch_select_indices(torch.tensor(kept, device=self._model.device))
                going = [going[index] for index in kept]
            tokens = [rows[row].tokens[fed[row]] for row in going]
            for row in going:
                fed[row] += 1
            with torch.inference_mode():
                ids = torch.tensor(tokens, device=self._model.device)[:, None]
                logits = self._model(input_ids=ids, past_key_values=cache, use_cache=True).logits[:, -1]

    def logits_after(self, ids: list[int]) -> torch.Tensor:
        """Return the logits after these tokens, (vocabulary,); only what the cache does not hold is computed."""
        kept = self._keep(ids)
        if kept == len(ids) == len(self._ids) and self._logits is not None:
            return self._logits
        self._crop(min(kept, len(ids) - 1))  # the last one is fed again where only its logits are missing
        rest = ids[len(self._ids) :]
        for start in range(0, len(rest), PREFILL_TOKENS):
            logits = self._feed(rest[start : start + PREFILL_TOKENS])
        self._logits = logits
        return logits

    def _begin(self, context: Sequence[str], names: Sequence[str]) -> tuple[list[int], Writing]:
        prompt = [token for number, line in enumerate(context) for token in self._encode(line, start=number == 0)]
        matcher = self._grammar.begin(names)
        return prompt, Writing(matcher, tuple(names), self._sampling, self._max_tokens)

    def _uniform(self) -> torch.Tensor:
        return torch.rand(1, generator=self._generator)

    def _encode_line(self, line: str, *, start: bool = False) -> tuple[int, ...]:
        # the tokens of a transcript are those of its lines: no token reaches over a newline that a { follows
        return tuple(encode(self._tokenizer, line, start=start))

    def _keep(self, ids: list[int]) -> int:
        """Return how many of these tokens the cache holds at its beginning."""
        if ids[: len(self._ids)] == self._ids:
            return len(self._ids)
        return next(index for index, held in enumerate(self._ids) if index == len(ids) or held != ids[index])

    def _feed(self, ids: list[int]) -> torch.Tensor:
        held = self._ids
        try:
            with torch.inference_mode():
                output = self._model(
                    input_ids=torch.tensor([ids], device=self._model.device),
                    past_key_values=self._cache,
                    use_cache=True,
                    logits_to_keep=1,
                )
        except BaseException:  # also Ctrl-C: some layers may hold the new tokens already
            self._crop(len(held))
            raise
        self._cache = output.past_key_values
        self._ids = held + ids
        return output.logits[0, -1]  # type: ignore[no-any-return]  # transformers is Any here

    def _crop(self, length: int) -> None:
        """Forget the cache's end. A layer that does not hold every token (a sliding window) cannot: forget it all."""
        for layer in self._cache.layers if self._cache is not None else ():
            held = _held(layer)
            if held is None or held < length or length == 0:
                self._cache, self._ids, self._logits = None, [], None
                return
            if held > length:
                layer.crop(length - held)  # negative: so many fewer
        self._ids = self._ids[:length]
        self._logits = None


def _held(layer: Any) -> int | None:
    """Return how many tokens a layer of a cache holds, or None where it does not hold every one of them."""
    keys, values = getattr(layer, "keys", None), getattr(layer, "values", None)
    if keys is None or values is None or keys.shape[-2] != values.shape[-2]:
        return None
    held = int(keys.shape[-2])
    return held if layer.get_seq_length() == held else None
