"""Turn collected messages into training messages: lines with a position, a delta and a split."""

from ventriloquist.prepare.options import PrepareOptions
from ventriloquist.prepare.redact import KINDS, OwnRule, load_own_rules
from ventriloquist.prepare.stage import PreparePlan, PrepareSummary, plan, run

__all__ = [
    "KINDS",
    "OwnRule",
    "PrepareOptions",
    "PreparePlan",
    "PrepareSummary",
    "load_own_rules",
    "plan",
    "run",
]
