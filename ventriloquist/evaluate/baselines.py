"""Baselines: real people, other people and simple methods in place of the adapter."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np

from ventriloquist.evaluate.inputs import Candidates, EvalContext, Message, Reply, Scored, System
from ventriloquist.evaluate.judge import MAX_CHARACTERS
from ventriloquist.evaluate.reference import train_reference
from ventriloquist.evaluate.resampling import Array
from ventriloquist.transcript import DELTAS

JUDGED = 200  # messages of each person, to find who writes most like whom
ENOUGH = 50  # training messages that the most similar person must have written
SMOOTHING = 0.5  # added to each count, so that no delta is impossible


def baselines(context: EvalContext, adapter: System, base: System, wanted: Collection[str]) -> dict[str, System]:
    """Return the baselines that are wanted, by name."""
    real = context.real
    makers: dict[str, Callable[[], System]] = {
        "base": lambda: as_base(base),
        "real": lambda: real_half(real),
        "pooled": lambda: pooled(context),
        "nearest": lambda: nearest(context),
        "retrieval": lambda: retrieval(real, context.past),
        "shuffled": lambda: shuffled(adapter, context.seed),
        "habit": lambda: habit(adapter.scored, context.turn_shares),
        "chance": lambda: by_chance(adapter.names),
        "ngram": lambda: ngram(context, adapter),
    }
    return {name: make() for name, make in makers.items() if name in wanted}


def real_half(real: Sequence[Message]) -> System:
    """Return one half of the real messages, to be compared with the other: what a perfect adapter would get."""
    halves: tuple[list[Message], list[Message]] = ([], [])
    stretches: dict[tuple[str, object], int] = {}
    count: Counter[str] = Counter()
    for message in real:  # stretches of neighbours stay together; those of a person go to either half in turn
        key = message.name, message.target.cluster
        if key not in stretches:
            stretches[key] = count[message.name] % 2
            count[message.name] += 1
        halves[stretches[key]].append(message)
    return System("real", messages=halves[1], reference=halves[0])


def pooled(context: EvalContext) -> System:
    """Replace each message by one of other people.

    It comes from the training text. Held-out messages are the reference, and a message on both sides would mislead a
    classifier.
    """
    generator = random.Random(context.seed)  # noqa: S311  # not for secrets
    names = sorted(context.training)
    counts = list(accumulate(len(context.training[name]) for name in names))
    before = {name: (first, count) for name, first, count in zip(names, [0, *counts], counts, strict=False)}
    messages = []
    for message in context.real:
        first, stop = before.get(message.name, (0, 0))  # the writer's own among all training messages
        others = counts[-1] - (stop - first) if counts else 0
        if others:
            drawn = generator.randrange(others)
            drawn += stop - first if drawn >= first else 0
            place = bisect_right(counts, drawn)
            content = context.training[names[place]][drawn - before[names[place]][0]]
            messages.append(message._replace(content=content))
    return System("pooled", messages=messages, reference=context.real)


def nearest(context: EvalContext) -> System:
    """Replace each message by a training message of the most similar other person, according to the judge.

    Only people with ENOUGH messages qualify, since a mean of few scores is extreme by chance. If fewer than two people
    have that many, the two who wrote most qualify.
    """
    generator = random.Random(context.seed)  # noqa: S311  # not for secrets
    counts = sorted(map(len, context.training.values()))
    least = min([ENOUGH, *counts[-2:-1]])
    likest: dict[str, tuple[float, str]] = {}
    for other, contents in context.training.items():
        if len(contents) < least:
            continue
        sample = generator.sample(list(contents), min(JUDGED, len(contents)))
        for person, scores in context.judge.score_as_each(sample).items():
            mean = float(np.mean(scores))
            if person != other and (person not in likest or mean > likest[person][0]):
                likest[person] = mean, other
    messages = [
        message._replace(content=generator.choice(context.training[likest[message.name][1]]))
        for message in context.real
        if message.name in likest
    ]
    return System("nearest", messages=messages, reference=context.real)


def retrieval(real: Sequence[Message], past: Sequence[Reply]) -> System:
    """Return each person's past reply to the most similar message (TF-IDF of character 2- to 4-grams)."""
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
    return System("retrieval", messages=[messages[place] for place in sorted(messages)], reference=real)


def shuffled(system: System, seed: int) -> System:
    """Assign a system's outputs to other messages, so that they no longer depend on the person.

    Each message is replaced by one that was written in another person's place; after a plain shuffle, a talkative
    person would get many of their own. Costs of names move between messages while the true names stay. So a system that
    always names the same person is still right about that person.
    """
    generator = random.Random(seed)  # noqa: S311  # not for secrets
    elsewhere = {
        name: [message.content for message in system.messages if message.name != name]
        for name in {message.name for message in system.messages}
    }
    deltas = generator.sample([item.score.deltas for item in system.scored], len(system.scored))
    costs = generator.sample([item.costs for item in system.names], len(system.names))
    return System(
        "shuffled",
        scored=[
            item._replace(score=replace(item.score, deltas=delta))
            for item, delta in zip(system.scored, deltas, strict=True)
        ],
        messages=[
            message._replace(content=generator.choice(elsewhere[message.name]))
            for message in system.messages
            if elsewhere[message.name]
        ],
        reference=system.reference,
        names=[item._replace(costs=of_other) for item, of_other in zip(system.names, costs, strict=True)],
    )


def as_base(system: System) -> System:
    """Return the base model with its own scores in place of the adapter's."""
    return replace(system, name="base", scored=[item._replace(score=item.base) for item in system.scored])


def habit(scored: Sequence[Scored], deltas: Mapping[tuple[str, bool], Array]) -> System:
    """Forecast each delta by the person's shares (`delta_shares`), knowing only whether they go on or answer."""
    known = []
    for item in scored:
        key = item.target.line.name, item.target.line.name == item.target.before.name
        if key in deltas:
            known.append(item._replace(score=replace(item.score, deltas=tuple(deltas[key].tolist()))))
    return System("habit", scored=known)


def delta_shares(
    counts: Mapping[tuple[str, bool], Counter[str]],
) -> tuple[dict[str, Array], dict[tuple[str, bool], Array]]:
    """Return the shares of the six deltas, (6,): by person, and by person and whether they wrote the line before."""
    by_person: dict[str, Counter[str]] = defaultdict(Counter)
    for (name, _), counter in counts.items():
        by_person[name] += counter
    return {name: _shares(one) for name, one in by_person.items()}, {key: _shares(one) for key, one in counts.items()}


def ngram(context: EvalContext, adapter: System) -> System:
    """Give the adapter's messages the costs of the reference classifier. It reads what their writers typed."""
    if not adapter.names:
        return System("ngram")
    classifier = train_reference({name: context.training[name] for name in context.candidates})
    places = {name: place for place, name in enumerate(classifier.names)}
    costs = classifier.costs([item.target.typed for item in adapter.names])
    return System(
        "ngram",
        names=[
            item._replace(costs=tuple(float(of_item[places[name]]) for name in item.names))
            for item, of_item in zip(adapter.names, costs, strict=True)
        ],
    )


def by_chance(items: Sequence[Candidates]) -> System:
    """Return a system for which all candidates cost the same."""
    return System("chance", names=[item._replace(costs=(0.0,) * len(item.costs)) for item in items])


def _shares(counts: Counter[str]) -> Array:
    values = np.array([counts[delta] + SMOOTHING for delta in DELTAS])
    return np.asarray(values / values.sum())
