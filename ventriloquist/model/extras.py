"""How to install an extra of this copy of the program, wherever it came from."""

from __future__ import annotations

import json
from importlib.metadata import distribution
from urllib.parse import unquote, urlparse

DISTRIBUTION = "ventriloquist-cli"


def install_hint(extra: str) -> str:
    """Return the command that adds an extra, built from the path or address this copy was installed from."""
    return f"Run: uv tool install --force '{DISTRIBUTION}[{extra}] @ {_origin()}'"


def _origin() -> str:
    """Return where this copy came from (PEP 610's direct_url.json)."""
    recorded = distribution(DISTRIBUTION).read_text("direct_url.json")
    if recorded is None:
        return "PATH-TO-THE-SOURCE"
    origin = json.loads(recorded)
    if "vcs_info" in origin:
        return f"{origin['vcs_info']['vcs']}+{origin['url']}@{origin['vcs_info']['commit_id']}"
    url = urlparse(origin["url"])
    return f"file://{unquote(url.path)}" if url.scheme == "file" else str(origin["url"])
