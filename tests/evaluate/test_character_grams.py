"""Hashed n-grams give the same TF-IDF as scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from invented import lines
from sklearn.feature_extraction.text import TfidfVectorizer

from ventriloquist.evaluate import character_grams
from ventriloquist.evaluate.character_grams import fit_transform

TEXTS = [
    *(line.content for line in lines(60, seed=1)),
    "a",
    "",
    "aaaa aaaa",
    "Zoë 👩‍👩‍👧 \ud800 \0 你今天",
    "haha " * 40,
]
ASKED = [*(line.content for line in lines(20, seed=2)), "zzzqqq", "", "☃"]


def test_rows_are_as_near_to_each_other_as_with_plain_n_grams() -> None:
    plain = TfidfVectorizer(analyzer="char", ngram_range=(1, 5), lowercase=False, sublinear_tf=True)
    expected = plain.fit_transform(TEXTS)
    grams, rows = fit_transform(TEXTS, 300_000)
    assert rows.shape[0] == len(TEXTS)
    assert len(grams.weights) > 0.99 * len(plain.vocabulary_)  # few hashes stand for two n-grams
    np.testing.assert_allclose((rows @ rows.T).toarray(), (expected @ expected.T).toarray(), atol=0.01)
    asked, known = grams.transform(ASKED), plain.transform(ASKED)
    np.testing.assert_allclose((asked @ rows.T).toarray(), (known @ expected.T).toarray(), atol=0.01)


def test_texts_are_read_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    _, whole = fit_transform(TEXTS, 500)
    monkeypatch.setattr(character_grams, "TEXTS_AT_ONCE", 7)
    grams, parts = fit_transform(TEXTS, 500)
    assert (whole != parts).nnz == 0
    assert len(grams.weights) == 500
    assert grams.transform([]).shape == (0, 500)
