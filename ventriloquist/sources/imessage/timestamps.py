"""The time of each message. A row without a date gets the nearest other date that its database holds."""

from __future__ import annotations

import sqlite3

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
        self._first: int | None = None  # the first date in the table, once it was looked for
        self._is_first_known = False
        self._newest: int | None = None

    def find(self, rowid: int, date: int | None, *, is_scheduled: bool) -> int | None:
        """Return the time of a row in Unix milliseconds, or None if it is unknown or still to come.

        Args:
            is_scheduled: the message was scheduled, and nothing shows that it was sent.
        """
        at = message_date(date)
        if is_scheduled and (at is None or at > self._latest()):
            return None
        if at is None:
            at = self._substitute(rowid)
        self.previous = at
        return at

    def _substitute(self, rowid: int) -> int | None:
        own = next(filter(None, map(message_date, queries.other_dates(self._connection, rowid))), None)
        if own is not None or self.previous is not None:
            return own or self.previous
        if not self._is_first_known:
            found = (date for dates in queries.all_dates(self._connection) for date in map(message_date, dates))
            self._first = next(filter(None, found), None)
            self._is_first_known = True
        return self._first

    def _latest(self) -> int:
        """Return the latest time at which a message can have been sent: that of the newest message, or now.

        The newest message counts because the database may be an old copy.
        """
        if self._newest is None:
            dates = (date for date, *_ in queries.all_dates(self._connection))
            self._newest = min(max(filter(None, map(message_date, dates)), default=0), now_ms())
        return self._newest
