"""Optional extras: whether one is installed, and the command that adds it to this installation."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import distribution
from importlib.util import find_spec
from urllib.parse import unquote, urlparse

from ventriloquist.errors import MissingExtraError

DISTRIBUTION = "ventriloquist-cli"
TRAIN_MODULES = ("torch", "transformers", "peft", "accelerate", "llguidance", "sklearn", "gguf")


def require_train_extra() -> None:
    """Check that one of the extras `train` and `mlx` is installed, without importing it.

    Raises:
        MissingExtraError: none is installed; the hint is the command that adds the one for this machine.
    """
    require_extra("mlx" if on_apple_silicon() else "train", TRAIN_MODULES)


def require_extra(extra: str, modules: Sequence[str]) -> None:
    """Check that an extra is installed, without importing it.

    Raises:
        MissingExtraError: one of its modules is missing.
    """
    missing = next((module for module in modules if find_spec(module) is None), None)
    if missing is not None:
        raise MissingExtraError(f"This needs the extra `{extra}` ({missing} is missing).", hint=install_hint(extra))


def on_apple_silicon() -> bool:
    """Return whether this is a Mac with Apple silicon."""
    return sys.platform == "darwin" and platform.machine() == "arm64"


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
