"""The extras that train and run a model: whether one is installed, and which one suits this machine."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from ventriloquist.errors import MissingExtraError
from ventriloquist.installation import install_hint

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
