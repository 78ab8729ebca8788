"""Files that a power cut or a full disk leaves whole or as they were."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a text file whole or not at all; when this returns it is on the disk."""
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    flush(path.parent)


def flush(path: Path) -> None:
    """Flush a file to the disk, or a folder's list of names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_all(folder: Path) -> None:
    """Flush a folder with everything in it."""
    for path in folder.rglob("*"):
        if not path.is_symlink():
            flush(path)
    flush(folder)
    flush(folder.parent)
