"""Ventriloquist: learn to write like the people you text with."""

from __future__ import annotations

__version__: str  # read on demand, because it is the slowest part of a start


def __getattr__(name: str) -> str:
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version("ventriloquist-cli")
