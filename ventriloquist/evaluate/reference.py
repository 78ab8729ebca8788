"""The reference for names: which person wrote a message, by its characters and without a language model.

TF-IDF of 1 to 5 characters with a linear support vector machine: of the cheap methods that we tried on short messages,
the one that names most writers. It is not a ceiling. A model that knows what people write about, and to whom, can do
better; `benchmarks/reference.py` compares it with naive Bayes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ventriloquist.evaluate.judge import MAX_CHARACTERS, MAX_FEATURES
from ventriloquist.evaluate.resampling import Array

COST = 0.3  # of a wrong training message (C): chosen on validation messages of two data sets
TOLERANCE = 0.1  # of the solver: names as many writers as 1e-4 does, in a fraction of the time
MAX_MESSAGES = 20_000  # of a person, spread over all of theirs
HELD_BACK = 5  # every fifth training message of a person serves to find the temperature
TEMPERATURES = np.geomspace(0.05, 5, 41)


@dataclass(frozen=True)
class WriterClassifier:
    """A classifier of writers. It knows nothing about the order of messages."""

    names: Sequence[str]
    features: Any
    model: Any
    temperature: float

    def costs(self, contents: Sequence[str]) -> Array:
        """Return a cost in nats for each content and name, (contents, names): −log P(name | content) + a constant."""
        return -_decide(self.model, self.features.transform(_cut(contents))) / self.temperature


def train_reference(texts: Mapping[str, Sequence[str]]) -> WriterClassifier:
    """Train the classifier on messages by person. There must be two people or more, each with a message.

    Each class has the same weight, so that somebody who writes little is named as soon as somebody who writes much. A
    temperature turns the decision values into log-probabilities (Guo et al., 2017). It minimises the mean loss over
    people on messages that a classifier of the others did not read.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    names = sorted(texts)
    used = {name: texts[name][:: 1 + (len(texts[name]) - 1) // MAX_MESSAGES] for name in names}
    writers = np.array([place for place, name in enumerate(names) for _ in used[name]])
    held_back = np.array([number % HELD_BACK == HELD_BACK - 1 for name in names for number in range(len(used[name]))])
    features = TfidfVectorizer(
        analyzer="char", ngram_range=(1, 5), lowercase=False, sublinear_tf=True, max_features=MAX_FEATURES,
        dtype=np.float32,
    )  # fmt: skip
    rows = features.fit_transform(_cut([content for name in names for content in used[name]]))
    temperature = 1.0
    if held_back.any():
        model = _fit(rows[~held_back], writers[~held_back])
        temperature = _temperature(_decide(model, rows[held_back]), writers[held_back])
    return WriterClassifier(names, features, _fit(rows, writers), temperature)


def _cut(contents: Sequence[str]) -> list[str]:
    return [content[:MAX_CHARACTERS] for content in contents]


def _fit(rows: Any, writers: Any) -> Any:
    from sklearn.svm import LinearSVC

    return LinearSVC(C=COST, tol=TOLERANCE, class_weight="balanced", random_state=0).fit(rows, writers)


def _decide(model: Any, rows: Any) -> Array:
    """Return the decision values, (rows, names): the larger, the likelier."""
    values = np.asarray(model.decision_function(rows), dtype=np.float64)
    return np.stack([-values, values], axis=1) / 2 if values.ndim == 1 else values


def _temperature(decisions: Array, writers: Any) -> float:
    """Return the temperature with the least mean loss, people weighing the same."""
    counts = np.bincount(writers)
    weights = 1 / counts[writers]
    losses = []
    for temperature in TEMPERATURES:
        logs = decisions / temperature
        loss = np.logaddexp.reduce(logs, axis=1) - logs[np.arange(len(logs)), writers]
        losses.append(float(np.average(loss, weights=weights)))
    return float(TEMPERATURES[int(np.argmin(losses))])
