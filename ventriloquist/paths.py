"""Paths as they are kept: those inside VQ_HOME from it, so that a home can be moved."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

LEAST_PARTS = 2  # of an old path that are looked for in the present home: one name alone says too little


def kept_path(path: Path, home: Path) -> str:
    """Return a path as it is kept: from VQ_HOME where it lies inside, whatever links lead there, else absolute."""
    for place, base in ((path.absolute(), home.absolute()), (path.resolve(), home.resolve())):
        if place.is_relative_to(base):
            return str(place.relative_to(base))
    return str(path.absolute())


def found_path(kept: str, home: Path) -> Path:
    """Return where a kept path is today.

    An absolute path where nothing is any more may have been in a home that was moved: then the longest end of it that
    is there in the present home is meant.
    """
    path = home / kept
    if not Path(kept).is_absolute() or _exists(path):
        return path
    parts = Path(os.path.normpath(kept)).parts[1:]
    ends = (home.joinpath(*parts[first:]) for first in range(len(parts) - LEAST_PARTS + 1))
    return next((end for end in ends if _exists(end)), path)


def without_home(value: Any, home: Path) -> Any:
    """Return a value that JSON can hold with every path that lies inside VQ_HOME as it is kept."""
    if isinstance(value, str | Path):
        return kept_path(Path(value), home) if _is_inside(str(value), home) else value
    if isinstance(value, list | tuple):
        return [without_home(item, home) for item in value]
    if isinstance(value, dict):
        return {key: without_home(item, home) for key, item in value.items()}
    return value


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110  # what cannot be a path does not exist: Path.exists() may raise


def _is_inside(text: str, home: Path) -> bool:
    return any(text.startswith(f"{base}{os.sep}") for base in {home.absolute(), home.resolve()})
