"""Indistinguishability: can a classifier tell a person's generated messages from their real ones?

    2 · (1 − AUC) of a classifier two-sample test (Lopez-Paz and Oquab, 2017, arXiv 1610.06545)

The classifier is a logistic regression over TF-IDF of character 1- to 4-grams and over the score of the judge of style.
One is trained for everybody and one for each person; their log-odds are added. It is trained to tell generated from
real messages, and tested person by person on conversations that it has not seen. 1 means that it cannot (by chance, the
figure can be a little higher), and 0 that it always can. The judge knows how each person writes, so it finds other
people's messages. The n-grams find what the judge misses: gibberish with the right letters, the same five messages
again and again, an assistant's phrases. The interval comes from the AUC's placements (DeLong, 1988), and p from a
permutation within folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ventriloquist.evaluate.heldout import draw
from ventriloquist.evaluate.inputs import Message, Messages
from ventriloquist.evaluate.judge import MAX_CHARACTERS, Judge
from ventriloquist.evaluate.metric import Measurement
from ventriloquist.evaluate.resampling import Array, Cluster
from ventriloquist.evaluate.tally import ratio, tally

MINIMUM = 60  # generated messages, and real ones: a classifier cannot learn from fewer
MOST = 2000  # of either: more only takes time
FOLDS = 5
WHOLE = 8  # conversations; with fewer, a fold has stretches of them
PERMUTATIONS = 500


def indistinguishable(messages: Messages) -> Measurement | None:
    """Return 2 · (1 − AUC); in the detail the AUC and the p of no difference."""
    context = messages.context
    generated, real = (draw(side, MOST, context.seed) for side in (messages.generated, messages.real))
    if min(len(generated), len(real)) < MINIMUM:
        return None
    both = [*generated, *real]
    clusters = [message.target.cluster for message in both]
    is_generated = np.arange(len(both)) < len(generated)
    people = np.unique([message.name for message in both], return_inverse=True)[1]
    folds = _folds(clusters)
    scores = _out_of_fold(_features(both, context.judge), people, is_generated, folds)
    strata = folds * (people.max() + 1) + people
    placements, weights = _placements(scores, is_generated, strata)
    if not weights.any():
        return None  # no fold has both generated and real messages of a person
    auc = float(np.average(placements[is_generated], weights=weights[is_generated]))
    # linear in the messages: each side adds its placements minus half of the AUC
    added = np.stack([weights, weights * (placements - auc / 2)], axis=1)
    sums = tally(
        (cluster, (*pair, 0, 0) if generates else (0, 0, *pair))
        for cluster, generates, pair in zip(clusters, is_generated, added, strict=True)
    )
    p = _permutation(scores, is_generated, strata, auc, context.seed)
    return Measurement(len(generated), sums, _figure, detail={"auc": auc, "p": p})


def _figure(sums: Array) -> Array:
    auc = ratio(sums[..., 1], sums[..., 0]) + ratio(sums[..., 3], sums[..., 2])
    return 2 * (1 - auc)


def _folds(clusters: list[Cluster]) -> NDArray[np.int64]:
    """Assign each conversation to one fold; if there are few conversations, each stretch of one."""
    conversations = {conversation for conversation, _ in clusters}
    keys = clusters if len(conversations) < WHOLE else [(conversation, 0) for conversation, _ in clusters]
    order = {key: place for place, key in enumerate(dict.fromkeys(sorted(keys)))}
    return np.array([order[key] % FOLDS for key in keys])


def _features(messages: Sequence[Message], judge: Judge) -> Any:
    """Return the classifier's features: a message's n-grams, and the judge's score for its writer."""
    from scipy.sparse import csr_matrix, hstack  # type: ignore[import-untyped]  # it has no stubs
    from sklearn.feature_extraction.text import TfidfVectorizer

    features = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), lowercase=False, sublinear_tf=True, min_df=2)
    contents = [message.content[:MAX_CHARACTERS] for message in messages]
    grams = features.fit_transform(contents)  # the vocabulary alone does not tell who wrote a message
    judged = np.nan_to_num(judge.score(contents, [message.name for message in messages]))
    return hstack([grams, csr_matrix(judged[:, np.newaxis])], format="csr")


def _out_of_fold(
    rows: Any, people: NDArray[np.int64], is_generated: NDArray[np.bool_], folds: NDArray[np.int64]
) -> Array:
    """Score each message by classifiers that have not seen its fold."""
    scores = np.zeros(len(people))
    for fold in np.unique(folds):
        here = folds == fold
        scores[here] = _decide(rows, is_generated, ~here, here)  # of everybody
        for person in np.unique(people[here]):
            own = people == person
            scores[here & own] += _decide(rows, is_generated, ~here & own, here & own)  # and of this person
    return scores


def _decide(rows: Any, is_generated: NDArray[np.bool_], known: NDArray[np.bool_], asked: NDArray[np.bool_]) -> Array:
    """Train on the `known` rows. Return log-odds that the `asked` ones are generated; 0 if only one kind is known."""
    from sklearn.linear_model import LogisticRegression

    if is_generated[known].all() or not is_generated[known].any():
        return np.zeros(int(asked.sum()))
    model = LogisticRegression(solver="liblinear", class_weight="balanced", C=10, random_state=0)
    return np.asarray(model.fit(rows[known], is_generated[known]).decision_function(rows[asked]))


def _placements(scores: Array, is_generated: NDArray[np.bool_], strata: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return for each message the share of the other side that it is told from, in its stratum, and its weight.

    On both sides, the weights of a stratum sum up to its number of generated messages, so that the mean of either side
    is the AUC. A message without a counterpart in its stratum has the weight 0.
    """
    placements, weights = np.zeros(len(scores)), np.zeros(len(scores))
    for stratum in np.unique(strata):
        here = strata == stratum
        ours, theirs = np.flatnonzero(here & is_generated), np.flatnonzero(here & ~is_generated)
        if len(ours) and len(theirs):
            wins = (scores[ours][:, None] > scores[theirs]) + 0.5 * (scores[ours][:, None] == scores[theirs])
            placements[ours], placements[theirs] = wins.mean(axis=1), wins.mean(axis=0)
            weights[ours], weights[theirs] = 1, len(ours) / len(theirs)
    return placements, weights


def _permutation(
    scores: Array, is_generated: NDArray[np.bool_], strata: NDArray[np.int64], auc: float, seed: int
) -> float:
    """Return how often labels that are shuffled within strata give an AUC as high."""
    generator = np.random.default_rng(seed)
    order = np.lexsort((scores, strata))
    higher = 0
    for _ in range(PERMUTATIONS):
        keys = generator.random(len(scores))
        shuffled = np.empty_like(is_generated)
        shuffled[np.lexsort((keys, strata))] = is_generated[np.argsort(strata, kind="stable")]
        higher += _auc(shuffled[order], strata[order]) >= auc
    return (1 + higher) / (1 + PERMUTATIONS)


def _auc(is_generated: NDArray[np.bool_], strata: NDArray[np.int64]) -> float:
    """Return the mean placement of generated messages. Labels are in order of stratum and score."""
    starts = np.flatnonzero(np.r_[True, strata[1:] != strata[:-1]])
    stratum = np.cumsum(np.r_[0, strata[1:] != strata[:-1]])
    real = np.cumsum(~is_generated)
    before = np.r_[0, real][starts]
    reals = np.add.reduceat((~is_generated).astype(np.int64), starts)
    below = (real - before[stratum])[is_generated]
    of = reals[stratum][is_generated]
    return float((below[of > 0] / of[of > 0]).mean()) if (of > 0).any() else 0.5
