"""What metrics are given: a subject, that is whoever is measured, and the people it should be like."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from ventriloquist.evaluate.heldout import Target
from ventriloquist.evaluate.judge import Judge
from ventriloquist.evaluate.statistics import Array
from ventriloquist.model.score import LineScore


class Scored(NamedTuple):
    """What a model expected of a held-out message, and what the bare base model did with the same context."""

    target: Target
    score: LineScore
    base: LineScore


class Written(NamedTuple):
    """A line written freely where a target stands, without a grammar."""

    target: Target
    text: str
    members: tuple[str, ...]  # whose line it may be


class Message(NamedTuple):
    """A message in the place of a target and in the name of its writer: real, generated, or somebody else's."""

    target: Target
    content: str

    @property
    def name(self) -> str:
        return self.target.line.name


class Candidates(NamedTuple):
    """Nats, or any cost, of what could stand in a target's place; the true one is at `true`."""

    target: Target
    costs: tuple[float, ...]
    true: int
    names: tuple[str, ...] = ()  # of the candidates, where names were swapped


@dataclass(frozen=True)
class Subject:
    """Whoever is measured: an adapter, the base model, real people, a baseline. What it did not do is empty."""

    name: str
    scored: Sequence[Scored] = ()
    written: Sequence[Written] = ()
    messages: Sequence[Message] = ()
    reference: Sequence[Message] = ()  # the real messages that `messages` are compared with
    names: Sequence[Candidates] = ()  # P(content | name), for each name
    ranked: Sequence[Candidates] = ()  # of other real messages
    swapped: Sequence[Candidates] = ()  # P(content | context, name), for each name

    def only(self, keep: Callable[[Target], bool]) -> Subject:
        """Return the subject's part in some of the targets."""
        return replace(
            self,
            scored=[item for item in self.scored if keep(item.target)],
            written=[item for item in self.written if keep(item.target)],
            messages=[item for item in self.messages if keep(item.target)],
            reference=[item for item in self.reference if keep(item.target)],
            names=[item for item in self.names if keep(item.target)],
            ranked=[item for item in self.ranked if keep(item.target)],
            swapped=[item for item in self.swapped if keep(item.target)],
        )

    def of(self, person: str) -> Subject:
        return self.only(lambda target: target.line.name == person)

    def final(self) -> Subject:
        return self.only(lambda target: target.is_final)


@dataclass(frozen=True)
class World:
    """What is known of the people, the same for every subject."""

    training: Mapping[str, Sequence[str]]  # a person's messages that the adapter was trained on
    judge: Judge  # of style; has read neither training nor test messages
    real: Sequence[Message] = ()  # all held-out messages, of everybody
    delta_shares: Mapping[str, Array] = field(default_factory=dict)  # by person, (6,), of the training messages
    seed: int = 0

    @cached_property
    def training_text(self) -> str:
        return "\n".join(content for contents in self.training.values() for content in contents)

    @cached_property
    def folded_training(self) -> frozenset[str]:
        return frozenset(folded(content) for contents in self.training.values() for content in contents)


def folded(text: str) -> str:
    """Return a text without what does not make it another: case and white space."""
    return " ".join(text.casefold().split())
