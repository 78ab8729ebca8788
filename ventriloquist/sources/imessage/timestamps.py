"""The time of each message. A row without a date gets the nearest other date that its database holds."""

from __future__ import annotations

import sqlite3
from functools import cached_property

from ventriloquist.clock import now_ms
from ventriloquist.sources.imessage import queries
from ventriloquist.sources.imessage.dates import message_date


class Timestamps:
    """Finds the time of rows, which must come in the order of ROWID.

    A row without a date gets the time of its delivery, else of its reading, else the date of the row before it. If no
    earlier row has a date, it gets the first date of a later one.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.previous: int | None = None  # the time of the previous row

    def find(self, rowid: int, date: int | None, *, is_scheduled: bool) -> int | None:
        """Return the time of a row in Unix milliseconds, or None if it is unknown or still to come.

        A row is scheduled if the owner scheduled the message, and nothing shows that it was sent.
        """
        at = message_date(date)
        if is_scheduled and (at is None or at > self._latest):
            return None
        if at is None:
            own = next(filter(None, map(message_date, queries.other_dates(self._connection, rowid))), None)
            at = own or self.previous or self._first
        self.previous = at
        return at

    @cached_property
    def _first(self) -> int | None:
        """The first date in the table."""
        found = (date for dates in queries.all_dates(self._connection) for date in map(message_date, dates))
        return next(filter(None, found), None)

    @cached_property
    def _latest(self) -> int:
        """The latest time at which a message can have been sent: now, or the newest message's time in an old copy."""
        dates = (date for date, *_ in queries.all_dates(self._connection))
        return min(max(filter(None, map(message_date, dates)), default=0), now_ms())
