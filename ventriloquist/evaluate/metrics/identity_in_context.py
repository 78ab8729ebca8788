"""Identity by name swap in context: whom does the model expect to say this, here?

As `identity`, but P(content | context, name) with what was said before it, among the writer and nine others of those
with the most messages. A model that knows nobody can find the writer by who spoke before, and from what they wrote
just now: the floor is the base model with the same context.
"""

from __future__ import annotations

from ventriloquist.evaluate.metric import Found
from ventriloquist.evaluate.metrics.identity import named
from ventriloquist.evaluate.records import Subject, World


def identity_in_context(subject: Subject, world: World) -> Found | None:  # noqa: ARG001  # metrics have one signature
    """Return ID@1; in the detail the mean reciprocal rank and the confusion matrix (writer: name that came first)."""
    return named(subject.swapped)
