"""Notes to self are stored twice, sent and received: the received one is the copy, whichever came first."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from operator import itemgetter

ECHO_MS = 5_000

# A note without a text is known by how many attachments it has.
_NOTES = """
SELECT text, files, guid, is_from_me, sent_at FROM (
    SELECT text, guid, is_from_me, sent_at, CASE WHEN text IS NULL THEN (
        SELECT count(*) FROM attachments WHERE message_guid = guid
    ) END AS files
    FROM text_messages WHERE conversation_id = ?
) ORDER BY text, files, sent_at
"""


def skip_echoes(
    connection: sqlite3.Connection, notes_to_self: Collection[int], received: Collection[str] | None
) -> int:
    """Move the second copies of notes to self to `skipped`.

    Args:
        notes_to_self: ids of conversations of the owner alone.
        received: guids of received notes to count, None for all.

    Returns:
        How many of those are copies.
    """
    echoes = [
        guid
        for conversation_id in sorted(notes_to_self)
        for _, alike in groupby(connection.execute(_NOTES, (conversation_id,)), key=itemgetter(0, 1))
        for guid in _received_beside_sent(row[2:] for row in alike)
    ]
    rows = [(guid,) for guid in echoes]
    connection.executemany("DELETE FROM text_messages WHERE guid = ?", rows)
    connection.executemany("DELETE FROM attachments WHERE message_guid = ?", rows)
    connection.executemany("INSERT OR REPLACE INTO skipped VALUES (?, 'echo')", rows)
    return len(echoes) if received is None else len(set(echoes).intersection(received))


def _received_beside_sent(alike: Iterable[tuple[str, int, int]]) -> Iterator[str]:
    """Yield which of some notes with one content, in order of time, were received within 5 seconds of a sent one."""
    notes = list(alike)
    sent = [sent_at for _, is_from_me, sent_at in notes if is_from_me]
    for guid, is_from_me, sent_at in notes:
        if not is_from_me:
            first = bisect_left(sent, sent_at - ECHO_MS)
            if first < len(sent) and sent[first] <= sent_at + ECHO_MS:
                yield guid
