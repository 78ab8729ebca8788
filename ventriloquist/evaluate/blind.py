"""The blind quiz: which of two answers is real? For people who know the writer."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ventriloquist.errors import NotReadyError
from ventriloquist.evaluate.cache import key_of
from ventriloquist.evaluate.examples import read_examples
from ventriloquist.evaluate.statistics import wilson
from ventriloquist.fs import make_private_folder, read_object, write_json
from ventriloquist.layout import BLIND, EVALUATION
from ventriloquist.names import find_name


@dataclass(frozen=True, slots=True)
class Question:
    """A context, and two answers. One of them is real."""

    key: str
    before: Sequence[tuple[str, str]]  # name and content, the oldest first
    answers: tuple[str, str]
    real: int  # its index


@dataclass(frozen=True, slots=True)
class HitRate:
    """How often the real answer was recognised. Against a perfect adapter this is one half."""

    name: str
    answered: int
    hits: int
    share: float | None
    low: float  # 95 %, Wilson
    high: float


def find_subject(run: Path, name: str, data_hash: str) -> str:
    """Return the name of a person with generated messages, however it was typed.

    Raises:
        NotReadyError: there are no generated messages for this run and this data.
        UnknownNameError: there are none under this name.
    """
    examples = read_examples(run, data_hash)
    if not examples:
        raise NotReadyError("Nothing has been generated for this run and this data yet.", hint="Run: vq eval")
    return find_name(name, sorted({example.name for example in examples}))


def questions(run: Path, name: str, seed: int, data_hash: str) -> list[Question]:
    """Return a person's unanswered questions on the data with this hash, in an order that depends on the seed."""
    examples = read_examples(run, data_hash)
    own = [example for example in examples if example.name == name]
    answered = _read(run).get(name, {})
    found = []
    for example in own:
        key = key_of(example.before, example.real, example.adapter)
        real = random.Random(f"{seed} {key}").randrange(2)  # noqa: S311  # not for secrets
        if key not in answered and example.real.strip() != example.adapter.strip():
            pair = (example.real, example.adapter) if real == 0 else (example.adapter, example.real)
            found.append(Question(key, example.before, pair, real))
    return sorted(found, key=lambda question: key_of(seed, question.key))  # answers do not change the order of the rest


def keep_answer(run: Path, name: str, question: Question, choice: int) -> None:
    """Record whether the chosen answer was the real one."""
    answers = _read(run)
    answers.setdefault(name, {})[question.key] = choice == question.real
    write_json(make_private_folder(run / EVALUATION) / BLIND, answers)


def hit_rate(run: Path, name: str) -> HitRate:
    """Return the hit rate for a person, over all sittings."""
    answers = _read(run).get(name, {})
    hits = sum(answers.values())
    low, high = wilson(hits, len(answers))
    return HitRate(name, len(answers), hits, hits / len(answers) if answers else None, low, high)


def _read(run: Path) -> dict[str, dict[str, bool]]:
    return read_object(run / EVALUATION / BLIND) or {}
