"""What the shell offers on Tab: people's names and runs. Read without torch, and silent where that fails."""

from __future__ import annotations

import os
from collections.abc import Iterable

# of ASCII, what no shell takes for anything else once spaces, quotes and brackets are escaped; a completion is
# evaluated by the shell, and names come from strangers
_ASCII = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _.,+@/-'()&")
_ESCAPED = " '()&"


class _Offered(str):
    """A completion that was compared with what was typed; typer would do it again, with case and before escaping."""

    def startswith(self, *_typed: object) -> bool:
        return True


def people_names(incomplete: str) -> list[str]:
    """Return the names that begin so, as the shell takes them."""
    try:
        from ventriloquist.settings import load_settings
        from ventriloquist.status import known_names

        return _matching(known_names(load_settings().home), incomplete)
    except Exception:  # whatever it is, a shell's prompt is no place to say it
        return []


def run_names(incomplete: str) -> list[str]:
    """Return the runs whose names begin so, the newest first."""
    try:
        from ventriloquist.settings import load_settings

        folders = sorted((path for path in load_settings().runs.iterdir() if path.is_dir()), reverse=True)
        return _matching([folder.name for folder in folders], incomplete)
    except Exception:
        return []


def _matching(names: Iterable[str], incomplete: str) -> list[str]:
    begun = _plain(incomplete)
    return [_Offered(_for_shell(name)) for name in names if _plain(name).startswith(begun) and _is_safe(name)]


def _plain(name: str) -> str:
    return name.replace("’", "'").casefold()


def _is_safe(name: str) -> bool:
    return name.isprintable() and all(letter in _ASCII or not letter.isascii() for letter in name)


def _for_shell(name: str) -> str:
    shell = os.environ.get("_VQ_COMPLETE", "").removeprefix("complete_")
    if shell == "zsh":  # its script loses a straight apostrophe; vq takes the other kind for the same
        return name.replace("'", "’")
    if shell != "bash":
        return name
    words = os.environ.get("COMP_WORDS", "").split("\n")
    typed = words[int(os.environ.get("COMP_CWORD", "0"))] if len(words) > 1 else ""
    if typed[:1] in ("'", '"') and typed:  # within quotes nothing is escaped, and readline closes them
        return typed[0] + name if "'" not in name else '"' + name
    return "".join(f"\\{letter}" if letter in _ESCAPED else letter for letter in name)
