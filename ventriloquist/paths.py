"""Stored paths: those inside VQ_HOME are stored relative to it, so that a home can be moved."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

MIN_PARTS = 2  # of an old path that must exist in the present home: one name alone could match by chance


def kept_path(path: Path, home: Path) -> str:
    """Return a path to store: relative to VQ_HOME if it lies inside, also through links, else absolute."""
    for place, base in ((path.absolute(), home.absolute()), (path.resolve(), home.resolve())):
        if place.is_relative_to(base):
            return str(place.relative_to(base))
    return str(path.absolute())


def found_path(kept: str, home: Path) -> Path:
    """Return the present place of a stored path.

    If nothing exists at an absolute path, the home may have been moved. Then the longest ending of the path that exists
    in the present home is returned.
    """
    path = home / kept
    if not Path(kept).is_absolute() or _exists(path):
        return path
    parts = Path(os.path.normpath(kept)).parts[1:]
    ends = (home.joinpath(*parts[first:]) for first in range(len(parts) - MIN_PARTS + 1))
    return next((end for end in ends if _exists(end)), path)


def without_home(value: Any, home: Path) -> Any:
    """Return a JSON value in which every path inside VQ_HOME is relative to it."""
    if isinstance(value, str | Path):
        return kept_path(Path(value), home) if _is_inside(str(value), home) else value
    if isinstance(value, list | tuple):
        return [without_home(item, home) for item in value]
    if isinstance(value, dict):
        return {key: without_home(item, home) for key, item in value.items()}
    return value


def expanded(name: str | Path) -> Path:
    """Return a path with the home folder in place of `~`. A user that does not exist is left as it stands."""
    return Path(os.path.expanduser(name))  # noqa: PTH111  # Path.expanduser() raises for an unknown user


def is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112  # Path.is_dir() may raise for an invalid path


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110  # Path.exists() may raise for an invalid path


def _is_inside(text: str, home: Path) -> bool:
    return any(text.startswith(f"{base}{os.sep}") for base in {home.absolute(), home.resolve()})
