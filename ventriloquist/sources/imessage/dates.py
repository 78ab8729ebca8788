"""Dates of Apple's: nanoseconds since 2001-01-01 UTC on newer rows, seconds on old ones, in one database."""

from __future__ import annotations

EPOCH_MS = 978_307_200_000  # 2001-01-01
NANOSECONDS_FROM = 100_000_000_000  # as seconds: the year 5169; as nanoseconds: the first 100 seconds


def to_unix_ms(date: int | None) -> int:
    """Convert a date to Unix milliseconds, told apart by its magnitude; none is 2001-01-01."""
    if not date:
        return EPOCH_MS
    if abs(date) > NANOSECONDS_FROM:
        return date // 1_000_000 + EPOCH_MS
    return date * 1000 + EPOCH_MS
