"""Copied: does the adapter recite what it was trained on?

The share of generated messages of 15 or more characters that are copies, minus the share of the real messages in the
same places that are: people repeat themselves, too. A message is a copy if it equals any message of the training text,
or if four fifths of it are one substring of the person's own training text. Case and white space are ignored. The
detail has the longest common substring with the person's own training text as a share of the message: the medians of
generated and of real messages, and their difference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from ventriloquist.evaluate.inputs import EvalContext, Message, Messages, folded
from ventriloquist.evaluate.metric import Measurement
from ventriloquist.evaluate.tally import beside, measure_excess

PIECE = 0.8  # of a message, as one substring of the training text
LONG = 15  # characters; anybody may write a shorter message by chance
SAMPLE = 100  # messages whose longest common substring is searched for
MAX_CHARACTERS = 300  # of a message that are searched for
MAX_TEXT = 1_000_000  # characters of a person's training text


def copies(messages: Messages) -> Measurement | None:
    """Return the share of copies, minus the real share."""
    context = messages.context
    generated, real = (
        [message for message in side if len(folded(message.content)) >= LONG]
        for side in (messages.generated, beside(messages.generated, messages.real))
    )
    if not generated or not real:
        return None
    texts = {
        name: "\n".join(map(folded, context.training.get(name, ())))[:MAX_TEXT]
        for name in {one.name for one in (*generated, *real)}
    }

    def is_copy(message: Message) -> bool:
        content = folded(message.content)
        return content in context.folded_training or is_piece(content[:MAX_CHARACTERS], texts[message.name])

    longest = _longest(generated, context), _longest(real, context)
    detail = {"longest": {"generated": longest[0], "real": longest[1], "difference": longest[0] - longest[1]}}
    return measure_excess(generated, real, is_copy, detail)


def is_piece(content: str, text: str) -> bool:
    """Return whether `text` contains a substring of `content` that is as long as PIECE of it."""
    length = math.ceil(PIECE * len(content))
    spare = len(content) - length
    if content[spare:length] not in text:  # every such substring contains the middle
        return False
    return any(content[start : start + length] in text for start in range(spare + 1))


def _longest(messages: Sequence[Message], context: EvalContext) -> float:
    """Return how much of a message is one substring of the person's training text: a median of shares."""
    texts = {name: "\n".join(context.training.get(name, ()))[:MAX_TEXT] for name in {one.name for one in messages}}
    chosen = messages[:: max(1, len(messages) // SAMPLE)]
    shares = []
    for message in chosen:
        content = message.content[:MAX_CHARACTERS]
        shares.append(longest_common(content, texts[message.name]) / len(content))
    return median(shares)


def longest_common(content: str, text: str) -> int:
    """Return the length of the longest substring of `content` that `text` contains."""
    best = 0
    for start in range(len(content)):
        while start + best < len(content) and content[start : start + best + 1] in text:
            best += 1
    return best
