"""Check the evaluation itself, without any language model.

    python benchmarks/eval_ladder.py --data chats.jsonl.gz [--people 10] [--chats 150] [--seed 0]

The script gives recorded chats (see chat_db_from_jsonl.py for the data) to every metric of messages:

- mixtures of a person's real messages with other people's messages, which a metric must put in order,
- other real messages of the person, which it must accept,
- fakes (gibberish from an n-gram model, verbatim copies, five messages repeated, an assistant's phrases). At least one
  metric must reject each of them.

It then measures how often intervals cover the true figure in 200 repeats, and checks that shuffled labels show no
effect. `--seed` draws other chats.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ventriloquist.evaluate import baselines
from ventriloquist.evaluate.heldout import NOTHING, Before, Target
from ventriloquist.evaluate.inputs import EvalContext, Message, Messages, System
from ventriloquist.evaluate.judge import train_judge
from ventriloquist.evaluate.metric import Measurement, Result, assess
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.rejections import rejections
from ventriloquist.evaluate.word_judge import train_word_judge
from ventriloquist.store.corpus import StoredConversation
from ventriloquist.transcript import Line

RUNGS = (1.0, 0.75, 0.5, 0.25, 0.0)  # share of real messages
LADDERS = ("voice", "voice_habits", "indistinguishable", "fingerprint", "lengths")
OF_MESSAGES = [name for name, metric in METRICS.items() if metric.takes is Messages]
REPEATS = 200
SAMPLED = 60  # conversations a repeat


class Heard(NamedTuple):
    """A message in the order of its chat."""

    chat: int
    name: str
    content: str


class Stage(NamedTuple):
    """What metrics need beside a system."""

    context: EvalContext
    others: dict[str, System]
    half: System  # real messages, compared with the other half of them


def set_up(heard: Iterable[Heard], people: Sequence[str], seed: int = 0) -> Stage:
    """Divide each chat into training, the judge's and test messages: three fifths, a fifth, a fifth."""
    chats: dict[int, list[Heard]] = defaultdict(list)
    for one in heard:
        chats[one.chat].append(one)
    training: dict[str, list[str]] = defaultdict(list)
    judged: dict[str, list[str]] = defaultdict(list)
    real: list[Message] = []
    for number, said in chats.items():
        conversation = StoredConversation(number, "dm", (), len(said), 0)
        first, second = len(said) * 3 // 5, len(said) * 4 // 5
        before, run = NOTHING, 0
        for position, one in enumerate(said):
            earlier, run = before, run + 1 if one.name == before.name else 1
            before = Before(one.name, run, one.content)
            if one.name not in people or not one.content.strip():
                continue
            if position < first:
                training[one.name].append(one.content)
            elif position < second:
                judged[one.name].append(one.content)
            else:
                line = Line(one.name, "<1m", one.content)
                real.append(Message(Target(conversation, position, line, len(said) - position, earlier), one.content))
    judge = train_judge(judged)
    context = EvalContext(
        training=dict(training), judge=judge, word_judge=train_word_judge(judged), real=real, seed=seed
    )
    half = baselines.real_half(real)
    known = [half, baselines.pooled(context), baselines.nearest(context)]
    return Stage(context, {system.name: system for system in known}, half)


def mixture(stage: Stage, share: float, seed: int = 0) -> System:
    """Replace a share of the real messages by other people's."""
    generator = random.Random(seed)
    other = {message.target: message.content for message in stage.others["pooled"].messages}
    real = stage.half.messages
    kept = set(generator.sample(range(len(real)), round(share * len(real))))
    messages = [one if place in kept else Message(one.target, other[one.target]) for place, one in enumerate(real)]
    return System("mixture", messages=messages, reference=stage.half.reference)


def fakes(stage: Stage, seed: int = 0) -> dict[str, System]:
    """Return what no person writes, in place of one half of the real messages."""
    generator = random.Random(seed)
    training = stage.context.training
    authors = {name: Gibberish(texts) for name, texts in training.items()}
    five = {name: generator.sample(list(texts), min(5, len(texts))) for name, texts in training.items()}
    makers: dict[str, Callable[[str], str]] = {
        "gibberish": lambda name: authors[name].write(generator),
        "verbatim copies": lambda name: generator.choice(training[name]),
        "five messages": lambda name: generator.choice(five[name]),
        "an assistant": lambda _name: generator.choice(ASSISTANT),
    }
    return {
        kind: System(
            kind,
            messages=[Message(one.target, make(one.name)) for one in stage.half.messages],
            reference=stage.half.reference,
        )
        for kind, make in makers.items()
    }


class Gibberish:
    """An author by character pairs: the right letters, no words."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._next: dict[str, list[str]] = defaultdict(list)
        for text in texts:
            for one, other in zip(f"\0{text}", f"{text}\0", strict=True):
                self._next[one].append(other)

    def write(self, generator: random.Random, longest: int = 200) -> str:
        letters = "\0"
        while len(letters) <= longest:
            letter = generator.choice(self._next[letters[-1]])
            if letter == "\0":
                break
            letters += letter
        return letters[1:]


ASSISTANT = (
    "I'd be happy to help you with that! Let me know if you have any other questions.",
    "Certainly! Here are a few ideas that might be useful for your situation.",
    "I understand your concern, and it's important to remember that everyone is different.",
    "As an AI language model, I don't have personal plans, but I can help you make some!",
    "That sounds like a great plan. Feel free to reach out if there is anything else you need.",
    "I apologize for any confusion. How can I assist you further with this today?",
)


def measure(stage: Stage, system: System, names: Iterable[str]) -> dict[str, Measurement | None]:
    return {name: METRICS[name].measure(system, stage.context) for name in names}


def ends(stage: Stage) -> dict[str, dict[str, Measurement | None]]:
    """Return what each metric finds about its floor and its ceiling."""
    return {
        name: {
            end: METRICS[name].measure(stage.others[end], stage.context)
            for end in METRICS[name].ends
            if end in stage.others
        }
        for name in OF_MESSAGES
    }


def judge(stage: Stage, system: System, others: dict[str, dict[str, Measurement | None]]) -> dict[str, Result]:
    """Assess a system as an adapter is."""
    found = measure(stage, system, OF_MESSAGES)
    return {name: assess(METRICS[name], found[name], others[name], stage.context.seed) for name in OF_MESSAGES}


def ladder(stage: Stage) -> dict[str, list[float]]:
    """Return each metric's figures for falling shares of real messages."""
    found = [measure(stage, mixture(stage, share), LADDERS) for share in RUNGS]
    return {name: [one[name].value for one in found if one[name] is not None] for name in LADDERS}


def order(name: str, values: Sequence[float]) -> float:
    """Return Kendall's tau between the share of real messages and a metric's figure, 1 where it is in order."""
    from scipy.stats import kendalltau

    sign = -1 if METRICS[name].aim == "less" else 1
    return float(kendalltau(RUNGS, [sign * value for value in values]).statistic)


def blend(stage: Stage, seed: int = 0) -> System:
    """Return, in each place, something of everything that is measured.

    Of ten messages a copy of a training message, an assistant's phrase, one with a telephone number, and for the rest
    real ones, every other by somebody else.
    """
    generator = random.Random(seed)
    context = stage.context
    own = {
        name: [one.content for one in context.real if one.name == name] for name in {one.name for one in context.real}
    }
    others = {name: [one.content for one in context.real if one.name != name] for name in own}

    def write(name: str) -> str:
        content = generator.choice((own if generator.random() < 0.5 else others)[name])
        kind = generator.random()
        if kind < 0.1:
            return generator.choice(context.training[name])
        if kind < 0.2:
            return generator.choice(ASSISTANT)
        return (
            f"{content} 555-{generator.randrange(1000):03}-{generator.randrange(10000):04}" if kind < 0.3 else content
        )

    messages = [one._replace(content=write(one.name)) for one in context.real]
    return System("blend", messages=messages, reference=context.real)


def coverage(stage: Stage, repeats: int = REPEATS) -> Iterator[tuple[str, float, int]]:
    """Yield, for each metric, how often the interval from a sample of conversations covers the whole's figure.

    Of a square the whole's figure is its plain root: to those who draw from it, the whole has no noise.
    """
    system = blend(stage)
    generator = np.random.default_rng(0)
    for name, found in measure(stage, system, OF_MESSAGES).items():
        if found is None:
            continue
        by_chat: dict[int, np.ndarray] = {}
        for (chat, _), vector in found.sums.items():
            by_chat[chat] = by_chat.get(chat, 0) + vector
        chats = list(by_chat.values())
        if len(chats) < SAMPLED:
            continue
        whole = float(found.statistic(np.sum(chats, axis=0)))
        truth = math.sqrt(whole) if found.is_square else whole
        hits = 0
        for repeat in range(repeats):
            drawn = generator.integers(0, len(chats), SAMPLED)
            sums = {(place, 0): chats[chat] for place, chat in enumerate(drawn)}
            sample = replace(found, sums=sums)
            low, high = sample.interval(repeat, "other")
            hits += low <= truth <= high
        yield name, hits / repeats, repeats


def read(path: Path) -> Iterator[Heard]:
    from chat_db_from_jsonl import read as read_messages

    numbers: dict[str, int] = {}
    for message in read_messages(path):
        yield Heard(numbers.setdefault(message.chat, len(numbers)), message.name, message.content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--chats", type=int, default=150, help="of those in which they write, drawn")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    heard = list(read(arguments.data))
    people = [name for name, _ in Counter(one.name for one in heard).most_common(arguments.people)]
    theirs = sorted({one.chat for one in heard if one.name in people})
    chats = set(random.Random(arguments.seed).sample(theirs, min(arguments.chats, len(theirs))))
    stage = set_up([one for one in heard if one.chat in chats], people)
    print(
        f"{len(stage.context.real):,} messages of {len(people)} people tested,"
        f" judge of {stage.context.judge.messages:,}"
    )
    for name, values in ladder(stage).items():
        figures = "  ".join(f"{share:.0%} {value:.3f}" for share, value in zip(RUNGS, values, strict=True))
        print(f"{name:18} tau {order(name, values):.2f}   {figures}", flush=True)
    others = ends(stage)
    for kind, system in {"real": stage.half, "nearest": stage.others["nearest"], **fakes(stage)}.items():
        results = judge(stage, system, others)
        figures = {name: round(one.value, 3) for name, one in results.items() if one.value is not None}
        print(
            f"{kind:18} rejected by {', '.join(rejections(results)) or 'nothing'}   {json.dumps(figures)}", flush=True
        )
    shuffled = baselines.shuffled(System("real", messages=stage.half.messages, reference=stage.half.reference), 0)
    print(f"shuffled labels    voice {METRICS['voice'].measure(shuffled, stage.context).value:.1f}")
    for name, share, repeats in coverage(stage):
        print(f"{name:18} intervals cover {share:.1%} of {repeats}")


if __name__ == "__main__":
    main()
