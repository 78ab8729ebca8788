"""The error for a file that this program is not allowed to read, such as Messages on a Mac."""

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
    """Return an error that names the file, the program that needs access, and the setting that grants it."""
    program = os.environ.get("TERM_PROGRAM", "")
    terminal = _TERMINALS.get(program) or program.removesuffix(".app") or "your terminal"
    interpreter = os.path.realpath(sys.executable)
    allow = (
        f"allow {terminal} in System Settings > Privacy & Security > Full Disk Access (or {interpreter} itself, if "
        f"that is what runs), restart {terminal}, and run the command again."
    )
    if sys.platform == "darwin":
        hint = allow[0].upper() + allow[1:]
    else:
        hint = f"Check its permissions: ls -l '{path}'. On a Mac, {allow}"
    return SourceError(f"{path} may not be read: {reason.rstrip('.')}.", hint=hint)
