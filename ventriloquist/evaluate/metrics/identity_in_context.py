"""Identity by name swap in context: whom does the model expect to say this, here?

Like `identity`, but P(content | context, name): after the messages before it, and among the writer and nine of the
people with the most messages. Even a model that knows none of them can tell from who spoke last and from what they just
wrote. So the floor is the base model with the same context.
"""

from __future__ import annotations

from ventriloquist.evaluate.inputs import NamesInContext
from ventriloquist.evaluate.metric import Measurement
from ventriloquist.evaluate.metrics.identity import identify


def identity_in_context(names: NamesInContext) -> Measurement:
    """Return ID@1; in the detail the mean reciprocal rank and the confusion matrix (writer: name that came first)."""
    return identify(names.items)
