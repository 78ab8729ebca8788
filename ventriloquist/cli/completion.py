"""What the shell offers on Tab: people's names and runs. It imports no torch, and says nothing if it fails."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ventriloquist.names import fold

# The ASCII characters that are safe in every shell once spaces, quotes and brackets are escaped: the shell evaluates a
# completion, and names come from strangers.
_ASCII = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _.,+@/-'()&")
_ESCAPED = " '()&"


class _Offered(str):
    """A completion that matches what was typed. Typer would compare again, with case and without the escapes."""

    def startswith(self, *_typed: object) -> bool:
        return True


def people_names(incomplete: str) -> list[str]:
    """Return the names that begin with what was typed, escaped for the shell."""
    try:
        from ventriloquist.settings import load_settings
        from ventriloquist.status import known_names

        return _matching(known_names(load_settings().home), incomplete)
    except Exception:  # an error would be printed into the prompt
        return []


def run_names(incomplete: str) -> list[str]:
    """Return the runs whose names begin with what was typed, the newest first."""
    try:
        from ventriloquist.layout import RUNS
        from ventriloquist.model.run_folder import run_folders
        from ventriloquist.settings import load_settings

        return _matching([folder.name for folder in reversed(run_folders(load_settings().home / RUNS))], incomplete)
    except Exception:
        return []


def _matching(names: Iterable[str], incomplete: str) -> list[str]:
    begun = fold(incomplete)
    return [_Offered(_for_shell(name)) for name in names if fold(name).startswith(begun) and _is_safe(name)]


def _is_safe(name: str) -> bool:
    return name.isprintable() and all(letter in _ASCII or not letter.isascii() for letter in name)


def _for_shell(name: str) -> str:
    shell = os.environ.get("_VQ_COMPLETE", "").removeprefix("complete_")
    if shell == "zsh":  # its script loses a straight apostrophe; vq reads the other kind alike
        return name.replace("'", "’")
    if shell != "bash":
        return name
    words = os.environ.get("COMP_WORDS", "").split("\n")
    typed = words[int(os.environ.get("COMP_CWORD", "0"))] if len(words) > 1 else ""
    if typed[:1] in ("'", '"') and typed:  # inside quotes nothing is escaped, and readline closes them
        return typed[0] + name if "'" not in name else '"' + name
    return "".join(f"\\{letter}" if letter in _ESCAPED else letter for letter in name)
