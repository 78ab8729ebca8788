"""Format validity: does the model, decoding freely and without a grammar, write lines of the transcript?

The share of lines that parse, with exactly the keys name, delta and content in this order, a known delta, and the name
of a member. A guard: 95 % pass. Beside it the base model after the same context.
"""

from __future__ import annotations

from collections.abc import Sequence

from ventriloquist.evaluate.metric import Found
from ventriloquist.evaluate.records import Subject, World
from ventriloquist.evaluate.statistics import share_interval
from ventriloquist.evaluate.tally import share, tally
from ventriloquist.transcript import TranscriptError, parse_line


def validity(subject: Subject, world: World) -> Found | None:  # noqa: ARG001  # metrics have one signature
    """Return the share of valid lines among those written freely."""
    if not subject.written:
        return None
    return Found(
        len(subject.written),
        tally((line.target.cluster, (is_valid(line.text, line.members), 1)) for line in subject.written),
        share,
        exact=share_interval,
    )


def is_valid(line: str, members: Sequence[str]) -> bool:
    try:
        return parse_line(line).name in members
    except TranscriptError:
        return False
