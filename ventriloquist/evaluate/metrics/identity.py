"""Identity by name swap: does the model expect a message most under the name of the person who wrote it?

Each held-out message is scored as the only line of a conversation between all candidates, once under each name:
P(content | name), as in language-model authorship attribution. Only the name differs, so neither turn taking nor the
subject of the conversation can help. ID@1 is the share of messages for which the true name comes first. The ceiling is
a character n-gram classifier that was trained on the same messages: single real messages are attributed correctly only
about half of the time. The floor has the same scores, shuffled among the messages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ventriloquist.evaluate.inputs import Candidates, NamesAlone
from ventriloquist.evaluate.metric import Measurement
from ventriloquist.evaluate.statistics import share_interval
from ventriloquist.evaluate.tally import mean_reciprocal_rank, rank_sums, share

MAX_CANDIDATES = 10  # the people with the most messages


def identity(names: NamesAlone) -> Measurement:
    """Return ID@1; in the detail the mean reciprocal rank and the confusion matrix (writer: name that came first)."""
    return identify(names.items)


def identify(items: Sequence[Candidates]) -> Measurement:
    """Measure ID@1 on messages that were scored under several names."""
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
