"""People, their handles and their contact cards."""

from __future__ import annotations

from sqlite3 import Connection
from typing import NamedTuple


class StoredPerson(NamedTuple):
    """A row of `people`."""

    id: int
    name: str  # as in transcripts
    is_me: bool


def load_people(db: Connection) -> list[StoredPerson]:
    """Return everybody, in the order of their ids."""
    rows = db.execute("SELECT id, name, is_me FROM people ORDER BY id")
    return [StoredPerson(id_, name, bool(is_me)) for id_, name, is_me in rows]
