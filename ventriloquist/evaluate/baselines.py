"""Baselines, computed and not assumed: what real people, other people and simple methods would get."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ventriloquist.evaluate.judge import MAX_CHARACTERS
from ventriloquist.evaluate.records import Candidates, Message, Scored, Subject, World
from ventriloquist.evaluate.statistics import Array
from ventriloquist.transcript import DELTAS

JUDGED = 200  # messages of each person by which it is judged who is most like whom
ENOUGH = 50  # training messages of whoever may be most like somebody
EVEN = 0.5  # added to each count, so that no delta is impossible


class Reply(NamedTuple):
    """A past message of a person and what was said before it."""

    name: str
    before: str
    content: str


def real_half(real: Sequence[Message]) -> Subject:
    """Return one half of the real messages as a subject, compared with the other: what a perfect adapter would get."""
    halves: tuple[list[Message], list[Message]] = ([], [])
    stretches: dict[tuple[str, object], int] = {}
    count: Counter[str] = Counter()
    for message in real:  # whole stretches of neighbours to one side, by person in turn
        key = message.name, message.target.cluster
        if key not in stretches:
            stretches[key] = count[message.name] % 2
            count[message.name] += 1
        halves[stretches[key]].append(message)
    return Subject("real", messages=halves[1], reference=halves[0])


def pooled(world: World) -> Subject:
    """Return messages of other people in everybody's place.

    From the training text: held-out ones are the reference already, and a message on both sides would mislead a
    classifier.
    """
    generator = random.Random(world.seed)  # noqa: S311  # not for secrets
    names = sorted(world.training)
    weights = [len(world.training[name]) for name in names]
    messages = []
    for message in world.real:
        if any(name != message.name for name in names):
            other = next(iter(_draws(generator, names, weights, message.name)))
            messages.append(message._replace(content=generator.choice(world.training[other])))
    return Subject("pooled", messages=messages, reference=world.real)


def _draws(generator: random.Random, names: Sequence[str], weights: Sequence[int], but: str) -> Iterator[str]:
    """Yield names but one, by their weights."""
    while True:
        yield from (name for name in generator.choices(names, weights, k=16) if name != but)


def nearest(world: World) -> Subject:
    """Return, in everybody's place, training messages of the one who is judged most like them.

    That is somebody who wrote ENOUGH, since the mean of few scores is extreme by chance; where only one person did, as
    much as the next one.
    """
    generator = random.Random(world.seed)  # noqa: S311  # not for secrets
    counts = sorted(map(len, world.training.values()))
    least = min([ENOUGH, *counts[-2:-1]])
    likest: dict[str, tuple[float, str]] = {}
    for other, contents in world.training.items():
        if len(contents) < least:
            continue
        sample = generator.sample(list(contents), min(JUDGED, len(contents)))
        for person, scores in world.judge.score_as_each(sample).items():
            mean = float(np.mean(scores))
            if person != other and (person not in likest or mean > likest[person][0]):
                likest[person] = mean, other
    messages = [
        message._replace(content=generator.choice(world.training[likest[message.name][1]]))
        for message in world.real
        if message.name in likest
    ]
    return Subject("nearest", messages=messages, reference=world.real)


def retrieval(real: Sequence[Message], past: Sequence[Reply]) -> Subject:
    """Return what each person once answered to the most similar message (TF-IDF of character 2- to 4-grams)."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    by_person: dict[str, list[Reply]] = defaultdict(list)
    for reply in past:
        by_person[reply.name].append(reply)
    messages: dict[int, Message] = {}
    for person, replies in by_person.items():
        index = [place for place, message in enumerate(real) if message.name == person]
        befores = [reply.before[:MAX_CHARACTERS] for reply in replies]
        if not index or not any(before.strip() for before in befores):
            continue
        features = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4))
        known = features.fit_transform(befores)
        asked = features.transform([real[place].target.before.content[:MAX_CHARACTERS] for place in index])
        best = np.asarray((asked @ known.T).argmax(axis=1)).ravel()
        for place, row in zip(index, best, strict=True):
            messages[place] = Message(real[place].target, replies[int(row)].content)
    return Subject("retrieval", messages=[messages[place] for place in sorted(messages)], reference=real)


def shuffled(subject: Subject, seed: int) -> Subject:
    """Return the subject with everything it did assigned to other messages: what is left is not about persons.

    In each place stands what was written in somebody else's: of messages that are merely shuffled, a talkative person
    gets back many of their own. Costs of names move from message to message and the true name stays, so that whoever
    always names one person is always right about that one, here too.
    """
    generator = random.Random(seed)  # noqa: S311  # not for secrets
    elsewhere = {
        name: [message.content for message in subject.messages if message.name != name]
        for name in {message.name for message in subject.messages}
    }
    deltas = generator.sample([item.score.deltas for item in subject.scored], len(subject.scored))
    costs = generator.sample([item.costs for item in subject.names], len(subject.names))
    return Subject(
        "shuffled",
        scored=[
            item._replace(score=replace(item.score, deltas=delta))
            for item, delta in zip(subject.scored, deltas, strict=True)
        ],
        messages=[
            message._replace(content=generator.choice(elsewhere[message.name]))
            for message in subject.messages
            if elsewhere[message.name]
        ],
        reference=subject.reference,
        names=[item._replace(costs=of_other) for item, of_other in zip(subject.names, costs, strict=True)],
    )


def as_base(subject: Subject) -> Subject:
    """Return the base model's part in what was scored."""
    return replace(subject, name="base", scored=[item._replace(score=item.base) for item in subject.scored])


def habit(scored: Sequence[Scored], deltas: Mapping[tuple[str, bool], Array]) -> Subject:
    """Return the forecast that only knows whether somebody goes on or answers.

    Args:
        deltas: see `delta_shares`; by person and whether they wrote the line before.
    """
    known = []
    for item in scored:
        key = item.target.line.name, item.target.line.name == item.target.before.name
        if key in deltas:
            known.append(item._replace(score=replace(item.score, deltas=tuple(deltas[key].tolist()))))
    return Subject("habit", scored=known)


def delta_shares(
    counts: Mapping[tuple[str, bool], Counter[str]],
) -> tuple[dict[str, Array], dict[tuple[str, bool], Array]]:
    """Return each person's shares of the six deltas, and those of going on and of answering."""
    by_person: dict[str, Counter[str]] = defaultdict(Counter)
    for (name, _), counter in counts.items():
        by_person[name] += counter
    return {name: _shares(one) for name, one in by_person.items()}, {key: _shares(one) for key, one in counts.items()}


def chosen(name: str, items: Sequence[Candidates], first: Sequence[str]) -> Subject:
    """Return a subject that puts one name first for each message: a classifier."""
    return Subject(
        name,
        names=[
            item._replace(costs=tuple(float(candidate != best) for candidate in item.names))
            for item, best in zip(items, first, strict=True)
        ],
    )


def by_chance(items: Sequence[Candidates]) -> Subject:
    """Return a subject to whom all candidates are equal."""
    return Subject("chance", names=[item._replace(costs=(0.0,) * len(item.costs)) for item in items])


def _shares(counts: Counter[str]) -> Array:
    values = np.array([counts[delta] + EVEN for delta in DELTAS])
    return np.asarray(values / values.sum())
