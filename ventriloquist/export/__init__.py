"""Write training messages as JSON Lines for other trainers, a row for each block or window. `pages/` is for readers."""

from ventriloquist.export.files import ExportedFile
from ventriloquist.export.options import ExportOptions
from ventriloquist.export.rows import Format
from ventriloquist.export.stage import ExportPlan, ExportSummary, plan, run, stream

__all__ = ["ExportOptions", "ExportPlan", "ExportSummary", "ExportedFile", "Format", "plan", "run", "stream"]
