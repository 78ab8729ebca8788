"""This installation of vq: where it came from, and the command that adds an extra to it."""

from __future__ import annotations

import json
from importlib.metadata import distribution
from urllib.parse import unquote, urlparse

DISTRIBUTION = "ventriloquist-cli"


def install_hint(extra: str) -> str:
    """Return the command that adds an extra, with the path or URL from which vq was installed."""
    return f"Run: uv tool install --force '{DISTRIBUTION}[{extra}] @ {_origin()}'"


def _origin() -> str:
    """Return the path or URL of the installation, from PEP 610's direct_url.json."""
    recorded = distribution(DISTRIBUTION).read_text("direct_url.json")
    if recorded is None:
        return "PATH-TO-THE-SOURCE"
    origin = json.loads(recorded)
    if "vcs_info" in origin:
        return f"{origin['vcs_info']['vcs']}+{origin['url']}@{origin['vcs_info']['commit_id']}"
    url = urlparse(origin["url"])
    return f"file://{unquote(url.path)}" if url.scheme == "file" else str(origin["url"])
