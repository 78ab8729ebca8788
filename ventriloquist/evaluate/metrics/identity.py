"""Identity by name swap: does the model expect a message most under the name of the person who wrote it?

Every held-out message is scored as the only line of a conversation of all candidates, once under each name:
P(content | name), as in language-model authorship attribution. Nothing but the name differs, so no habit of turn
taking or subject of the conversation can help. ID@1 is how often the true name comes first. Ceiling: a character
n-gram classifier that was trained on the same messages, since real single messages are attributed right only about
half of the time; floor: the same scores shuffled among the messages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ventriloquist.evaluate.metric import Found
from ventriloquist.evaluate.ranks import mean_reciprocal_rank, rank_sums
from ventriloquist.evaluate.records import Candidates, Subject, World
from ventriloquist.evaluate.statistics import share_interval
from ventriloquist.evaluate.tally import share

MAX_CANDIDATES = 10  # the people with the most messages


def identity(subject: Subject, world: World) -> Found | None:  # noqa: ARG001  # metrics have one signature
    """Return ID@1; in the detail the mean reciprocal rank and the confusion matrix (writer: name that came first)."""
    return named(subject.names)


def named(items: Sequence[Candidates]) -> Found | None:
    """Return ID@1 of messages that were scored under several names."""
    if not items:
        return None
    sums = rank_sums(items)
    confusion: dict[str, Counter[str]] = {}
    for item in items:
        first = min(range(len(item.costs)), key=item.costs.__getitem__)
        confusion.setdefault(item.names[item.true], Counter())[item.names[first]] += 1
    return Found(
        len(items),
        sums,
        share,
        exact=share_interval,
        detail={
            "candidates": list(items[0].names),
            "mrr": mean_reciprocal_rank(sums),
            "confusion": {writer: dict(row) for writer, row in confusion.items()},
        },
    )
