"""Format validity: does the model write lines of the transcript without the help of a grammar?

The share of lines that parse: exactly the keys name, delta and content in this order, a known delta, and the name of a
member. A guard: 95 % must be valid. The baseline is the base model after the same contexts.
"""

from __future__ import annotations

from ventriloquist.evaluate.inputs import FreeLines, Written
from ventriloquist.evaluate.metric import Measurement
from ventriloquist.evaluate.statistics import share_interval
from ventriloquist.evaluate.tally import share, tally
from ventriloquist.transcript import TranscriptError, parse_line


def validity(written: FreeLines) -> Measurement:
    """Return the share of valid lines."""
    return Measurement(
        len(written.lines),
        tally((line.target.cluster, (is_valid(line), 1)) for line in written.lines),
        share,
        exact=share_interval,
    )


def is_valid(line: Written) -> bool:
    try:
        return parse_line(line.text).name in line.target.conversation.members
    except TranscriptError:
        return False
