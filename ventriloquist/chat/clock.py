"""The clock of a conversation, which may show another date than today's."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import date

from ventriloquist.clock import now_ms
from ventriloquist.errors import SettingsError
from ventriloquist.transcript import DELTA_LIMITS_MS, DELTAS

FIRST_YEAR, LAST_YEAR = 1000, 9000  # of a period that a chat can begin in


class Clock:
    """A clock that can be set to any time and moved forward."""

    def __init__(self, start: int | None = None, *, source: Callable[[], int] = now_ms) -> None:
        """Set the clock to `start`, in Unix milliseconds; default the real time, which `source` returns."""
        self._source = source
        self.ahead = 0 if start is None else start - source()  # milliseconds

    def now(self) -> int:
        return self._source() + self.ahead

    def pass_by(self, delta: str) -> None:
        """Move forward by the shortest time that a delta stands for."""
        self.ahead += _shortest(delta)

    def reach(self, delta: str, since: int) -> None:
        """Move forward, unless as much time as a delta stands for has passed since a time in Unix milliseconds."""
        self.ahead += max(0, since + _shortest(delta) - self.now())


def _shortest(delta: str) -> int:
    """Return the milliseconds of the shortest time that a delta stands for."""
    index = DELTAS.index(delta)
    return DELTA_LIMITS_MS[DELTAS[index - 1]] if index else 0


def parse_period(text: str) -> tuple[date, date]:
    """Return the first and last day of a year, month or day such as 2019, 2019-06 or 2019-06-15.

    Raises:
        SettingsError: the text is not a date.
    """
    parts = text.split("-")
    try:
        year, month, day = (int(part) for part in (*parts, "0", "0")[:3])
        last = date(year, month or 12, day or calendar.monthrange(year, month or 12)[1])
        if FIRST_YEAR <= year <= LAST_YEAR and len(parts) <= 3 and all(part.isdecimal() for part in parts):
            return date(year, month or 1, day or 1), last
    except ValueError:
        pass
    raise SettingsError(f"{text!r} is not a date.", hint="Write it as 2019-06-15, 2019-06 or 2019.")
