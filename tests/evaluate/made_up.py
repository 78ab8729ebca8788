"""Targets and messages made up for tests of single metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ventriloquist.evaluate.heldout import NOTHING, Before, Target
from ventriloquist.evaluate.inputs import EvalContext, Message, Scored, System
from ventriloquist.evaluate.judge import Judge, train_judge
from ventriloquist.model.score import LineScore
from ventriloquist.store.corpus import StoredConversation
from ventriloquist.transcript import Line

EVEN = (1 / 6,) * 6
NO_JUDGE = Judge(None, {}, 0)


def target(
    name: str, content: str, from_end: int = 9, *, conversation: int = 1, delta: str = "<1m", before: Before = NOTHING
) -> Target:
    return Target(
        StoredConversation(conversation, "dm", ("A", "B"), 400, 0),
        400 - from_end,
        Line(name, delta, content),
        from_end,
        before,
    )


def messages(pairs: Iterable[tuple[str, str]], generated: Sequence[str] = ()) -> list[Message]:
    """Return a message a pair of name and content, ten a conversation; with other contents, if they are given."""
    pairs = list(pairs)
    contents = generated or [content for _, content in pairs]
    return [
        Message(target(name, real, index % 10 + 1, conversation=index // 10), content)
        for index, ((name, real), content) in enumerate(zip(pairs, contents, strict=True))
    ]


def written(real: Sequence[Message], generated: Sequence[str]) -> System:
    """Return a system that wrote these contents in place of real messages."""
    own = [one._replace(content=content) for one, content in zip(real, generated, strict=True)]
    return System("adapter", messages=own, reference=real)


def scored(targets: Sequence[Target], base: float, adapter: float, deltas: tuple[float, ...] = EVEN) -> list[Scored]:
    return [
        Scored(
            one,
            LineScore(1.0, 2.0, adapter, len(one.line.content), deltas),
            LineScore(1.0, 2.0, base, len(one.line.content), EVEN),
        )
        for one in targets
    ]


def context(
    real: Sequence[Message] = (), training: dict[str, list[str]] | None = None, judged: object = None
) -> EvalContext:
    judge = train_judge(judged) if isinstance(judged, dict) else NO_JUDGE
    return EvalContext(training=training or {}, judge=judge, real=real)
