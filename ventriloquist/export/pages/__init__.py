"""Conversations as pages for people to read: one HTML or Markdown file each, and an index."""

from ventriloquist.export.pages.stage import (
    PageFile,
    PageFormat,
    PagesOptions,
    PagesPlan,
    PagesSummary,
    plan,
    run,
    stream,
)

__all__ = ["PageFile", "PageFormat", "PagesOptions", "PagesPlan", "PagesSummary", "plan", "run", "stream"]
