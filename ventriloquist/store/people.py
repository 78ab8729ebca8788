"""People, their handles and their contact cards."""

from __future__ import annotations

from sqlite3 import Connection


def names(db: Connection) -> list[str]:
    """Return everybody's name, the owner's last."""
    return [name for (name,) in db.execute("SELECT name FROM people ORDER BY is_me, name")]
