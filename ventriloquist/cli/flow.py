"""Word wrap for text that arrives in pieces."""

from __future__ import annotations

import re

from rich.cells import cell_len

_WORD_OR_SPACE = re.compile(r"\s+|\S+")


class Flow:
    """Wraps one paragraph: add the pieces, and print what is returned. A word is held back until it is complete.

    `indent` columns are taken on the first line. Further lines are indented as far, if there is room.
    """

    def __init__(self, width: int, *, indent: int = 0) -> None:
        self._width = width
        self._indent = indent if indent <= width // 3 else 0
        self._column = indent
        self._held = ""

    def add(self, text: str) -> str:
        """Take more text and return what can be printed."""
        parts = _WORD_OR_SPACE.findall(self._held + text)
        self._held = parts.pop() if parts else ""
        if cell_len(self._held) >= self._width:  # longer than a line
            parts.append(self._held)
            self._held = ""
        return "".join(map(self._place, parts))

    def end(self) -> str:
        """Return the text that is still held back."""
        held, self._held = self._held, ""
        return self._place(held)

    def _place(self, part: str) -> str:
        """Return a word or a space, after a line break if it does not fit."""
        size = cell_len(part)
        if self._column + size <= self._width:
            self._column += size
            return part
        if part.isspace():  # the line break replaces it
            self._column = self._width
            return ""
        if self._column <= self._indent:  # longer than a line: the terminal wraps it
            self._column = (self._column + size) % self._width
            return part
        self._column = self._indent + size
        return f"\n{' ' * self._indent}{part}"
