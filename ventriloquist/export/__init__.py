"""training_messages → files that other trainers read: one row a block or a window."""

from ventriloquist.export.files import ExportedFile
from ventriloquist.export.options import ExportOptions
from ventriloquist.export.rows import Format
from ventriloquist.export.stage import ExportPlan, ExportSummary, export, plan, run, stream

__all__ = [
    "ExportOptions",
    "ExportPlan",
    "ExportSummary",
    "ExportedFile",
    "Format",
    "export",
    "plan",
    "run",
    "stream",
]
