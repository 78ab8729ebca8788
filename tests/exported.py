"""Exporting in one call."""

from __future__ import annotations

from pathlib import Path

from ventriloquist.export import ExportOptions, ExportSummary, plan, run
from ventriloquist.records import Progress
from ventriloquist.store import Connection


def export(
    db: Connection, folder: Path, options: ExportOptions, *, progress: Progress = lambda _done, _total: None
) -> ExportSummary:
    return run(db, plan(db, folder, options), progress=progress)
