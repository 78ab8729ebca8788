"""The reference for names: a classifier of writers without a language model."""

from __future__ import annotations

import random
from collections import defaultdict

import numpy as np
import pytest

from ventriloquist.demo.build import play
from ventriloquist.demo.cast import CAST, CONVERSATIONS
from ventriloquist.evaluate import reference
from ventriloquist.evaluate.metrics.names import bits_about_the_name
from ventriloquist.evaluate.reference import train_reference

TEXTS = {"A": ["ok lol", "yes lol", "lol no"] * 3, "B": ["I shall come.", "It is raining.", "I do not know."] * 3}


def first(texts: dict[str, list[str]], contents: list[str]) -> list[str]:
    classifier = train_reference(texts)
    return [classifier.names[int(row.argmin())] for row in classifier.costs(contents)]


@pytest.mark.parametrize("third", [{}, {"C": ["WHAT A DAY!", "NEVER AGAIN!"]}])
def test_the_reference_tells_voices_apart(third: dict[str, list[str]]) -> None:
    texts = TEXTS | third
    assert first(texts, ["lol maybe", "It is I.", *(["NEVER!"] if third else [])]) == sorted(texts)
    assert train_reference(texts).costs(["lol", ""]).shape == (2, len(texts))


def test_case_is_kept() -> None:
    texts = {"A": ["OK", "SURE", "NO", "LATER"] * 3, "B": ["ok", "sure", "no", "later"] * 3}
    assert first(texts, ["OK NO", "ok no"]) == ["A", "B"]


def test_one_message_of_each_is_enough_to_begin() -> None:
    assert first({"A": ["lol"], "B": ["It is raining."]}, ["lol", "raining"]) == ["A", "B"]


def test_who_writes_little_is_named_as_soon_as_who_writes_much() -> None:
    texts = {"A": ["ok lol", "yes lol", "lol no", "ok"] * 50, "B": ["ok then", "yes then", "ok"] * 2}
    assert first(texts, ["then yes", "lol yes"]) == ["B", "A"]


def test_of_somebody_who_writes_very_much_messages_of_all_times_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "MAX_MESSAGES", 5)
    texts = {"A": [f"lol {word}" for word in ("early", "then", "now", "soon", "late") for _ in range(8)], "B": ["no."]}
    read = train_reference(texts).features.vocabulary_
    assert {"early", "late"} <= {*read}
    monkeypatch.setattr(reference, "MAX_MESSAGES", 1)
    assert "late" not in train_reference(texts).features.vocabulary_


def test_whom_words_do_not_tell_apart_the_reference_does_not_claim_to_know() -> None:
    generator = random.Random(0)
    words = ["ok", "lol", "yes", "no", "sure", "then", "later", "now", "maybe", "come"]
    texts = {name: [" ".join(generator.choices(words, k=3)) for _ in range(300)] for name in "ABCD"}
    costs = train_reference({name: contents[:200] for name, contents in texts.items()}).costs(
        [content for contents in texts.values() for content in contents[200:]]
    )
    bits = [bits_about_the_name(row, place // 100) for place, row in enumerate(costs)]
    assert abs(np.mean(bits)) < 0.05


def test_the_reference_names_more_of_the_cast_than_naive_bayes_did() -> None:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    training: dict[str, list[str]] = defaultdict(list)
    held_out: list[tuple[str, str]] = []
    for conversation in CONVERSATIONS:
        said = [(CAST[one.speaker].name, one.text) for one in play(conversation)]
        cut = len(said) - len(said) // 20
        for name, content in said[:cut]:
            training[name].append(content)
        held_out += said[cut:]
    pairs = [(content, name) for name, contents in training.items() for content in contents]
    bayes = make_pipeline(
        CountVectorizer(analyzer="char", ngram_range=(1, 5), lowercase=False), MultinomialNB(fit_prior=False)
    ).fit([content for content, _ in pairs], [name for _, name in pairs])
    names, contents = zip(*held_out, strict=True)
    before = np.mean(bayes.predict(contents) == np.array(names))
    now = np.mean(np.array(first(training, list(contents))) == np.array(names))
    assert len(held_out) > 200
    assert now > before + 0.1
    assert now > 0.8
