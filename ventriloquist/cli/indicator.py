"""The line that shows who is typing."""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from ventriloquist.safe_text import harmless


class Indicator:
    """Shows who is typing, on the line where the answer will appear."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown = False

    def show(self, name: str | None) -> None:
        if self._console.is_dumb_terminal:
            return
        text = Text(f"{harmless(name)} is typing…" if name else "…", style="dim")
        text.truncate(self._console.width - 1)
        self._console.print(text, end="")
        self._console.file.flush()
        self._shown = True

    def clear(self) -> None:
        if self._shown:
            self._console.control(Control((ControlType.CARRIAGE_RETURN,), (ControlType.ERASE_IN_LINE, 2)))
            self._shown = False
