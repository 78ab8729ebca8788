"""Source → people, conversations and text_messages."""

from ventriloquist.collect.choice import Choice
from ventriloquist.collect.corrections import load_corrections
from ventriloquist.collect.stage import CollectSummary, Options, collect, collect_into

__all__ = ["Choice", "CollectSummary", "Options", "collect", "collect_into", "load_corrections"]
