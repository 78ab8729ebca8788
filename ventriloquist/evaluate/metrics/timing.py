"""Time deltas: is the forecast of when the next message comes better than the person's own habit?

    RPS = Σₖ (F(k) − O(k))² / 5      over the six buckets, F the forecast's and O the truth's cumulative distribution
    skill = 1 − RPS(model) / RPS(the person's marginal in the training messages)

The ranked probability score (Epstein, 1969; Murphy, 1971) judges the full probability over the buckets: one sampled
bucket is not a forecast. Floor: 0, the marginal; beside it the base model, forecasts shuffled among the messages, and
the marginal of going on and of answering ("habit").
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ventriloquist.evaluate.metric import Found
from ventriloquist.evaluate.records import Subject, World
from ventriloquist.evaluate.statistics import Array
from ventriloquist.evaluate.tally import ratio, tally
from ventriloquist.transcript import DELTAS

BINS = 10  # of the calibration


def timing(subject: Subject, world: World) -> Found | None:
    """Return the skill; in the detail the calibration: forecast, observed share and count by bin of probability."""
    scored = [item for item in subject.scored if item.target.line.name in world.delta_shares]
    if not scored:
        return None
    forecasts = np.array([item.score.deltas for item in scored])
    marginals = np.array([world.delta_shares[item.target.line.name] for item in scored])
    truth = np.array([DELTAS.index(item.target.line.delta) for item in scored])
    observed = np.eye(len(DELTAS))[truth]
    scores = zip(ranked_probability(forecasts, observed), ranked_probability(marginals, observed), strict=True)
    return Found(
        len(scored),
        tally((item.target.cluster, pair) for item, pair in zip(scored, scores, strict=True)),
        _skill,
        detail={
            "rps": float(ranked_probability(forecasts, observed).mean()),
            "calibration": list(_calibration(forecasts.ravel(), observed.ravel())),
            "forecast": dict(zip(DELTAS, forecasts.mean(axis=0).tolist(), strict=True)),
            "observed": dict(zip(DELTAS, observed.mean(axis=0).tolist(), strict=True)),
        },
    )


def ranked_probability(forecasts: Array, observed: Array) -> Array:
    """Return the ranked probability score of each forecast, (messages,), from 0 (certain and right) to 1."""
    apart = np.cumsum(forecasts, axis=1) - np.cumsum(observed, axis=1)
    return np.asarray((apart[:, :-1] ** 2).mean(axis=1))


def _calibration(forecast: Array, observed: Array) -> Iterable[tuple[float, float, int]]:
    places = np.minimum((forecast * BINS).astype(int), BINS - 1)
    for place in np.unique(places):
        here = places == place
        yield float(forecast[here].mean()), float(observed[here].mean()), int(here.sum())


def _skill(sums: Array) -> Array:
    return 1 - ratio(sums[..., 0], sums[..., 1])
