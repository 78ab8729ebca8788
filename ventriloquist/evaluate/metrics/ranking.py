"""Next-message ranking: does the model find the true message among twenty?

The candidates are the true one, nine others of the same person and ten of other people, all in that person's name.
They are ranked by pointwise mutual information, log P(content | context, name) − log P(content | name), so that a
message wins by fitting here and not by being common. R@1; chance is 5 %.
"""

from __future__ import annotations

from ventriloquist.evaluate.metric import Found
from ventriloquist.evaluate.ranks import mean_reciprocal_rank, rank_sums
from ventriloquist.evaluate.records import Subject, World
from ventriloquist.evaluate.statistics import share_interval
from ventriloquist.evaluate.tally import share

SAME, OTHERS = 9, 10


def ranking(subject: Subject, world: World) -> Found | None:  # noqa: ARG001  # metrics have one signature
    """Return R@1; in the detail the mean reciprocal rank."""
    if not subject.ranked:
        return None
    sums = rank_sums(subject.ranked)
    return Found(len(subject.ranked), sums, share, exact=share_interval, detail={"mrr": mean_reciprocal_rank(sums)})
