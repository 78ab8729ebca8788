"""Time deltas: does the model forecast better than the person's habit when the next message comes?

    RPS = Σₖ (F(k) − O(k))² / 5      F and O: the cumulative distributions of forecast and truth over the six buckets
    skill = 1 − RPS(model) / RPS(shares of the buckets in the person's training messages)

The ranked probability score (Epstein, 1969; Murphy, 1971) judges the probabilities of all buckets: one sampled bucket
is not a forecast. The floor is 0: always to forecast the person's shares. The baselines are the base model, forecasts
shuffled among the messages, and the person's shares when they go on and when they answer ("habit").
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ventriloquist.evaluate.inputs import ScoredLines
from ventriloquist.evaluate.metric import Measurement
from ventriloquist.evaluate.resampling import Array
from ventriloquist.evaluate.tally import saved, tally
from ventriloquist.transcript import DELTAS

BINS = 10  # of the calibration


def timing(given: ScoredLines) -> Measurement | None:
    """Return the skill; in the detail, the calibration: forecast, observed share and count by bin of probability."""
    shares = given.context.delta_shares
    scored = [item for item in given.lines if item.target.line.name in shares]
    if not scored:
        return None
    forecasts = np.array([item.score.deltas for item in scored])
    marginals = np.array([shares[item.target.line.name] for item in scored])
    truth = np.array([DELTAS.index(item.target.line.delta) for item in scored])
    observed = np.eye(len(DELTAS))[truth]
    scores = zip(ranked_probability(forecasts, observed), ranked_probability(marginals, observed), strict=True)
    return Measurement(
        len(scored),
        tally((item.target.cluster, pair) for item, pair in zip(scored, scores, strict=True)),
        saved,
        detail={
            "rps": float(ranked_probability(forecasts, observed).mean()),
            "calibration": list(_calibration(forecasts.ravel(), observed.ravel())),
            "forecast": dict(zip(DELTAS, forecasts.mean(axis=0).tolist(), strict=True)),
            "observed": dict(zip(DELTAS, observed.mean(axis=0).tolist(), strict=True)),
        },
    )


def ranked_probability(forecasts: Array, observed: Array) -> Array:
    """Return the ranked probability score of each forecast, (messages,), from 0 (right) to 1 (wrong)."""
    apart = np.cumsum(forecasts, axis=1) - np.cumsum(observed, axis=1)
    return np.asarray((apart[:, :-1] ** 2).mean(axis=1))


def _calibration(forecast: Array, observed: Array) -> Iterable[tuple[float, float, int]]:
    places = np.minimum((forecast * BINS).astype(int), BINS - 1)
    for place in np.unique(places):
        here = places == place
        yield float(forecast[here].mean()), float(observed[here].mean()), int(here.sum())
