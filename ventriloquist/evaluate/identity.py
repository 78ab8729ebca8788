"""Identity by name swap: does the model expect a message most under the name of the person who wrote it?

Every held-out message is scored as the only line of a conversation of all candidates, once under each name:
P(content | name), as in language-model authorship attribution. Nothing but the name differs, so no habit of turn
taking or subject of the conversation can help. Beside it stands a character n-gram classifier that was trained on the
same messages: real single messages are attributed right only about half of the time, so the number means nothing alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ventriloquist.evaluate.heldout import Target
from ventriloquist.evaluate.statistics import wilson
from ventriloquist.model.score import LineScore
from ventriloquist.transcript import Header, Line, render_header

MAX_CANDIDATES = 10  # the people with the most messages


@dataclass(frozen=True, slots=True)
class Identity:
    """How often the true name comes first among the candidates. More is better; chance is 1 / candidates."""

    messages: int
    candidates: list[str]
    at_1: float  # ID@1
    low: float  # 95 %, Wilson
    high: float
    chance: float
    mrr: float  # mean reciprocal rank
    confusion: dict[str, dict[str, int]]  # writer: name that came first: messages
    ngram_at_1: float  # the character n-gram classifier on the same messages


def identity(
    targets: Sequence[Target],
    candidates: Sequence[str],
    score: Callable[[str, list[Line]], Iterable[LineScore]],
    classify: Callable[[list[str]], list[str]],
    progress: Callable[[int, int], None],
) -> Identity | None:
    """Score each target under each candidate's name; None where there is nothing to tell apart.

    Args:
        score: scores lines that follow a prefix; see `model.score.score_after`.
        classify: names the writer of each content; the baseline.
    """
    targets = [target for target in targets if target.line.name in candidates]
    if not targets or len(candidates) < 2:
        return None
    header = Header("group", tuple(candidates), "2020-01-01")  # the same for all: only the name may differ
    lines = [Line(name, target.line.delta, target.line.content) for target in targets for name in candidates]
    nats = [one.content for one in _counted(score(render_header(header) + "\n", lines), len(lines), progress)]
    confusion: dict[str, dict[str, int]] = {name: {} for name in candidates}
    reciprocal_ranks = 0.0
    for index, target in enumerate(targets):
        of_target = nats[index * len(candidates) : (index + 1) * len(candidates)]
        ranking = sorted(range(len(candidates)), key=of_target.__getitem__)
        first = candidates[ranking[0]]
        confusion[target.line.name][first] = confusion[target.line.name].get(first, 0) + 1
        reciprocal_ranks += 1 / (1 + ranking.index(list(candidates).index(target.line.name)))
    hits = sum(row.get(name, 0) for name, row in confusion.items())
    named = classify([target.line.content for target in targets])
    low, high = wilson(hits, len(targets))
    return Identity(
        messages=len(targets),
        candidates=list(candidates),
        at_1=hits / len(targets),
        low=low,
        high=high,
        chance=1 / len(candidates),
        mrr=reciprocal_ranks / len(targets),
        confusion=confusion,
        ngram_at_1=sum(name == target.line.name for name, target in zip(named, targets, strict=True)) / len(targets),
    )


def ngram_classifier(texts: Sequence[str], names: Sequence[str]) -> Callable[[list[str]], list[str]]:
    """Train the baseline: naive Bayes over character 1- to 5-grams, every writer equally likely beforehand."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        CountVectorizer(analyzer="char", ngram_range=(1, 5), lowercase=False), MultinomialNB(fit_prior=False)
    )
    model.fit(list(texts), list(names))
    return lambda contents: [str(name) for name in model.predict(contents)]


def _counted(scores: Iterable[LineScore], total: int, progress: Callable[[int, int], None]) -> Iterator[LineScore]:
    for done, score in enumerate(scores, 1):
        yield score
        progress(done, total)
