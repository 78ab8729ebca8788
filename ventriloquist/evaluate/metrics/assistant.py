"""Assistant's phrases: does an instructed model speak through the person?

The share of messages with a phrase that assistants write and people hardly ever text, minus the share of the
real messages in the same places with one.
"""

from __future__ import annotations

import re

from ventriloquist.evaluate.inputs import Messages
from ventriloquist.evaluate.metric import Measurement
from ventriloquist.evaluate.tally import beside, measure_excess

PHRASES = re.compile(
    r"as an ai\b|language model|how (can|may) i (help|assist)|(happy|glad|here) to (help|assist)|feel free to"
    r"|let me know if you (have|need) any|i('m| am) sorry,? but i|i apologize for|i understand (your|that you)"
    r"|i hope this (helps|message)|certainly!|absolutely!|great question|it('s| is) important to (note|remember)"
    r"|is there anything else|in conclusion|please don'?t hesitate|i('d| would) be (happy|glad) to"
    r"|i cannot (provide|assist)",
    re.IGNORECASE,
)


def assistant(messages: Messages) -> Measurement:
    """Return the share of generated messages with such a phrase, minus the real share."""
    real = beside(messages.generated, messages.real)
    return measure_excess(messages.generated, real, lambda one: PHRASES.search(one.content) is not None)
