"""The grammar of one transcript line, and which tokens it allows next (llguidance)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ventriloquist.model.gate import explained
from ventriloquist.model.tokens import HINT
from ventriloquist.transcript import DELTAS, line_opening

# What rendering writes, and nothing that only means the same: a finished line is then its own rendering, byte for byte.
# No \n and no \r: a message is split there. A raw < is never followed by |, / or a letter: such a < is \u003c.
_ESCAPE = r'\\["\\bft]|\\u00(0[0-7be-f]|1[0-9a-f])|\\u003c[|\/A-Za-z]'
_CONTENT = rf'([^"\\\x00-\x1f<]|<*({_ESCAPE})|<+[^"\\\x00-\x1f<|\/A-Za-z])*<*'

_BEFORE_DELTA = ' "delta": "'
_BEFORE_CONTENT = '", "content": "'
_END = '"}\n'


def line_grammar(names: Sequence[str]) -> str:
    """Return the Lark grammar of a line, its newline included.

    Args:
        names: who may have written it.
    """
    openings = " | ".join(_literal(line_opening(name)) for name in names)
    deltas = " | ".join(_literal(delta) for delta in DELTAS)
    return "\n".join(
        [
            f"start: OPENING {_literal(_BEFORE_DELTA)} DELTA {_literal(_BEFORE_CONTENT)} CONTENT {_literal(_END)}",
            f"OPENING: {openings}",
            f"DELTA: {deltas}",
            f"CONTENT: /{_CONTENT}/ & ~/[ ]*/",  # somebody who writes says something
        ]
    )


class LineGrammar:
    """The grammars of one tokenizer's lines. Building it takes a second or more: once a model."""

    def __init__(self, tokenizer: Any, vocabulary: int) -> None:
        """Prepare a fast tokenizer of transformers.

        Args:
            vocabulary: the length of the model's logits, which may exceed the tokenizer's tokens.

        Raises:
            ModelError: no grammar can be built on it.
        """
        with explained("The grammar of a line cannot be built on this model's tokenizer", HINT, rust=True):
            from llguidance.hf import from_tokenizer

            tokens = max(
                vocabulary, max(tokenizer.get_vocab().values(), default=0) + 1
            )  # some have more than the model
            self._tokenizer = from_tokenizer(tokenizer, n_vocab=tokens, eos_token=tokenizer.eos_token_id)
        self._vocabulary = vocabulary
        self._matchers: dict[tuple[str, ...], Any] = {}

    def begin(self, names: Sequence[str]) -> LineMatcher:
        """Return a matcher at the beginning of a line of one of these people."""
        from llguidance import LLMatcher

        key = tuple(names)
        if key not in self._matchers:
            matcher = LLMatcher(self._tokenizer, LLMatcher.grammar_from_lark(line_grammar(key)))
            if matcher.is_error():
                raise ValueError(matcher.get_error())
            self._matchers[key] = matcher
        return LineMatcher(self._matchers[key].deep_copy(), self._tokenizer, self._vocabulary)


class LineMatcher:
    """One line on its way through the grammar."""

    def __init__(self, matcher: Any, tokenizer: Any, vocabulary: int) -> None:
        self._matcher, self._tokenizer, self._vocabulary = matcher, tokenizer, vocabulary

    @property
    def finished(self) -> bool:
        return bool(self._matcher.is_stopped())

    def allowed(self) -> NDArray[np.bool_]:
        """Return which tokens may come next, (vocabulary,)."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        return np.unpackbits(bits, bitorder="little", count=self._vocabulary).view(np.bool_)

    def take(self, tokens: Sequence[int]) -> bytes:
        """Go on by these tokens and return their bytes."""
        if not self._matcher.consume_tokens(list(tokens)):
            raise ValueError(self._matcher.get_error())
        return bytes(self._tokenizer.decode_bytes(list(tokens)))

    def forced(self) -> list[int]:
        """Return the tokens that must come next, as far as the tokenizer would not have joined them to what follows."""
        return [] if self.finished else list(self._matcher.compute_ff_tokens())


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # Lark's strings escape as JSON's do
