"""Whether a collect changed anything that training messages are made of."""

from __future__ import annotations

import hashlib
import sqlite3

# what is derived anew by every collect, and is counted nowhere else
_DERIVED = (
    "SELECT count(*) FROM text_messages",
    "SELECT id, name, is_me FROM people ORDER BY id",
    "SELECT id, type, title FROM conversations ORDER BY id",
    "SELECT conversation_id, person_id FROM members ORDER BY 1, 2",
    "SELECT handle, person_id FROM handles ORDER BY handle",
    "SELECT message_guid, position, mime_type, filename, transcript FROM attachments ORDER BY 1, 2",
    "SELECT message_guid, position, kind, part, text_before FROM attachment_details ORDER BY 1, 2",
    "SELECT guid, target_guid, person_id, kind, emoji, sent_at FROM reactions ORDER BY guid",
    "SELECT name FROM time_zones WHERE stage = 'collect'",
)


def digest_of_derived(connection: sqlite3.Connection) -> bytes:
    """Return a digest of people, conversations, attachments, reactions and the time zone."""
    digest = hashlib.sha256()
    for statement in _DERIVED:
        digest.update(statement.encode())
        for row in connection.execute(statement):
            digest.update(repr(row).encode())
    return digest.digest()
