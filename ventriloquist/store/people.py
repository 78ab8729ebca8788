"""People, their handles and their contact cards."""

from __future__ import annotations

import json
from sqlite3 import Connection
from typing import NamedTuple


class PersonRow(NamedTuple):
    """A person, with how they are reached and how much they wrote."""

    id: int
    name: str  # unique, as transcripts have it
    is_me: bool
    handles: list[str]  # normalised
    messages: int


def names(db: Connection) -> list[str]:
    """Return everybody's name, the owner's last."""
    return [name for (name,) in db.execute("SELECT name FROM people ORDER BY is_me, name")]


def people_with_handles(db: Connection) -> list[PersonRow]:
    """Return everybody: the owner, then the others, those with most messages first.

    Raises:
        TypeError: a name is not a text; the file is damaged.
    """
    rows = db.execute(
        "SELECT id, name, is_me,"
        " (SELECT json_group_array(handle) FROM (SELECT handle FROM handles WHERE person_id = p.id ORDER BY 1)),"
        " (SELECT count(*) FROM text_messages WHERE sender_id = p.id) AS messages"
        " FROM people AS p ORDER BY is_me DESC, messages DESC, name"
    ).fetchall()
    if not all(isinstance(name, str) for _, name, *_ in rows):
        raise TypeError("a damaged name")
    return [PersonRow(id, name, bool(is_me), json.loads(handles), count) for id, name, is_me, handles, count in rows]


def names_on_cards(db: Connection) -> dict[int, list[str]]:
    """Return what each person's cards call them: full name, else nickname, else company. The fullest comes first."""
    found: dict[int, list[str]] = {}
    for person_id, first, last, nickname, organization in db.execute(
        "SELECT person_id, first, last, nickname, organization FROM cards WHERE person_id IS NOT NULL"
        " ORDER BY (first <> '') + (last <> '') DESC, folder, store, number"
    ):
        written = (" ".join(name.replace("\0", "").split()) for name in (f"{first} {last}", nickname, organization))
        name = next(filter(None, written), "")
        if name and name not in found.setdefault(person_id, []):
            found[person_id].append(name)
    return found


def conversations_with(db: Connection, person_id: int) -> frozenset[int]:
    """Return the ids of the conversations that a person is or was in."""
    rows = db.execute("SELECT conversation_id FROM members WHERE person_id = ?", (person_id,))
    return frozenset(id for (id,) in rows)
