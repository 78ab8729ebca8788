"""Copied: does the adapter recite what it was trained on?

The share of generated messages of 15 characters and more that equal a message of the training text, but for case and
white space, minus the same share of real held-out messages: people repeat themselves, too. The detail has the longest
common substring with the person's own training text, as a share of the message, generated and real.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from ventriloquist.evaluate.metric import Found
from ventriloquist.evaluate.records import Message, Subject, World, folded
from ventriloquist.evaluate.statistics import excess_interval
from ventriloquist.evaluate.tally import excess, tally_pair

LONG = 15  # characters; shorter ones are everybody's
SAMPLE = 100  # messages whose longest common substring is searched
MAX_CHARACTERS = 300  # of a message that is searched
MAX_TEXT = 1_000_000  # characters of a person's training text


def copies(subject: Subject, world: World) -> Found | None:
    """Return the share of copies, less the real one."""
    generated = [message for message in subject.messages if len(message.content) >= LONG]
    real = [message for message in subject.reference if len(message.content) >= LONG]
    if not generated or not real:
        return None
    known = world.folded_training
    sums = tally_pair(
        ((one.target.cluster, folded(one.content) in known) for one in generated),
        ((one.target.cluster, folded(one.content) in known) for one in real),
    )
    return Found(
        len(generated),
        sums,
        excess,
        exact=excess_interval,
        detail={"longest": {"generated": _longest(generated, world), "real": _longest(real, world)}},
    )


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
