"""How this `vq` was started, so that printed commands can be copied and run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from functools import cache
from pathlib import Path

NAMES = "collect|prepare|export|search|train|chat|eval|status|runs|merge|forget|serve|demo"
# a command in a sentence, but not the end of a path such as .venv/bin/vq
_COMMAND = re.compile(rf"(?<![\w./\\-])vq(?= (?:{NAMES}|--)\b)")


def typed(text: str) -> str:
    """Replace each `vq COMMAND` in a text by the command that works here."""
    return _COMMAND.sub(lambda _: invocation(), text)


@cache
def invocation() -> str:
    """Return `vq` if PATH finds this installation, else the path by which it was started."""
    script = _script()
    if script is None:
        return "vq" if not _is_module() else f"{_short(Path(sys.executable))} -m ventriloquist"
    found = shutil.which("vq")
    if found and os.path.realpath(found) == os.path.realpath(script):
        return "vq"
    return _short(script)


def _script() -> Path | None:
    """Return the script that was started. For `python -m ventriloquist` it is the one beside its Python."""
    started = Path(sys.argv[0])
    if started.stem == "vq" and started.is_file():
        return started
    beside = Path(sys.executable).with_name("vq")
    return beside if _is_module() and beside.is_file() else None


def _is_module() -> bool:
    return Path(sys.argv[0]).parts[-2:] == ("ventriloquist", "__main__.py")


def _short(path: Path) -> str:
    """Return a path quoted for a shell, relative to the current folder if it is inside."""
    path = path.absolute()
    here = Path.cwd()
    shown = str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
    return shlex.quote(shown if os.sep in shown else f".{os.sep}{shown}")
