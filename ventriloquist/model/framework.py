"""The framework in which chat and eval run a model: MLX on a Mac with Apple silicon, transformers elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

from ventriloquist.errors import MissingExtraError, ModelError, SettingsError
from ventriloquist.installation import install_hint
from ventriloquist.model.extras import on_apple_silicon

BACKENDS = ("auto", "unsloth", "transformers", "mlx")  # of VQ_BACKEND; Unsloth trains only


@dataclass(frozen=True, slots=True)
class Framework:
    """The framework that runs a model, and why it was chosen."""

    name: Literal["transformers", "mlx"]
    reason: str


def choose_framework(wish: str | None = None, config: Any = None) -> Framework:
    """Choose the framework that chat and eval use.

    Args:
        wish: one of BACKENDS; None is `auto`.
        config: of the base model, or its `model_type`, if it is known already.

    Raises:
        SettingsError: the wish is none of BACKENDS.
        MissingExtraError: MLX is asked for and not installed.
        ModelError: MLX is asked for and cannot run this base model.
    """
    wish = wish or "auto"
    if wish not in BACKENDS:
        raise SettingsError(f"VQ_BACKEND is {wish!r}.", hint=f"Set it to one of: {', '.join(BACKENDS)}.")
    if wish == "transformers":
        return Framework("transformers", "as set")
    if wish == "mlx" and not has_mlx():
        raise MissingExtraError("MLX is not installed.", hint=install_hint("mlx"))
    if wish == "unsloth":
        return Framework("transformers", "Unsloth only trains")
    if wish != "mlx" and not on_apple_silicon():
        return Framework("transformers", "this is not a Mac with Apple silicon")
    if not has_mlx():
        return Framework("transformers", "MLX is not installed")
    obstacle = None
    if config is not None:
        from ventriloquist.model.mlx_base import mlx_obstacle

        obstacle = mlx_obstacle(config)
    if obstacle is not None and wish == "mlx":
        raise ModelError(f"MLX cannot run this base model: {obstacle}.", hint="Set VQ_BACKEND to transformers.")
    if obstacle is not None:
        return Framework("transformers", obstacle)
    return Framework("mlx", "as set" if wish == "mlx" else "this is Apple silicon and MLX is installed")


def has_mlx() -> bool:
    """Return whether the extra `mlx` is installed, without importing it."""
    return find_spec("mlx") is not None and find_spec("mlx_lm") is not None
