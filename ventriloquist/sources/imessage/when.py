"""When a message was said: by its own date, else by the next best thing that its database knows."""

from __future__ import annotations

import sqlite3
import time

from ventriloquist.sources.imessage import queries
from ventriloquist.sources.imessage.dates import message_date


class When:
    """Dates rows, which must come by ROWID.

    A row without a date takes when it was delivered, else when it was read, else the date of the row before it, or,
    where no row before it has one, of the first after it.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.before: int | None = None  # when the row before is from
        self._first: int | None = None  # the first date of all, once it was looked for
        self._is_first_known = False
        self._now: int | None = None

    def __call__(self, rowid: int, date: int | None, *, waits: bool) -> int | None:
        """Return when a row is from in Unix milliseconds, None where nothing says or it was not said yet.

        Args:
            waits: it was written to be sent later, and nothing says that it was.
        """
        at = message_date(date)
        if waits and (at is None or at > self._latest()):
            return None
        if at is None:
            at = self._beside(rowid)
        self.before = at
        return at

    def _beside(self, rowid: int) -> int | None:
        own = next(filter(None, map(message_date, queries.other_dates(self._connection, rowid))), None)
        if own is not None or self.before is not None:
            return own or self.before
        if not self._is_first_known:
            found = (date for dates in queries.all_dates(self._connection) for date in map(message_date, dates))
            self._first = next(filter(None, found), None)
            self._is_first_known = True
        return self._first

    def _latest(self) -> int:
        """Return until when anything can have been said: the newest message, since a copy may be old, or the clock."""
        if self._now is None:
            dates = (date for date, *_ in queries.all_dates(self._connection))
            self._now = min(max(filter(None, map(message_date, dates)), default=0), time.time_ns() // 1_000_000)
        return self._now
