"""Diversity: are generated messages as varied as real ones?

distinct-2 (Li et al., 2016, arXiv 1510.03055): different pairs of neighbouring words over all pairs, counted in groups
of twenty messages of one person with equally many pairs on either side; generated over real. 1 is right; a model that
has collapsed onto a few messages is far below, word salad is above.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ventriloquist.evaluate.metric import Found
from ventriloquist.evaluate.records import Message, Subject, World
from ventriloquist.evaluate.statistics import Array
from ventriloquist.evaluate.tally import ratio, tally

GROUP = 20  # messages of one person
MINIMUM = 10  # pairs in a group
MAX_CHARACTERS = 1000  # of a message
_WORD = re.compile(r"\w+|[^\w\s]")


def diversity(subject: Subject, world: World) -> Found | None:  # noqa: ARG001  # metrics have one signature
    """Return the ratio of distinct-2."""
    counted = []
    for number, person in enumerate(sorted({message.name for message in subject.reference})):
        groups = zip(_groups(subject.messages, person), _groups(subject.reference, person), strict=False)
        for index, (generated, real) in enumerate(groups):
            pairs = min(len(generated), len(real))
            if pairs >= MINIMUM:
                # groups are far apart in time: each is drawn by itself
                cluster = (number * 1_000_000 + index, 0)
                counted.append((cluster, (len(set(generated[:pairs])), len(set(real[:pairs])))))
    if not counted:
        return None
    return Found(len(subject.messages), tally(counted), _ratio)


def _groups(messages: Sequence[Message], person: str) -> Iterator[list[tuple[str, str]]]:
    """Yield the word pairs of each group; a message's first word is paired with its beginning."""
    own = [message.content[:MAX_CHARACTERS] for message in messages if message.name == person]
    for start in range(0, len(own), GROUP):
        pairs: list[tuple[str, str]] = []
        for content in own[start : start + GROUP]:
            words = ["", *_WORD.findall(content.lower())]
            pairs += pairwise(words)
        yield pairs


def _ratio(sums: Array) -> Array:
    return ratio(sums[..., 0], sums[..., 1])
