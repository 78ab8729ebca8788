"""What to tell somebody whose Mac does not let this program read Messages."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ventriloquist.errors import SourceError

# TERM_PROGRAM: the application's name in System Settings
_TERMINALS = {
    "Apple_Terminal": "Terminal",
    "iTerm.app": "iTerm",
    "vscode": "Visual Studio Code",
    "WezTerm": "WezTerm",
    "ghostty": "Ghostty",
    "WarpTerminal": "Warp",
    "Hyper": "Hyper",
    "Tabby": "Tabby",
}


def permission_error(path: Path, reason: str) -> SourceError:
    """Name the file, who asked for it, and where to allow that."""
    program = os.environ.get("TERM_PROGRAM", "")
    terminal = _TERMINALS.get(program) or program.removesuffix(".app") or "your terminal"
    interpreter = os.path.realpath(sys.executable)
    allow = (
        f"allow {terminal} in System Settings > Privacy & Security > Full Disk Access (or {interpreter} itself, where "
        f"that is what runs), restart {terminal}, and run the command again."
    )
    if sys.platform == "darwin":
        hint = allow[0].upper() + allow[1:]
    else:
        hint = f"Check its permissions: ls -l '{path}'. On a Mac, {allow}"
    return SourceError(f"{path} may not be read: {reason.rstrip('.')}.", hint=hint)
