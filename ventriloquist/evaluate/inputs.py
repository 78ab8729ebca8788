"""The inputs of metrics: what a system did on held-out messages, and what is known about the people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from ventriloquist.evaluate.heldout import Target
from ventriloquist.evaluate.judge import Judge
from ventriloquist.evaluate.resampling import Array
from ventriloquist.evaluate.word_judge import WordJudge
from ventriloquist.model.score import LineScore


class Scored(NamedTuple):
    """A held-out line as a model scored it, and as the bare base model scored it after the same context."""

    target: Target
    score: LineScore
    base: LineScore
    told: float | None = None  # nats of the content to a base model that has read lines of the format


class Written(NamedTuple):
    """A line that a model wrote in place of a target."""

    target: Target
    text: str


class Message(NamedTuple):
    """A message in place of a target and under its writer's name: real, generated, or another person's."""

    target: Target
    content: str

    @property
    def name(self) -> str:
        return self.target.line.name


class Candidates(NamedTuple):
    """The costs, in nats or any other unit, of the candidates for a target's place."""

    target: Target
    costs: tuple[float, ...]
    true: int  # index of the right candidate
    names: tuple[str, ...] = ()  # of the candidates, if they differ by name


class Reply(NamedTuple):
    """A past message of a person, and the message before it."""

    name: str
    before: str
    content: str


@dataclass(frozen=True)
class System:
    """The outputs of what is measured: an adapter, its base model, real people or a baseline. Some may be empty."""

    name: str
    scored: Sequence[Scored] = ()
    free: Sequence[Written] = ()  # without a grammar
    written: Sequence[Written] = ()  # as a chat writes, by whichever member the model expects
    messages: Sequence[Message] = ()
    reference: Sequence[Message] = ()  # the real messages that `messages` are compared with
    names: Sequence[Candidates] = ()  # P(content | name), for each name
    ranked: Sequence[Candidates] = ()  # among other real messages
    swapped: Sequence[Candidates] = ()  # P(content | context, name), for each name

    def only(self, keep: Callable[[Target], bool]) -> System:
        """Return the outputs for some of the targets."""
        outputs: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "name"}
        return System(
            self.name, **{name: [item for item in items if keep(item.target)] for name, items in outputs.items()}
        )

    def of(self, person: str) -> System:
        return self.only(lambda target: target.line.name == person)

    def final(self) -> System:
        return self.only(lambda target: target.is_final)


@dataclass(frozen=True)
class EvalContext:
    """What the prepared data says about the people; the same for every system."""

    training: Mapping[str, Sequence[str]]  # by person: the messages that the adapter was trained on
    judge: Judge  # of style; it has read neither training nor test messages
    word_judge: WordJudge = field(default_factory=WordJudge)  # of words, likewise
    real: Sequence[Message] = ()  # every held-out message
    delta_shares: Mapping[str, Array] = field(default_factory=dict)  # by person: (6,), in the training messages
    turn_shares: Mapping[tuple[str, bool], Array] = field(default_factory=dict)  # see `baselines.delta_shares`
    candidates: Sequence[str] = ()  # the names that are swapped
    past: Sequence[Reply] = ()  # what retrieval searches
    format_lines: str = ""  # a transcript that shows the format, see `format_lines`
    division: Mapping[str, int] = field(default_factory=dict)  # messages by what they are used for
    seed: int = 0

    @cached_property
    def training_text(self) -> str:
        return "\n".join(content for contents in self.training.values() for content in contents)

    @cached_property
    def folded_training(self) -> frozenset[str]:
        return frozenset(folded(content) for contents in self.training.values() for content in contents)


def folded(text: str) -> str:
    """Fold case and white space."""
    return " ".join(text.casefold().split())


@dataclass(frozen=True)
class Input:
    """What a metric takes: one of the types below."""

    missing: ClassVar[str]  # why there is none; {minimum} stands for the metric's least number of messages


@dataclass(frozen=True)
class ScoredLines(Input):
    """Held-out lines, scored by the system and by the base model."""

    missing = "no message could be scored"
    lines: Sequence[Scored]
    context: EvalContext


@dataclass(frozen=True)
class FormatKnown(Input):
    """Held-out lines, scored also by the base model after lines that show the format."""

    missing = "no message is short enough to show the base model the format"
    lines: Sequence[Scored]


@dataclass(frozen=True)
class FreeLines(Input):
    """Lines that the system wrote without a grammar."""

    missing = "no line was written"
    lines: Sequence[Written]


@dataclass(frozen=True)
class WrittenLines(Input):
    """Lines that the system wrote as a chat does, by whichever member it expects."""

    missing = "no line was written"
    lines: Sequence[Written]


@dataclass(frozen=True)
class Messages(Input):
    """Generated messages, and the real ones that they are compared with."""

    missing = "fewer than {minimum} generated messages, or too few real ones to judge by"
    generated: Sequence[Message]
    real: Sequence[Message]
    context: EvalContext


@dataclass(frozen=True)
class CandidateCosts(Input):
    items: Sequence[Candidates]


@dataclass(frozen=True)
class NamesAlone(CandidateCosts):
    """Messages scored without a context, once under each name."""

    missing = "fewer than two people to tell apart"
    seed: int = 0  # of the draw of groups


class NamesInContext(CandidateCosts):
    """Messages scored in their context, once under each name."""

    missing = "no people to tell apart"


class RankedMessages(CandidateCosts):
    """True messages, ranked among other real ones."""

    missing = "too few messages to choose from"


def inputs(system: System, context: EvalContext) -> Iterator[Input]:
    """Yield a system's outputs as metrics take them. A type that it has no outputs for is left out."""
    if system.scored:
        yield ScoredLines(system.scored, context)
        if all(item.told is not None for item in system.scored):
            yield FormatKnown(system.scored)
    if system.free:
        yield FreeLines(system.free)
    if system.written:
        yield WrittenLines(system.written)
    if system.messages and system.reference:
        yield Messages(system.messages, system.reference, context)
    if system.names:
        yield NamesAlone(system.names, context.seed)
    if system.swapped:
        yield NamesInContext(system.swapped)
    if system.ranked:
        yield RankedMessages(system.ranked)
