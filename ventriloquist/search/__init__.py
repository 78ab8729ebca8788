"""Searching the collected messages for words, on an index in the file."""

from ventriloquist.search.stage import Hit, SearchOptions, SearchResult, plan, run
from ventriloquist.search.words import Span

__all__ = ["Hit", "SearchOptions", "SearchResult", "Span", "plan", "run"]
