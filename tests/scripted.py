"""A writer and a clock that do as a test says, for chats without a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ventriloquist.model.partial_line import Piece
from ventriloquist.transcript import Line

ME = "Aidan"


class Script:
    """A writer that has made up its mind beforehand: the next names, and numbered contents."""

    def __init__(self, names: Sequence[str] = (), delta: str = "<1m") -> None:
        self.names = list(names)
        self.delta = delta
        self.contexts: list[list[str]] = []
        self.asked: list[tuple[str, ...]] = []

    def count_tokens(self, text: str) -> int:
        return len(text)

    def next_name(self, context: Sequence[str], names: Sequence[str]) -> str:
        self.asked.append(tuple(names))
        return self.names.pop(0) if self.names else ME

    def write(self, context: Sequence[str], names: Sequence[str]) -> Iterator[Piece]:
        self.contexts.append(list(context))
        (name,) = names
        content = f"line {len(self.contexts)}"
        yield Piece(name, self.delta, content[:2])
        yield Piece(name, self.delta, content[2:], Line(name, self.delta, content))

    def candidates(self, context: Sequence[str], names: Sequence[str], count: int) -> list[Line]:
        self.contexts.append(list(context))
        return [Line(names[0], "<5m", f"other {number}") for number in range(count)]


class Time:
    """Stands still until told otherwise."""

    def __init__(self) -> None:
        self.now = 1_710_504_000_000

    def __call__(self) -> int:
        return self.now
