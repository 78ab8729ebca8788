"""Read messages from a source into people, conversations and text_messages."""

from ventriloquist.collect.corrections import Corrections, load_corrections
from ventriloquist.collect.filters import Choice
from ventriloquist.collect.proposals import AcceptSummary, Proposal, plan_accept, proposals, run_accept
from ventriloquist.collect.several import known_owner, known_zone, names_in, owner_in, with_contacts
from ventriloquist.collect.stage import CollectPlan, CollectSummary, Options, plan, run

__all__ = [
    "AcceptSummary", "Choice", "CollectPlan", "CollectSummary", "Corrections", "Options", "Proposal", "known_owner",
    "known_zone", "load_corrections", "names_in", "owner_in", "plan", "plan_accept", "proposals", "run", "run_accept",
    "with_contacts",
]  # fmt: skip
