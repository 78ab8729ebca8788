"""The judge of style: which person a message sounds like, by character n-grams and without a language model.

It learns from messages that are used neither for training nor for testing. A judge that had read what the adapter was
trained on would reward copying.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ventriloquist.evaluate.resampling import Array

MIN_MESSAGES = 10  # of a person; with fewer there is no classifier for them
MAX_CHARACTERS = 1000  # of a message; style shows before that
MAX_MESSAGES = 500  # of a person: beyond 400 a judge hardly improves
MAX_PEOPLE = 20  # with a classifier, those who wrote most; the rest are only examples of other people
MAX_FEATURES = 300_000  # the most frequent n-grams


@dataclass(frozen=True)
class Judge:
    """A classifier for each person: their messages against other people's, with equal priors."""

    features: Any
    classifiers: Mapping[str, Any]
    messages: int  # that it was trained on

    def score(self, contents: Sequence[str], names: Sequence[str]) -> Array:
        """Return log P(this person's) − log P(another's) of each content, (messages,); NaN for unknown people."""
        scores = np.full(len(contents), np.nan)
        for name, classifier in self.classifiers.items():
            index = [place for place, other in enumerate(names) if other == name]
            if index:
                scores[index] = classifier.decision_function(self._read([contents[place] for place in index]))
        return scores

    def score_as_each(self, contents: Sequence[str]) -> dict[str, Array]:
        """Return the scores of all contents for each person with a classifier, (messages,)."""
        rows = self._read(contents) if self.classifiers else None
        return {name: classifier.decision_function(rows) for name, classifier in self.classifiers.items()}

    def _read(self, contents: Sequence[str]) -> Any:
        return self.features.transform([content[:MAX_CHARACTERS] for content in contents])


def train_judge(texts: Mapping[str, Sequence[str]]) -> Judge:
    """Train the judge: logistic regression over TF-IDF of character 1- to 5-grams, as in authorship attribution.

    Args:
        texts: messages by person. People with fewer than MIN_MESSAGES only serve as examples of other people.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    used = {name: of_person[:: 1 + len(of_person) // (MAX_MESSAGES + 1)] for name, of_person in texts.items()}
    contents = [text[:MAX_CHARACTERS] for of_person in used.values() for text in of_person]
    names = np.array([name for name, of_person in used.items() for _ in of_person])
    by_messages = sorted(used, key=lambda name: (-len(texts[name]), name))[:MAX_PEOPLE]
    judged = [name for name in by_messages if MIN_MESSAGES <= len(used[name]) < len(contents)]
    if not judged:
        return Judge(None, {}, len(contents))
    features = TfidfVectorizer(
        analyzer="char", ngram_range=(1, 5), lowercase=False, sublinear_tf=True, max_features=MAX_FEATURES
    )
    rows = features.fit_transform(contents)
    classifiers = {
        name: LogisticRegression(solver="liblinear", class_weight="balanced", C=10, random_state=0).fit(
            rows, names == name
        )
        for name in judged
    }
    return Judge(features, classifiers, len(contents))
