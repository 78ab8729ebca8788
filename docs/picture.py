"""Makes a picture of what a terminal showed: tmux capture-pane -pe | python docs/picture.py FILE.svg TITLE"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 100


def main() -> None:
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text.from_ansi(sys.stdin.read().rstrip("\n")))
    picture = console.export_svg(title=sys.argv[2])
    # a font of the reader's own, none from the network
    Path(sys.argv[1]).write_text(re.sub(r"@font-face \{.*?\}\n", "", picture, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main()
