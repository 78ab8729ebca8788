"""The folders of training runs, and which of them are finished. Light: no torch, and no manifest is read."""

from __future__ import annotations

import os
from pathlib import Path

from ventriloquist.layout import MANIFEST, SETTINGS


def run_folders(runs: Path) -> list[Path]:
    """Return the folder of every run, or the link to it, the oldest first: a run is named after its time."""
    try:
        return sorted(path for path in runs.iterdir() if path.is_dir() or path.is_symlink())
    except OSError:  # nothing was trained, or the folder cannot be read
        return []


def finished_runs(runs: Path) -> list[Path]:
    """Return the folders of the runs that have an adapter, the oldest first."""
    return [folder for folder in run_folders(runs) if is_finished(folder)]


def is_finished(folder: Path) -> bool:
    """Tell whether a run has its manifest, which is written last."""
    return os.path.exists(folder / MANIFEST)  # noqa: PTH110  # Path.exists() raises where the folder is closed


def can_resume(folder: Path) -> bool:
    """Tell whether `vq train --resume` can go on with a run."""
    return not is_finished(folder) and os.path.exists(folder / SETTINGS)  # noqa: PTH110
