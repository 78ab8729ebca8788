"""The grammar of a transcript line, and the mask of tokens that it allows next (llguidance)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ventriloquist.model.gate import explained
from ventriloquist.model.tokens import HINT
from ventriloquist.transcript import DELTAS, line_opening

# Exactly what `render_line` writes, so that a finished line equals its rendering byte for byte. A content has no \n and
# no \r, because messages are split there, and no raw < before |, / or a letter, because that is rendered as \u003c.
_ESCAPE = r'\\["\\bft]|\\u00(0[0-7be-f]|1[0-9a-f])|\\u003c[|\/A-Za-z]'
_CONTENT = rf'([^"\\\x00-\x1f<]|<*({_ESCAPE})|<+[^"\\\x00-\x1f<|\/A-Za-z])*<*'

_BEFORE_DELTA = ' "delta": "'
_BEFORE_CONTENT = '", "content": "'
_END = '"}\n'
MOST_GRAMMARS = 64  # that are held in memory: a server meets other names with each request


def line_grammar(names: Sequence[str]) -> str:
    """Return the Lark grammar of a line of one of these people, newline included."""
    openings = " | ".join(_literal(line_opening(name)) for name in names)
    deltas = " | ".join(_literal(delta) for delta in DELTAS)
    rules = [
        f"start: OPENING {_literal(_BEFORE_DELTA)} DELTA {_literal(_BEFORE_CONTENT)} CONTENT {_literal(_END)}",
        f"OPENING: {openings}",
        f"DELTA: {deltas}",
        f"CONTENT: /{_CONTENT}/ & ~/[ ]*/",  # not empty
    ]
    return "\n".join(rules)


class LineGrammar:
    """Line grammars for one tokenizer. Building this takes seconds: do it once for each model."""

    def __init__(self, tokenizer: Any, vocabulary: int) -> None:
        """Prepare a fast tokenizer for logits of the length `vocabulary`.

        Raises:
            ModelError: llguidance cannot use the tokenizer.
        """
        with explained("The grammar of a line cannot be built on this model's tokenizer", HINT, rust=True):
            from llguidance.hf import from_tokenizer

            known = max(tokenizer.get_vocab().values(), default=0) + 1
            tokens = max(vocabulary, known)  # some tokenizers have more than the model
            self._tokenizer = from_tokenizer(tokenizer, n_vocab=tokens, eos_token=tokenizer.eos_token_id)
        self._vocabulary = vocabulary
        self._matchers: dict[tuple[str, ...], Any] = {}

    def begin(self, names: Sequence[str]) -> LineMatcher:
        """Return a matcher at the start of a line of one of these people."""
        from llguidance import LLMatcher

        key = tuple(names)
        matcher = self._matchers.pop(key, None)
        if matcher is None:
            matcher = LLMatcher(self._tokenizer, LLMatcher.grammar_from_lark(line_grammar(key)))
            if matcher.is_error():
                raise ValueError(matcher.get_error())
            if len(self._matchers) >= MOST_GRAMMARS:
                del self._matchers[next(iter(self._matchers))]
        self._matchers[key] = matcher  # the one used last stands last
        return LineMatcher(matcher.deep_copy(), self._tokenizer, self._vocabulary)


class LineMatcher:
    """The state of the grammar within one line."""

    def __init__(self, matcher: Any, tokenizer: Any, vocabulary: int) -> None:
        self._matcher, self._tokenizer, self._vocabulary = matcher, tokenizer, vocabulary

    @property
    def finished(self) -> bool:
        return bool(self._matcher.is_stopped())

    def allowed(self) -> NDArray[np.bool_]:
        """Return the mask of tokens that may come next, (vocabulary,)."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        return np.unpackbits(bits, bitorder="little", count=self._vocabulary).view(np.bool_)

    def take(self, tokens: Sequence[int]) -> bytes:
        """Append these tokens and return their bytes."""
        if not self._matcher.consume_tokens(list(tokens)):
            raise ValueError(self._matcher.get_error())
        return bytes(self._tokenizer.decode_bytes(list(tokens)))

    def forced(self) -> list[int]:
        """Return the tokens that the grammar fixes next, but none that may merge with later text."""
        return [] if self.finished else list(self._matcher.compute_ff_tokens())


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # Lark's strings escape as JSON's do
