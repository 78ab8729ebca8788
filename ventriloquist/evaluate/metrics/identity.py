"""Identity by name swap: does the model expect a message most under the name of the person who wrote it?

Each held-out message is scored as the only line of a conversation between all candidates, once under each name:
P(content | name), as in language-model authorship attribution. Only the name differs, so neither turn taking nor the
subject of the conversation can help. ID@1 is the share of messages for which the true name comes first. The ceiling is
a character n-gram classifier that was trained on the same messages: single real messages are attributed correctly only
about half of the time. The floor has the same scores, shuffled among the messages.

In context (`identity_in_context`), each message is scored after the messages before it, under the names of its writer
and nine of the people with the most messages: P(content | context, name). Even a model that knows none of them can tell
from who spoke last and from what they just wrote. So the floor is the base model with the same context.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ventriloquist.evaluate.inputs import Candidates, NamesAlone, NamesInContext
from ventriloquist.evaluate.metric import Measurement
from ventriloquist.evaluate.statistics import share_interval
from ventriloquist.evaluate.tally import mean_reciprocal_rank, rank_sums, share

MAX_CANDIDATES = 10  # the people with the most messages


def identity(names: NamesAlone) -> Measurement:
    """Return ID@1; in the detail the mean reciprocal rank and the confusion matrix (writer: name that came first)."""
    return _identify(names.items)


def identity_in_context(names: NamesInContext) -> Measurement:
    """Return the same as `identity`, for messages in their context."""
    return _identify(names.items)


def _identify(items: Sequence[Candidates]) -> Measurement:
    sums = rank_sums(items)
    confusion: dict[str, Counter[str]] = {}
    for item in items:
        first = min(range(len(item.costs)), key=item.costs.__getitem__)
        confusion.setdefault(item.names[item.true], Counter())[item.names[first]] += 1
    return Measurement(
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
