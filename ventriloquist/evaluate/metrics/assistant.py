"""Assistant's phrases: does an instructed model speak through the person?

The share of messages with a phrase that assistants write and people hardly text, minus the same share of real ones.
"""

from __future__ import annotations

import re

from ventriloquist.evaluate.metric import Found
from ventriloquist.evaluate.records import Subject, World
from ventriloquist.evaluate.statistics import excess_interval
from ventriloquist.evaluate.tally import excess, tally_pair

PHRASES = re.compile(
    r"as an ai\b|language model|how (can|may) i (help|assist)|(happy|glad|here) to (help|assist)|feel free to"
    r"|let me know if you (have|need) any|i('m| am) sorry,? but i|i apologize for|i understand (your|that you)"
    r"|i hope this (helps|message)|certainly!|absolutely!|great question|it('s| is) important to (note|remember)"
    r"|is there anything else|in conclusion|please don'?t hesitate|i('d| would) be (happy|glad) to"
    r"|i cannot (provide|assist)",
    re.IGNORECASE,
)


def assistant(subject: Subject, world: World) -> Found | None:  # noqa: ARG001  # metrics have one signature
    """Return the share of messages with such a phrase, less the real one."""
    if not subject.messages or not subject.reference:
        return None
    sums = tally_pair(
        ((one.target.cluster, PHRASES.search(one.content) is not None) for one in subject.messages),
        ((one.target.cluster, PHRASES.search(one.content) is not None) for one in subject.reference),
    )
    return Found(len(subject.messages), sums, excess, exact=excess_interval)
