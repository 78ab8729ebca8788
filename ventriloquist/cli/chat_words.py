"""The messages before a chat, on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ventriloquist.safe_text import harmless

if TYPE_CHECKING:
    from ventriloquist.store.corpus import SentLine

AROUND = 9  # lines of the screen for the banner and the prompt
LEAST_ROOM = 6  # lines for earlier messages, however small the screen


def show_past(said: Sequence[SentLine]) -> None:
    """Show the messages before the chat, dimmed: as many as fit below the banner."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    room = max(LEAST_ROOM, console.height - AROUND)
    shown: list[Text] = []
    for number, one in reversed(list(enumerate(said))):
        text = Text(f"{harmless(one.line.name)}: {harmless(one.line.content)}", style="dim")
        above = [Text(f"— {one.day} —", style="dim")] if number == 0 or said[number - 1].day != one.day else []
        room -= len(text.wrap(console, console.width)) + len(above)
        if room < 0:
            shown.insert(0, Text(f"— {number + 1:,} earlier messages, up to {one.day} —", style="dim"))
            break
        shown[:0] = [*above, text]
    for text in shown:
        console.print(text)
