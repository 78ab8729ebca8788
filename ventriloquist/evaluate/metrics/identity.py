"""Identity by name swap: does the model expect a message most under the name of the person who wrote it?

Each held-out message is scored as the only line of a conversation between all candidates, once under each name:
P(content | name), as in language-model authorship attribution. Only the name differs, so neither turn taking nor the
subject of the conversation can help. ID@1 is the share of messages for which the true name comes first. The floor has
the same scores, shuffled among the messages. The reference is a classifier without a language model that was trained on
the same messages (see `reference`). No ceiling is known: single real messages are attributed correctly only about half
of the time.

ID@5 and ID@20 (`identity_of_5`, `identity_of_20`) ask the same of groups of messages by one writer. Costs add up, since
log P(messages | name) is a sum if messages are independent. Groups do not overlap. The seed orders a writer's
conversations; each group takes the next messages in this order, so that few conversations are in two groups.

In context (`identity_in_context`), each message is scored after the messages before it, under the names of its writer
and nine of the people with the most messages: P(content | context, name). Even a model that knows none of them can tell
from who spoke last and from what they just wrote. So the floor is the base model with the same context.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

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


def identity_of_5(names: NamesAlone) -> Measurement:
    """Return ID@5: the same as `identity`, for groups of five messages by one writer."""
    return _identify(groups(names.items, 5, names.seed))


def identity_of_20(names: NamesAlone) -> Measurement:
    """Return ID@20: the same as `identity`, for groups of twenty messages by one writer."""
    return _identify(groups(names.items, 20, names.seed))


def groups(items: Sequence[Candidates], size: int, seed: int) -> list[Candidates]:
    """Add up the costs of groups of messages by one writer; messages that fill no group are left out.

    A group belongs to the conversation and stretch that most of its messages are from.
    """
    by_writer: dict[str, list[Candidates]] = defaultdict(list)
    for item in items:
        by_writer[item.names[item.true]].append(item)
    found = []
    for writer in sorted(by_writer):
        own = sorted(by_writer[writer], key=lambda item: (_lot(item, seed), item.target.id))
        for start in range(0, len(own) - size + 1, size):
            group = own[start : start + size]
            clusters = Counter(item.target.cluster for item in group)
            conversations = Counter(item.target.conversation.id for item in group)
            most = max(
                group, key=lambda item: (conversations[item.target.conversation.id], clusters[item.target.cluster])
            )
            costs = np.sum([item.costs for item in group], axis=0)
            found.append(most._replace(costs=tuple(costs.tolist())))
    return found


def _lot(item: Candidates, seed: int) -> float:
    return random.Random(f"{seed} {item.target.conversation.id}").random()  # noqa: S311  # not for secrets


def _identify(items: Sequence[Candidates]) -> Measurement:
    sums = rank_sums(items)
    confusion: dict[str, Counter[str]] = {}
    for item in items:
        first = min(range(len(item.costs)), key=item.costs.__getitem__)
        confusion.setdefault(item.names[item.true], Counter())[item.names[first]] += 1
    if not items:
        return Measurement(0, sums, share, exact=share_interval)
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
