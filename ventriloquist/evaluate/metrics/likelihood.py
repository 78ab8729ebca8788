"""Likelihood: how well does the model predict what people really wrote?

    bits per character = −Σ log₂ P(content | context, name, delta) / Σ code points

Characters are those of the un-escaped content, and no grammar helps the model. The end of the content counts, since
knowing when to stop is part of a voice. The figure is the share of bits that the adapter saves over its base model on
the same messages in the same contexts. The floor is 0, the base model itself. No ceiling is known.

A base model that has never seen the format pays for it in every short context. So `likelihood_format` compares with the
base model after some lines of other messages, which show the format and favour no person (see `format_lines`). The
adapter does not read these lines.
"""

from __future__ import annotations

import math
from typing import Any

from ventriloquist.evaluate.inputs import FormatKnown, ScoredLines
from ventriloquist.evaluate.metric import Measurement
from ventriloquist.evaluate.tally import saved, tally


def likelihood(scored: ScoredLines) -> Measurement:
    """Return the share of bits saved; in the detail, bits per character, and bits a message for name and delta."""
    sums = tally(
        (
            target.cluster,
            (score.content, base.content, score.characters, 1, score.name, base.name, score.delta, base.delta),
        )
        for target, score, base, _ in scored.lines
    )
    content, base_content, characters, messages, *parts = (float(total) for total in sum(sums.values()))  # type: ignore[union-attr]
    a_message = math.log(2) * messages
    return Measurement(
        len(scored.lines),
        sums,
        saved,
        yardstick=(1,),
        detail=_per_character(content, base_content, characters)
        | {
            "bits_a_message": {
                "name": {"adapter": parts[0] / a_message, "base": parts[1] / a_message},
                "delta": {"adapter": parts[2] / a_message, "base": parts[3] / a_message},
            },
        },
    )


def likelihood_format(scored: FormatKnown) -> Measurement:
    """Return the share of bits saved over the base model that knows the format; bits per character in the detail."""
    sums = tally(
        (target.cluster, (score.content, told, score.characters))
        for target, score, _, told in scored.lines
        if told is not None
    )
    totals = (float(total) for total in sum(sums.values()))  # type: ignore[union-attr]
    return Measurement(len(scored.lines), sums, saved, yardstick=(1,), detail=_per_character(*totals))


def _per_character(adapter: float, base: float, characters: float) -> dict[str, Any]:
    """Return the number of characters, and the bits a character of both, from nats."""
    bits = math.log(2) * max(1.0, characters)
    return {"characters": int(characters), "bits_per_character": {"adapter": adapter / bits, "base": base / bits}}
