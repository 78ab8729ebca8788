"""Text that comes in pieces, broken between words at the terminal's edge."""

from __future__ import annotations

import re

from rich.cells import cell_len

_WORD_OR_SPACE = re.compile(r"\s+|\S+")


class Flow:
    """One paragraph: feed it the pieces, print what it returns. A word is held back until it is whole."""

    def __init__(self, width: int, *, indent: int = 0) -> None:
        """Begin a paragraph.

        Args:
            width: columns of the terminal.
            indent: columns that are taken on its first line; further lines begin there too, if there is room.
        """
        self._width = width
        self._indent = indent if indent <= width // 3 else 0
        self._column = indent
        self._held = ""

    def add(self, text: str) -> str:
        """Take more text and return what can be printed."""
        parts = _WORD_OR_SPACE.findall(self._held + text)
        self._held = parts.pop() if parts else ""
        if cell_len(self._held) >= self._width:  # no word, or one without end
            parts.append(self._held)
            self._held = ""
        return "".join(map(self._place, parts))

    def end(self) -> str:
        """Return what was held back."""
        held, self._held = self._held, ""
        return self._place(held)

    def _place(self, part: str) -> str:
        """Return a word or a space, on a new line where it does not fit."""
        size = cell_len(part)
        if self._column + size <= self._width:
            self._column += size
            return part
        if part.isspace():  # the break takes its place
            self._column = self._width
            return ""
        if self._column <= self._indent:  # as long as a line: the terminal breaks it
            self._column = (self._column + size) % self._width
            return part
        self._column = self._indent + size
        return f"\n{' ' * self._indent}{part}"
