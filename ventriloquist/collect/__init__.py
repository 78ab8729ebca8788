"""Read messages from a source into people, conversations and text_messages."""

from ventriloquist.collect.corrections import Corrections, load_corrections
from ventriloquist.collect.filters import Choice
from ventriloquist.collect.stage import CollectPlan, CollectSummary, Options, plan, run

__all__ = ["Choice", "CollectPlan", "CollectSummary", "Corrections", "Options", "load_corrections", "plan", "run"]
