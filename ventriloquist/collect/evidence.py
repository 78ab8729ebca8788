"""What sources say about who is who and which chats there are: what is stored of earlier ones, with the new one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ventriloquist.collect.conversations import merge_chats
from ventriloquist.records import ContactCard, Source, SourceChat


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything from which people and conversations are derived."""

    cards: Sequence[ContactCard]
    owner_identifiers: Mapping[str, int]
    chats: Mapping[str, SourceChat]  # by guid
    handles: Sequence[str]  # as sources have them
    person_hints: Sequence[tuple[str, str]]  # (hint, handle), as sources have them


def gather(connection: sqlite3.Connection | None, source: Source) -> Evidence:
    """Bring together what is stored (None: nothing) and what a source says.

    An address book that is read again replaces what was stored of it; one that is not read stays.
    """
    cards = list(source.cards or ())
    identifiers = dict(source.owner_identifiers)
    chats = {chat.guid: chat for chat in source.chats}
    handles = dict.fromkeys(source.handles)
    person_hints = dict.fromkeys(source.person_hints)
    if connection is not None:
        read_again = {(card.folder, card.store) for card in cards}
        cards += [card for card in _stored_cards(connection) if (card.folder, card.store) not in read_again]
        for identifier, seen in connection.execute("SELECT identifier, seen FROM owner_identifiers"):
            identifiers[identifier] = max(seen, identifiers.get(identifier, 0))
        for stored in _stored_chats(connection):
            chats[stored.guid] = merge_chats(stored, chats[stored.guid]) if stored.guid in chats else stored
        person_hints.update(dict.fromkeys(connection.execute("SELECT hint, handle FROM person_hints")))
        for (handle,) in connection.execute(
            "SELECT sender_handle FROM text_messages WHERE sender_handle IS NOT NULL "
            "UNION SELECT sender_handle FROM tapbacks WHERE sender_handle IS NOT NULL"
        ):
            handles.setdefault(handle)
    for chat in chats.values():
        handles.update(dict.fromkeys(chat.handles))
    return Evidence(cards, identifiers, chats, list(handles), list(person_hints))


def _stored_cards(connection: sqlite3.Connection) -> list[ContactCard]:
    rows = connection.execute(
        "SELECT folder, store, number, first, last, nickname, organization, identifiers, is_me FROM cards"
    )
    return [ContactCard._make((*row[:7], tuple(json.loads(row[7])), bool(row[8]))) for row in rows]


def _stored_chats(connection: sqlite3.Connection) -> Iterable[SourceChat]:
    rows = connection.execute("SELECT guid, type, title, group_id, handles, newest_at, lookups FROM chats")
    return [
        SourceChat(guid, type_, title, group_id, tuple(json.loads(handles)), newest_at, tuple(json.loads(lookups)))
        for guid, type_, title, group_id, handles, newest_at, lookups in rows
    ]


def store_evidence(
    connection: sqlite3.Connection,
    evidence: Evidence,
    conversation_of: Mapping[str, int],
    person_of: Mapping[ContactCard, int | None],
    person_hints: Iterable[tuple[str, str]],
) -> None:
    """Keep what the next collect needs, and of chats and cards no more than belongs to somebody in the file.

    Args:
        conversation_of: the id of the conversation of each chat, where the file has messages of it.
        person_of: the cards to keep, and whose each is, where that is clear.
        person_hints: those to keep.
    """
    reacted = connection.execute("SELECT DISTINCT chat_guid FROM tapbacks WHERE chat_guid IS NOT NULL")
    connection.executemany(
        "INSERT INTO chats (guid, type, title, group_id, handles, newest_at, lookups, conversation_id) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (*chat[:4], _json(chat.handles), chat.newest_at, _json(chat.lookups), conversation_of.get(chat.guid))
            for chat in (evidence.chats[guid] for guid in sorted({*conversation_of, *(guid for (guid,) in reacted)}))
        ],
    )
    connection.executemany(
        "INSERT INTO cards (folder, store, number, first, last, nickname, organization, identifiers, is_me, person_id) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(*card[:7], _json(card.identifiers), card.is_me, person_id) for card, person_id in person_of.items()],
    )
    connection.executemany("INSERT INTO person_hints (hint, handle) VALUES (?, ?)", person_hints)
    connection.execute("DELETE FROM owner_identifiers")
    connection.executemany(
        "INSERT INTO owner_identifiers (identifier, seen) VALUES (?, ?)", sorted(evidence.owner_identifiers.items())
    )


def _json(texts: Sequence[str]) -> str:
    return json.dumps(texts, ensure_ascii=False)
