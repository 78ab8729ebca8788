"""Makes the README's picture from what a terminal showed: tmux capture-pane -pe | python docs/picture.py docs/demo.svg"""

from __future__ import annotations

import io
import sys

from rich.console import Console
from rich.text import Text

WIDTH = 110


def main() -> None:
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text.from_ansi(sys.stdin.read().rstrip("\n")))
    console.save_svg(sys.argv[1], title="vq demo")


if __name__ == "__main__":
    main()
