"""Apple's dates: nanoseconds since 2001-01-01 UTC, or seconds in old rows of the same database."""

from __future__ import annotations

EPOCH_MS = 978_307_200_000  # 2001-01-01
NANOSECONDS_FROM = 100_000_000_000  # as seconds: the year 5169; as nanoseconds: the first 100 seconds

# A date outside of this range is invalid: Apple's first program for messages is from 2002.
FIRST_S, LAST_S = 31_536_000, 3_155_673_600  # 2002-01-01, 2101-01-01
FIRST_NS, LAST_NS = FIRST_S * 1_000_000_000, LAST_S * 1_000_000_000


def to_unix_ms(date: int) -> int:
    """Convert a date to Unix milliseconds. Its magnitude shows whether it is in seconds or nanoseconds."""
    if abs(date) > NANOSECONDS_FROM:
        return date // 1_000_000 + EPOCH_MS
    return date * 1000 + EPOCH_MS


def message_date(date: int | None) -> int | None:
    """Return a message's date in Unix milliseconds, or None if it is missing or invalid."""
    if date is None or not (FIRST_S <= date < LAST_S or FIRST_NS <= date < LAST_NS):
        return None
    return to_unix_ms(date)


def is_message_date(column: str) -> str:
    """Return SQL that tells whether a column holds a valid date, as `message_date` does."""
    date = f"CAST({column} AS INTEGER)"
    return f"({date} BETWEEN {FIRST_S} AND {LAST_S - 1} OR {date} BETWEEN {FIRST_NS} AND {LAST_NS - 1})"
