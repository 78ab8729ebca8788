"""When people were first seen: of several with one name that decides who keeps it bare."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping

from ventriloquist.collect.people import Person

FirstSeen = tuple[tuple[int, int, str], tuple[int, int, str], str]
"""The first message of their conversations and their own, each (sent_at, source_rowid, guid); a handle."""

_NEVER = (1 << 62, 0, "")


def first_seen(
    connection: sqlite3.Connection, ids: Collection[int], by_id: Mapping[int, Person]
) -> dict[int, FirstSeen]:
    """Return a key for each of these people that orders them by when they were first seen."""
    wanted = json.dumps(sorted(ids))
    first_of = {
        conversation: tuple(first)
        for conversation, *first in connection.execute(
            "SELECT c.id, sent_at, source_rowid, guid FROM conversations AS c JOIN text_messages AS m ON m.id = ("
            "SELECT id FROM text_messages WHERE conversation_id = c.id ORDER BY sent_at, source_rowid, guid LIMIT 1)"
        )
    }
    among: dict[int, tuple[int, int, str]] = {}
    for person, conversation in connection.execute(
        "SELECT person_id, conversation_id FROM members WHERE person_id IN (SELECT value FROM json_each(?))", (wanted,)
    ):
        among[person] = min(among.get(person, _NEVER), first_of.get(conversation, _NEVER))
    own = {
        person: tuple(first)
        for person, *first in connection.execute(
            "SELECT sender_id, sent_at, source_rowid, guid FROM (SELECT *, row_number() OVER ("
            "PARTITION BY sender_id ORDER BY sent_at, source_rowid, guid) AS place FROM text_messages "
            "WHERE sender_id IN (SELECT value FROM json_each(?))) WHERE place = 1",
            (wanted,),
        )
    }
    return {id_: (among.get(id_, _NEVER), own.get(id_, _NEVER), min(by_id[id_].handles, default="")) for id_ in ids}
