"""The collected messages, as prepare and evaluate read them."""

from __future__ import annotations

from ventriloquist.store import Connection

# For evaluate


def text_of(db: Connection, message_id: int) -> str | None:
    """Return the text of a collected message; None if it has none, or was removed."""
    row = db.execute("SELECT text FROM text_messages WHERE id = ?", (message_id,)).fetchone()
    return row[0] if row else None
