"""Dates of Apple's: nanoseconds since 2001-01-01 UTC on newer rows, seconds on old ones, in one database."""

from __future__ import annotations

EPOCH_MS = 978_307_200_000  # 2001-01-01
NANOSECONDS_FROM = 100_000_000_000  # as seconds: the year 5169; as nanoseconds: the first 100 seconds

# A message's date outside of these says nothing: the first program for messages is of 2002, and a clock is rarely
# wrong by a century.
FIRST_S, LAST_S = 31_536_000, 3_155_673_600  # 2002-01-01, 2101-01-01
FIRST_NS, LAST_NS = FIRST_S * 1_000_000_000, LAST_S * 1_000_000_000


def to_unix_ms(date: int) -> int:
    """Convert a date to Unix milliseconds, told apart by its magnitude."""
    if abs(date) > NANOSECONDS_FROM:
        return date // 1_000_000 + EPOCH_MS
    return date * 1000 + EPOCH_MS


def message_date(date: int | None) -> int | None:
    """Return a message's date in Unix milliseconds, None where it is missing or cannot be one."""
    if date is None or not (FIRST_S <= date < LAST_S or FIRST_NS <= date < LAST_NS):
        return None
    return to_unix_ms(date)


def is_message_date(column: str) -> str:
    """Return SQL that tells the same of a column."""
    date = f"CAST({column} AS INTEGER)"
    return f"({date} BETWEEN {FIRST_S} AND {LAST_S - 1} OR {date} BETWEEN {FIRST_NS} AND {LAST_NS - 1})"
