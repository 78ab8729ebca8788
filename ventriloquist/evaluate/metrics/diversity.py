"""Diversity: are generated messages as varied as real ones?

distinct-2 (Li et al., 2016, arXiv 1510.03055) is the number of different word pairs over the number of all pairs of
neighbouring words. It is computed in groups of twenty messages of one person, from equally many generated and real
pairs. The figure is generated over real. 1 is right, a model that repeats a few messages is far below, and word salad
is above.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ventriloquist.evaluate.inputs import Message, Messages
from ventriloquist.evaluate.metric import Measurement
from ventriloquist.evaluate.tally import share, tally

GROUP = 20  # messages of one person
MINIMUM = 10  # pairs in a group
MAX_CHARACTERS = 1000  # of a message
_WORD = re.compile(r"\w+|[^\w\s]")


def diversity(messages: Messages) -> Measurement | None:
    """Return the ratio of distinct-2."""
    counted = []
    for number, person in enumerate(sorted({message.name for message in messages.real})):
        groups = zip(_groups(messages.generated, person), _groups(messages.real, person), strict=False)
        for index, ((conversation, generated), (_, real)) in enumerate(groups):
            pairs = min(len(generated), len(real))
            if pairs >= MINIMUM:
                # a group is a stretch of the conversation of its first generated message
                cluster = (conversation, number * 1_000_000 + index)
                counted.append((cluster, (len(set(generated[:pairs])), len(set(real[:pairs])))))
    if not counted:
        return None
    return Measurement(len(messages.generated), tally(counted), share)


def _groups(messages: Sequence[Message], person: str) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Yield each group's first conversation, and its word pairs.

    A message's first word makes a pair with an empty one.
    """
    own = [message for message in messages if message.name == person]
    for start in range(0, len(own), GROUP):
        pairs: list[tuple[str, str]] = []
        for message in own[start : start + GROUP]:
            words = ["", *_WORD.findall(message.content[:MAX_CHARACTERS].lower())]
            pairs += pairwise(words)
        yield own[start].target.conversation.id, pairs
