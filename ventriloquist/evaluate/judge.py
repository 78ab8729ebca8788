"""The judge of style: which person a message sounds like, by character n-grams, no language model.

It learns from messages that are neither trained on nor tested on: a judge that had read what the adapter learnt would
praise it for copying.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ventriloquist.evaluate.statistics import Array

MIN_MESSAGES = 10  # of a person, to be judged at all
MAX_CHARACTERS = 1000  # of a message that is read; style shows before that
MAX_MESSAGES = 500  # of a person that are read: after 400 a judge hardly gets better
MAX_PEOPLE = 20  # who are judged: those who wrote most; the others are who else it may be
MAX_FEATURES = 300_000  # n-grams, the most frequent


@dataclass(frozen=True)
class Judge:
    """A classifier a person: theirs against everybody else's, both equally likely beforehand."""

    features: Any
    classifiers: Mapping[str, Any]
    messages: int  # it has learnt from

    def score(self, contents: Sequence[str], names: Sequence[str]) -> Array:
        """Return log P(the person's) − log P(somebody else's) of each content, (messages,); NaN for unknown people."""
        scores = np.full(len(contents), np.nan)
        for name, classifier in self.classifiers.items():
            index = [place for place, other in enumerate(names) if other == name]
            if index:
                scores[index] = classifier.decision_function(self._read([contents[place] for place in index]))
        return scores

    def score_as_each(self, contents: Sequence[str]) -> dict[str, Array]:
        """Return the same of each content for each person who is judged, (messages,), reading them once."""
        rows = self._read(contents) if self.classifiers else None
        return {name: classifier.decision_function(rows) for name, classifier in self.classifiers.items()}

    def _read(self, contents: Sequence[str]) -> Any:
        return self.features.transform([content[:MAX_CHARACTERS] for content in contents])

    def people(self) -> list[str]:
        return list(self.classifiers)


def train_judge(texts: Mapping[str, Sequence[str]]) -> Judge:
    """Train the judge: logistic regression over TF-IDF of character 1- to 5-grams, as in authorship attribution.

    Args:
        texts: messages by person; people with fewer than MIN_MESSAGES are not judged, but they are the others.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    read = {name: of_person[:: 1 + len(of_person) // (MAX_MESSAGES + 1)] for name, of_person in texts.items()}
    contents = [text[:MAX_CHARACTERS] for of_person in read.values() for text in of_person]
    names = np.array([name for name, of_person in read.items() for _ in of_person])
    by_messages = sorted(read, key=lambda name: (-len(texts[name]), name))[:MAX_PEOPLE]
    judged = [name for name in by_messages if MIN_MESSAGES <= len(read[name]) < len(contents)]
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


def ngram_classifier(texts: Sequence[str], names: Sequence[str]) -> Callable[[list[str]], list[str]]:
    """Train the baseline of speaker scores: naive Bayes over character 1- to 5-grams, every writer equally likely."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        CountVectorizer(analyzer="char", ngram_range=(1, 5), lowercase=False), MultinomialNB(fit_prior=False)
    )
    model.fit([text[:MAX_CHARACTERS] for text in texts], list(names))
    return lambda contents: [str(name) for name in model.predict([text[:MAX_CHARACTERS] for text in contents])]
