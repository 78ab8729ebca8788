"""Copied: does the adapter recite what it was trained on?

The share of generated messages of 15 characters and more that are copies, minus the same share of real held-out
messages: people repeat themselves, too. A copy equals a message of anybody's training text, or four fifths of it stand
in the person's own as one piece, but for case and white space: reciting with another first or last word is reciting.
The detail has the longest common substring with the person's own training text, as a share of the message (a median):
generated, real, and the difference of the two.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

from ventriloquist.evaluate.metric import Found
from ventriloquist.evaluate.records import Message, Subject, World, folded
from ventriloquist.evaluate.statistics import Cluster, excess_interval
from ventriloquist.evaluate.tally import excess, tally_pair

PIECE = 0.8  # of a message that stand in the training text as one piece
LONG = 15  # characters; shorter ones are everybody's
SAMPLE = 100  # messages whose longest common substring is searched
MAX_CHARACTERS = 300  # of a message that are searched for
MAX_TEXT = 1_000_000  # characters of a person's training text


def copies(subject: Subject, world: World) -> Found | None:
    """Return the share of copies, less the real one."""
    generated, real = (
        [message for message in messages if len(folded(message.content)) >= LONG]
        for messages in (subject.messages, subject.reference)
    )
    if not generated or not real:
        return None
    texts = {
        name: "\n".join(map(folded, world.training.get(name, ())))[:MAX_TEXT]
        for name in {one.name for one in (*generated, *real)}
    }

    def marked(messages: Sequence[Message]) -> Iterator[tuple[Cluster, bool]]:
        for one in messages:
            content = folded(one.content)
            is_copy = content in world.folded_training or is_piece(content[:MAX_CHARACTERS], texts[one.name])
            yield one.target.cluster, is_copy

    longest = _longest(generated, world), _longest(real, world)
    return Found(
        len(generated),
        tally_pair(marked(generated), marked(real)),
        excess,
        exact=excess_interval,
        detail={"longest": {"generated": longest[0], "real": longest[1], "difference": longest[0] - longest[1]}},
    )


def is_piece(content: str, text: str) -> bool:
    """Say whether a substring of `content` as long as PIECE of it stands in `text`."""
    length = math.ceil(PIECE * len(content))
    spare = len(content) - length
    if content[spare:length] not in text:  # every such substring holds the middle
        return False
    return any(content[start : start + length] in text for start in range(spare + 1))


def _longest(messages: Sequence[Message], world: World) -> float:
    """Return the median share of a message that stands in the person's training text as it is."""
    texts = {name: "\n".join(world.training.get(name, ()))[:MAX_TEXT] for name in {one.name for one in messages}}
    chosen = messages[:: max(1, len(messages) // SAMPLE)]
    shares = []
    for message in chosen:
        content = message.content[:MAX_CHARACTERS]
        shares.append(longest_common(content, texts[message.name]) / len(content))
    return median(shares)


def longest_common(content: str, text: str) -> int:
    """Return the length of the longest substring of `content` that stands in `text`."""
    best = 0
    for start in range(len(content)):
        while start + best < len(content) and content[start : start + best + 1] in text:
            best += 1
    return best
