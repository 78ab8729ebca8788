"""Local dates: the time zone, and the day on which a message was sent in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from time import time_ns
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ventriloquist.errors import SettingsError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
HOUR_MS = 3_600_000
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_800_000  # of the calendar: the years 1 to 9999, in UTC
MAX_HOURS = 100_000  # eleven years in ten megabytes


def now_ms() -> int:
    """Return the time in Unix milliseconds."""
    return time_ns() // 1_000_000


def load_timezone(name: str | None = None) -> ZoneInfo:
    """Return a time zone by its IANA name, or the system's.

    Raises:
        SettingsError: there is no such zone.
    """
    if name is None:
        return _system_timezone()
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(
            f"There is no time zone {name!r}.",
            hint="Name one like Europe/Berlin or America/New_York, with --timezone or VQ_TIME_ZONE.",
        ) from None


def day_reader(zone: ZoneInfo) -> Callable[[int], str]:
    """Return a function from Unix milliseconds to the local date (ISO)."""
    hours: dict[int, str] = {}  # the date of each hour asked for; empty if midnight falls into it

    def day(sent_at: int) -> str:
        hour = sent_at // HOUR_MS
        known = hours.get(hour)
        if known is None:
            if len(hours) == MAX_HOURS:
                hours.clear()
            first, last = (local_day(moment, zone) for moment in (hour * HOUR_MS, (hour + 1) * HOUR_MS - 1))
            known = hours[hour] = first if first == last else ""
        return known or local_day(sent_at, zone)

    return day


def day_begins(day: str, zone: ZoneInfo, option: str, *, days_later: int = 0) -> int:
    """Return the Unix milliseconds at which a local date (ISO) begins, or the date that many days later.

    Raises:
        SettingsError: it is not a date; `option` is the option that gave it.
    """
    try:
        parsed = date.fromisoformat(day)
    except ValueError:
        raise SettingsError(f"{option} {day!r} is not a date.", hint=f"Write it like: {option} 2024-03-15") from None
    try:
        return at_hour(parsed + timedelta(days=days_later), zone, 0)
    except (OverflowError, ValueError):  # the first and the last days of the calendar
        return LAST_MS if parsed.year == MAXYEAR else FIRST_MS


def at_hour(day: date, zone: ZoneInfo, hour: int) -> int:
    """Return the Unix milliseconds at which an hour of a local date begins.

    When the clocks change, an hour that occurs twice begins at its first occurrence, and a skipped hour at the change.
    """
    return (datetime.combine(day, time(hour), zone) - EPOCH) // MILLISECOND


def local_day(sent_at: int, zone: ZoneInfo) -> str:
    """Return the local date (ISO) of a time in Unix milliseconds."""
    try:
        return (EPOCH + sent_at * MILLISECOND).astimezone(zone).date().isoformat()
    except OverflowError:  # the sender's clock was wrong by millennia
        return (date.max if sent_at > 0 else date.min).isoformat()


def local_time(sent_at: int, zone: ZoneInfo) -> str:
    """Return the local time (HH:MM) of a time in Unix milliseconds."""
    try:
        return (EPOCH + sent_at * MILLISECOND).astimezone(zone).strftime("%H:%M")
    except OverflowError:  # see `local_day`
        return "00:00"


def _system_timezone() -> ZoneInfo:
    for name in _system_names():
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")


def _system_names() -> Iterator[str]:
    """Yield the names that the system's time zone may have: from the environment, else from its configuration."""
    yield os.environ.get("TZ", "").removeprefix(":").rpartition("zoneinfo/")[2]  # a name, or a path that ends with one
    from tzlocal import get_localzone_name

    with suppress(LookupError, OSError):  # the configuration contradicts itself
        yield get_localzone_name() or ""
