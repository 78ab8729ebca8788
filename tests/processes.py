"""Processes that a launcher starts, found by their rank."""

from __future__ import annotations

from pathlib import Path


def process_of_rank(rank: int, launcher: int) -> int:
    """Return the process that a launcher started for a rank, and none that this one has started in turn."""
    wanted = f"\0RANK={rank}\0".encode()
    return next(pid for pid in _descendants(launcher) if wanted in Path(f"/proc/{pid}/environ").read_bytes())


def _descendants(pid: int) -> list[int]:
    own = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    return [*own, *(grandchild for child in own for grandchild in _descendants(child))]
