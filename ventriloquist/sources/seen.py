"""The ids of messages that were read: two files of one chat may overlap."""

from __future__ import annotations

from array import array
from bisect import bisect_left

_MOST = 1 << 63
_LOOSE = 100_000  # ids that came out of order, until they are sorted in


class Seen:
    """Whole numbers below 2^63, of which most come in order: eight bytes each."""

    def __init__(self) -> None:
        self._sorted = array("q")
        self._loose: set[int] = set()

    def add(self, id: int) -> bool:
        """Add an id; return whether it is new."""
        ids = self._sorted
        if not ids or id > ids[-1]:
            if self._loose and id in self._loose:
                return False
            ids.append(id)
            return True
        place = bisect_left(ids, id)
        if ids[place] == id or id in self._loose:
            return False
        self._loose.add(id)
        if len(self._loose) == _LOOSE:
            self._sorted = array("q", sorted((*ids, *self._loose)))
            self._loose.clear()
        return True


def whole_number(value: object) -> int | None:
    """Return a number, or the number that a string says, if it is an id; None for anything else."""
    if isinstance(value, str):
        if not value.isdecimal() or not value.isascii() or len(value) > 19:
            return None
        value = int(value)
    elif not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if -_MOST <= value < _MOST else None
