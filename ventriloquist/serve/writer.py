"""The writer of one request: its sampling, its seed, and its limit of tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ventriloquist.model.partial_line import Piece
from ventriloquist.model.sampling import MAX_TOKENS, Sampling
from ventriloquist.serve.requests import Sampled
from ventriloquist.transcript import Line

if TYPE_CHECKING:
    from ventriloquist.model.line_writer import LineWriter

GREEDY = 0.01  # temperatures below this take the likeliest token: dividing by them overflows


class RequestWriter:
    """Writes lines for one request, and counts tokens."""

    def __init__(
        self, writer: LineWriter, body: Sampled, sampling: Sampling, seed: int, before_pass: Callable[[], None]
    ) -> None:
        """Prepare a request.

        Args:
            sampling: where the body has none.
            seed: where the body has none, or a negative one.
        """
        seed = body.seed if body.seed is not None and body.seed >= 0 else seed
        self._writer = writer.with_request(
            seed=seed % 2**63, sampling=_sampling(body, sampling), before_pass=before_pass
        )
        self._limit = body.limit
        self.read = 0  # tokens of the last context
        self.written = 0  # tokens of the contents
        self.is_cut = False  # the limit ended the last line

    @property
    def left(self) -> int:
        """How many tokens of content may still be written."""
        return MAX_TOKENS if self._limit is None else max(0, self._limit - self.written)

    def count_tokens(self, text: str) -> int:
        return self._writer.count_tokens(text)

    def next_name(self, context: Sequence[str], names: Sequence[str]) -> str:
        self._note(context)
        return self._writer.next_name(context, names)

    def write(self, context: Sequence[str], names: Sequence[str]) -> Iterator[Piece]:
        self._note(context)
        left = self.left
        for piece in self._writer.write(context, names, max(1, left)):
            if piece.line is not None:
                self._count(piece.line)
                self.is_cut = piece.is_cut
                if self.is_cut and self._limit is not None and left <= MAX_TOKENS:
                    self.written = self._limit  # also a token that ended without a character
            yield piece

    def candidates(self, context: Sequence[str], names: Sequence[str], count: int) -> list[Line]:
        self._note(context)
        lines = self._writer.candidates(context, names, count, max(1, self.left))
        for line in lines:
            self._count(line)
        return lines

    def complete(self, context: Sequence[str], names: Sequence[str], begun: str) -> Iterator[str]:
        """Write the rest of a line as it is rendered; see `LineWriter.complete`."""
        self._note(context)
        for text in self._writer.complete(context, names, begun):
            self.written += 1
            yield text

    def _note(self, context: Sequence[str]) -> None:
        self.read = sum(map(self._writer.count_tokens, context))

    def _count(self, line: Line) -> None:
        self.written += max(1, self._writer.count_tokens(line.content))


def _sampling(body: Sampled, default: Sampling) -> Sampling:
    given = {name: getattr(body, name) for name in ("temperature", "top_p", "min_p", "top_k", "name_guidance")}
    chosen = replace(default, **{name: value for name, value in given.items() if value is not None})
    return replace(
        chosen,
        temperature=chosen.temperature if chosen.temperature >= GREEDY else 0,
        top_k=max(0, chosen.top_k),
    )
