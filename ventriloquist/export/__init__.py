"""Write training messages as JSON Lines files for other trainers: one row for each block or window."""

from ventriloquist.export.files import ExportedFile
from ventriloquist.export.options import ExportOptions
from ventriloquist.export.rows import Format
from ventriloquist.export.stage import ExportPlan, ExportSummary, plan, run, stream

__all__ = ["ExportOptions", "ExportPlan", "ExportSummary", "ExportedFile", "Format", "plan", "run", "stream"]
