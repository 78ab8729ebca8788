"""Next-message ranking: does the model find the true message among twenty?

The candidates are the true message, nine others of the same person and ten of other people, all under that person's
name. They are ranked by pointwise mutual information, log P(content | context, name) − log P(content | name), so that a
message wins because it fits here and not because it is common. The figure is R@1: how often the true one comes first.
Chance is 5 %.
"""

from __future__ import annotations

from ventriloquist.evaluate.inputs import RankedMessages
from ventriloquist.evaluate.metric import Measurement
from ventriloquist.evaluate.statistics import share_interval
from ventriloquist.evaluate.tally import mean_reciprocal_rank, rank_sums, share

SAME, OTHERS = 9, 10  # candidates by the same person, and by other people


def ranking(messages: RankedMessages) -> Measurement:
    """Return R@1; in the detail, the mean reciprocal rank."""
    sums = rank_sums(messages.items)
    return Measurement(
        len(messages.items), sums, share, exact=share_interval, detail={"mrr": mean_reciprocal_rank(sums)}
    )
