"""The judge of words: which person a message sounds like, by its words, marks and length instead of its letters.

The judge of style reads n-grams of characters, so gibberish with the right letters convinces it. This one counts what
people choose: common words, length, case, punctuation, emoji, stretched and shortened words.

It is trained on messages that are used neither for training nor for testing. Half of the examples against a person are
other people's messages. The others are the person's own with the words made up anew, letter pair by letter pair: who
has only the letters right is not the person.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ventriloquist.evaluate.habits import habits
from ventriloquist.evaluate.judge import MAX_CHARACTERS, MAX_MESSAGES, MAX_PEOPLE, MIN_MESSAGES
from ventriloquist.evaluate.resampling import Array

COMMON_WORDS = 150  # counted one by one, the most frequent: mostly function words
REGULARISATION = 0.1  # C of the logistic regression

_WORDS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


@dataclass(frozen=True)
class WordJudge:
    """A classifier for each person: their messages against others, with equal priors."""

    words: Mapping[str, int] = field(default_factory=dict)  # the common ones: their columns
    known: frozenset[str] = frozenset()  # all words that people have used more than once
    scale: tuple[Array, Array] = (np.zeros(0), np.ones(0))  # mean and standard deviation of the counts
    classifiers: Mapping[str, Any] = field(default_factory=dict)
    messages: int = 0  # that it was trained on

    def score(self, contents: Sequence[str], names: Sequence[str]) -> Array:
        """Return log P(this person's) − log P(another's) of each content, (messages,); NaN for unknown people."""
        scores = np.full(len(contents), np.nan)
        for name, classifier in self.classifiers.items():
            index = [place for place, other in enumerate(names) if other == name]
            if index:
                scores[index] = classifier.decision_function(self.read([contents[place] for place in index]))
        return scores

    def read(self, contents: Sequence[str]) -> Array:
        """Return the standardised counts of contents, (messages, counts)."""
        mean, deviation = self.scale
        return np.asarray((np.array([_counts(one, self.words, self.known) for one in contents]) - mean) / deviation)


def train_word_judge(texts: Mapping[str, Sequence[str]]) -> WordJudge:
    """Train the judge: logistic regression over standardised counts.

    Args:
        texts: messages by person. People with fewer than MIN_MESSAGES only serve as examples of other people.
    """
    from sklearn.linear_model import LogisticRegression

    used = {name: list(own[:: 1 + len(own) // (MAX_MESSAGES + 1)]) for name, own in texts.items()}
    everything = [one for own in used.values() for one in own]
    judged = sorted(used, key=lambda name: (-len(texts[name]), name))[:MAX_PEOPLE]
    judged = [name for name in judged if MIN_MESSAGES <= len(used[name]) < len(everything)]
    if not judged:
        return WordJudge(messages=len(everything))
    frequent = Counter(word for one in everything for word in _words(one))
    common = sorted(frequent, key=lambda word: (-frequent[word], word))[:COMMON_WORDS]
    words = {word: column for column, word in enumerate(common)}
    known = frozenset(word for word, count in frequent.items() if count > 1)
    counts = np.array([_counts(one, words, known) for one in everything])
    scale = counts.mean(axis=0), np.maximum(counts.std(axis=0), 1e-3)
    judge = WordJudge(words, known, scale, {}, len(everything))
    owners = np.array([name for name, own in used.items() for _ in own])
    rows = judge.read(everything)
    classifiers = {}
    for name in judged:
        made_up = judge.read(_made_up(used[name]))
        mine = owners == name
        labels = np.concatenate([mine, np.zeros(len(made_up), dtype=bool)])
        weights = np.concatenate(
            [np.where(mine, 1 / mine.sum(), 0.5 / (~mine).sum()), np.full(len(made_up), 0.5 / len(made_up))]
        )
        model = LogisticRegression(C=REGULARISATION, max_iter=500)
        classifiers[name] = model.fit(np.vstack([rows, made_up]), labels, weights * len(labels) / 2)
    return WordJudge(words, known, scale, classifiers, len(everything))


def _words(content: str) -> list[str]:
    return _WORDS.findall(content[:MAX_CHARACTERS].casefold().replace("’", "'"))


def _counts(content: str, common: Mapping[str, int], known: frozenset[str]) -> list[float]:
    """Return the numbers of one content: length, shares, habits, and whether each common word occurs."""
    shown = content[:MAX_CHARACTERS]
    words = _words(shown)
    letters = max(1, sum(map(str.isalpha, shown)))
    occurs = [0.0] * len(common)
    for word in words:
        if word in common:
            occurs[common[word]] = 1.0
    return [
        float(np.log1p(len(shown))),
        float(np.log1p(len(words))),
        sum(map(len, words)) / max(1, len(words)),
        sum(word in common for word in words) / max(1, len(words)),
        float(2 * sum(word not in known for word in words) > max(1, len(words))),  # a majority of unknown words
        sum(map(str.isupper, shown)) / letters,
        sum(not one.isalnum() and not one.isspace() for one in shown) / max(1, len(shown)),
        sum(map(str.isdigit, shown)) / max(1, len(shown)),
        *map(float, habits(shown)),
        *occurs,
    ]


def _made_up(contents: Sequence[str]) -> list[str]:
    """Return as many messages of the same letter pairs, but without words."""
    generator = random.Random(0)  # noqa: S311  # not for secrets
    following: dict[str, list[str]] = defaultdict(list)
    for content in contents:
        text = content[:MAX_CHARACTERS]
        for letter, after in zip(f"\0{text}", f"{text}\0", strict=True):
            following[letter].append(after)
    return [_chain(following, generator) for _ in contents]


def _chain(following: Mapping[str, Sequence[str]], generator: random.Random) -> str:
    letters = "\0"
    while len(letters) <= MAX_CHARACTERS and (letter := generator.choice(following[letters[-1]])) != "\0":
        letters += letter
    return letters[1:]
