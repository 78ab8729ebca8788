"""Source → people, conversations and text_messages."""

from ventriloquist.collect.choice import Choice
from ventriloquist.collect.corrections import load_corrections
from ventriloquist.collect.stage import CollectSummary, Options, check, collect

__all__ = ["Choice", "CollectSummary", "Options", "check", "collect", "load_corrections"]
