"""Likelihood: how well the model expects what people really wrote, in bits per character of the un-escaped content.

    bits per character = −Σ log₂ P(content | context, name, delta) / Σ code points

Scored without a grammar; what closes the content counts, since knowing when to stop is part of the voice. The figure
is the share of bits that the adapter saves over the base model with the same context, paired. Floor: 0, the base model
itself; what bounds it is nobody's to know.
"""

from __future__ import annotations

import math

from ventriloquist.evaluate.metric import Found
from ventriloquist.evaluate.records import Subject, World
from ventriloquist.evaluate.statistics import Array
from ventriloquist.evaluate.tally import ratio, tally


def likelihood(subject: Subject, world: World) -> Found | None:  # noqa: ARG001  # metrics have one signature
    """Return the share of bits saved; in the detail, bits per character and bits a message by part."""
    if not subject.scored:
        return None
    sums = tally(
        (
            target.cluster,
            (score.content, base.content, score.characters, 1, score.name, base.name, score.delta, base.delta),
        )
        for target, score, base in subject.scored
    )
    content, base_content, characters, messages, *parts = (float(total) for total in sum(sums.values()))  # type: ignore[union-attr]
    bits = math.log(2)
    return Found(
        len(subject.scored),
        sums,
        _saved,
        yardstick=(1,),
        detail={
            "characters": int(characters),
            "bits_per_character": {
                "adapter": content / bits / max(1.0, characters),
                "base": base_content / bits / max(1.0, characters),
            },
            "bits_a_message": {
                "name": {"adapter": parts[0] / bits / messages, "base": parts[1] / bits / messages},
                "delta": {"adapter": parts[2] / bits / messages, "base": parts[3] / bits / messages},
            },
        },
    )


def _saved(sums: Array) -> Array:
    return 1 - ratio(sums[..., 0], sums[..., 1])
