"""One line while it is generated: token by token under the grammar, with its content readable at any time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ventriloquist.model.sampling import UNTRUNCATED, Sampling, draw
from ventriloquist.transcript import Line, LineReader, line_opening, parse_line, render_line

if TYPE_CHECKING:  # not needed for a served model
    import torch

    from ventriloquist.model.grammar import LineMatcher

_UNFINISHED = re.compile(r"(?<!\\)((?:\\\\)*)\\(?:u[0-9a-fA-F]{0,3})?$")  # an escape
_CONTENT_KEY = b'"content":'  # occurs once in a line: within a string its quotes would be escaped


@dataclass(frozen=True, slots=True)
class Piece:
    """New text of a line that is being generated."""

    name: str
    delta: str
    text: str  # the content's new characters
    line: Line | None = None  # once it is finished
    is_cut: bool = False  # the line reached its limit of tokens


class PartialLine:
    """A line and its tokens so far; `line` is set when it is finished."""

    def __init__(
        self,
        matcher: LineMatcher,
        names: tuple[str, ...],
        sampling: Sampling,
        max_tokens: int,
        begun: Sequence[int] = (),
    ) -> None:
        """Begin a line.

        Args:
            begun: its first tokens.

        Raises:
            ValueError: no line of these people begins with them.
        """
        self.tokens: list[int] = []
        self.line: Line | None = None
        self.is_cut = False
        self._matcher = matcher
        self._sampling = sampling
        self._tokens_left = max_tokens
        self._openings = {name: line_opening(name).encode() for name in names}
        self._written = b""
        self._reader = LineReader()
        self._content = ""
        self._new = ""
        self._take([*begun])
        self._take(matcher.forced())

    @property
    def rendered(self) -> str:
        """The rendered line as far as it is written, without an unfinished escape; its newline when it is finished."""
        if self.line is not None:
            return render_line(self.line) + "\n"
        return _UNFINISHED.sub(r"\1", self._written.decode("utf-8", "ignore"))

    @property
    def name(self) -> str | None:
        """The writer of the line, as soon as only one name fits."""
        possible = [
            name
            for name, begins in self._openings.items()
            if self._written.startswith(begins) or begins.startswith(self._written)
        ]
        return possible[0] if len(possible) == 1 else None

    @property
    def in_content(self) -> bool:
        """Whether name and delta are written."""
        return _CONTENT_KEY in self._written

    def written_by(self, name: str) -> str:
        """Return the rendered line as far as it is written, by a person of this name instead of its writer."""
        return self._written.decode().replace(line_opening(self.name or ""), line_opening(name), 1)

    def choose(self, logits: torch.Tensor, uniform: torch.Tensor) -> None:
        """Sample the next token, and append it with the tokens that the grammar then fixes.

        Args:
            logits: (vocabulary,)
            uniform: (1,) a random number in [0, 1).
        """
        import torch

        in_content = self.in_content
        allowed = torch.from_numpy(self._matcher.allowed())
        masked = logits.float().cpu().masked_fill(~allowed, -torch.inf)
        # names and deltas at temperature 1, so that people double-text as often as in the data
        token = int(draw(masked[None], uniform, self._sampling if in_content else UNTRUNCATED))
        self._take([token])
        self._take(self._matcher.forced())
        self._tokens_left -= in_content
        if self._tokens_left <= 0 and self.line is None and self._content.strip():  # half a character is none
            self._close()

    def piece(self) -> Piece | None:
        """Return the new text since the last call, or None if there is none."""
        if self._reader.name is None or self._reader.delta is None or not (self._new or self.line):
            return None
        piece = Piece(self._reader.name, self._reader.delta, self._new, self.line, self.is_cut)
        self._new = ""
        return piece

    def _take(self, tokens: list[int]) -> None:
        if not tokens:
            return
        data = self._matcher.take(tokens)
        self.tokens += tokens
        self._written += data
        new = self._reader.feed(data)
        self._content += new
        self._new += new
        if self._matcher.finished:
            self.line = parse_line(self._written.decode())

    def _close(self) -> None:
        """End a line that reached its limit after its last complete character."""
        name, delta = self._reader.name, self._reader.delta
        if name is None or delta is None:
            raise ValueError("a line reached its limit before its content")
        self.line, self.is_cut = Line(name, delta, self._content), True
