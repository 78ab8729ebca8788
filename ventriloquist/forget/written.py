"""What commands wrote into places that the user named, by the record of runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ventriloquist.fs import partial_folders
from ventriloquist.layout import EVALUATION
from ventriloquist.paths import found_path
from ventriloquist.store import Connection


@dataclass(frozen=True, slots=True)
class Written:
    """What is still there, wherever it is."""

    exports: tuple[Path, ...]  # folders
    files: tuple[Path, ...]  # reports and saved chats
    merged: tuple[Path, ...]  # folders of merged models, also of merges that were killed
    evaluations: tuple[Path, ...]  # folders in runs


def read_written(db: Connection, home: Path) -> Written:
    """Read where commands wrote. A run that was killed may have written, too."""
    exports = {*_places(db, home, "export", "folder")}
    files = {*_places(db, home, "eval", "report"), *_places(db, home, "chat", "saved")}
    merged = {folder for place in _places(db, home, "merge", "folder") for folder in (place, *partial_folders(place))}
    evaluations = {run / EVALUATION for run in _places(db, home, "eval", "run")}
    return Written(
        exports=tuple(sorted(path for path in exports if path.is_dir())),
        files=tuple(sorted(path for path in files if path.is_file())),
        merged=tuple(sorted(path for path in merged if path.is_dir())),
        evaluations=tuple(sorted(path for path in evaluations if path.is_dir())),
    )


def _places(db: Connection, home: Path, command: str, key: str) -> Iterator[Path]:
    for row in db.execute("SELECT parameters, result FROM runs WHERE command = ?", (command,)).fetchall():
        for values in (json.loads(text) for text in row if text):
            place = values.get(key) if isinstance(values, dict) else None
            if isinstance(place, str) and place:
                yield found_path(place, home)
