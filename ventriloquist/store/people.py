"""Queries on people: their handles and cards, the conversations they are in, and what sources say about them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from sqlite3 import Connection
from typing import Literal, NamedTuple

from ventriloquist.records import ContactCard, SourceChat

MessageKey = tuple[int, int, str]
"""The order of messages: sent_at, source_rowid, guid."""

NEVER: MessageKey = (1 << 62, 0, "")

_CARD = "folder, store, number, first, last, nickname, organization, identifiers, is_me"
_CHAT = "guid, type, title, group_id, handles, newest_at, lookups, source"


class StoredPerson(NamedTuple):
    """A row of `people`."""

    id: int
    name: str  # as in transcripts
    is_me: bool


class PersonRow(NamedTuple):
    """A person, with how they are reached and how much they wrote."""

    id: int
    name: str  # unique, as transcripts have it
    is_me: bool
    handles: list[str]  # normalised
    messages: int


class ConversationRow(NamedTuple):
    """A row of `conversations`."""

    id: int
    type: Literal["dm", "group"]
    title: str | None
    source: str  # a key of records.APPLICATIONS


@dataclass(frozen=True, slots=True)
class Evidence:
    """What sources say: people and conversations are derived from it."""

    cards: Sequence[ContactCard] = ()
    owner_identifiers: Mapping[str, int] = field(default_factory=dict)  # how many rows name each
    chats: Mapping[str, SourceChat] = field(default_factory=dict)  # by guid
    handles: Sequence[str] = ()  # as sources have them
    person_hints: Sequence[tuple[str, str]] = ()  # (hint, handle), as sources have them


@dataclass(frozen=True, slots=True)
class StoredIdentities:
    """What the file knows of people and conversations; empty by default, as in a new file."""

    evidence: Evidence = field(default_factory=Evidence)
    people: Sequence[StoredPerson] = ()
    owner_of_handle: Mapping[str, int] = field(default_factory=dict)  # a person's id by normalised handle
    conversation_of_chat: Mapping[str, int] = field(default_factory=dict)  # a conversation's id by the chat's guid
    last_conversation_id: int = 0

    @property
    def me(self) -> StoredPerson | None:
        """The owner, None in a new file."""
        return next((person for person in self.people if person.is_me), None)


def load_identities(db: Connection) -> StoredIdentities:
    """Read people, handles, chats and all evidence."""
    return StoredIdentities(
        load_evidence(db),
        load_people(db),
        dict(db.execute("SELECT handle, person_id FROM handles ORDER BY handle")),
        dict(db.execute("SELECT guid, conversation_id FROM chats WHERE conversation_id IS NOT NULL ORDER BY guid")),
        db.execute("SELECT ifnull(max(id), 0) FROM conversations").fetchone()[0],
    )


def load_owner(db: Connection) -> list[str]:
    """Return what the owner is called and reached by: the name, numbers and addresses, and handles of applications."""
    rows = db.execute(
        "SELECT name FROM people WHERE is_me UNION SELECT identifier FROM owner_identifiers"
        " UNION SELECT handle FROM handles JOIN people ON people.id = person_id WHERE is_me"
    )
    return [name for (name,) in rows]


def load_people(db: Connection) -> list[StoredPerson]:
    """Return everybody, in the order of their ids."""
    rows = db.execute("SELECT id, name, is_me FROM people ORDER BY id")
    return [StoredPerson(id_, name, bool(is_me)) for id_, name, is_me in rows]


def load_evidence(db: Connection) -> Evidence:
    """Return what earlier sources said."""
    return Evidence(
        [
            ContactCard._make((*row[:7], tuple(json.loads(row[7])), bool(row[8])))
            for row in db.execute(f"SELECT {_CARD} FROM cards")  # noqa: S608  # fixed names
        ],
        dict(db.execute("SELECT identifier, seen FROM owner_identifiers")),
        {
            row[0]: SourceChat._make(
                (*row[:4], tuple(json.loads(row[4])), row[5], tuple(json.loads(row[6])), False, row[7])
            )
            for row in db.execute(f"SELECT {_CHAT} FROM chats")  # noqa: S608
        },
        [
            handle
            for (handle,) in db.execute(
                "SELECT sender_handle FROM text_messages WHERE sender_handle IS NOT NULL "
                "UNION SELECT sender_handle FROM tapbacks WHERE sender_handle IS NOT NULL"
            )
        ],
        db.execute("SELECT hint, handle FROM person_hints").fetchall(),
    )


def insert_people(db: Connection, people: Iterable[tuple[int, bool]]) -> None:
    """Insert new people: ids, and whether each is the owner. Their names are placeholders until `rename_people`."""
    rows = [(id_, f"\x00{id_}", is_me) for id_, is_me in people]
    db.executemany("INSERT INTO people (id, name, is_me) VALUES (?, ?, ?)", rows)


def insert_conversations(db: Connection, conversations: Iterable[ConversationRow]) -> None:
    """Insert new conversations."""
    db.executemany("INSERT INTO conversations (id, type, title, source) VALUES (?, ?, ?, ?)", conversations)


def rename_people(db: Connection, names: Mapping[int, str]) -> None:
    """Give people other names, by id. One may get the name that another gives up."""
    db.executemany("UPDATE people SET name = ? WHERE id = ?", [(f"\x00{id_}", id_) for id_ in names])
    db.executemany("UPDATE people SET name = ? WHERE id = ?", [(name, id_) for id_, name in sorted(names.items())])


def replace_conversations(
    db: Connection, conversations: Collection[ConversationRow], members: Iterable[tuple[int, int]]
) -> None:
    """Replace types, titles and members (conversation, person) of conversations, and delete every other conversation.

    Handles, cards, chats and hints are deleted, too: `insert_handles` and `insert_evidence` write them anew.
    """
    for table in ("members", "handles", "cards", "chats", "person_hints"):
        db.execute(f"DELETE FROM {table}")  # noqa: S608  # fixed names
    changed = [(type_, title, source, id_) for id_, type_, title, source in conversations]
    db.executemany("UPDATE conversations SET type = ?, title = ?, source = ? WHERE id = ?", changed)
    _delete_all_but(db, "conversations", [conversation.id for conversation in conversations])
    db.executemany("INSERT INTO members (conversation_id, person_id) VALUES (?, ?)", sorted(members))


def delete_people_but(db: Connection, ids: Collection[int]) -> set[int]:
    """Delete everybody but these people and those who reacted to a message; return who is left."""
    reacted = {id_ for (id_,) in db.execute("SELECT DISTINCT person_id FROM reactions WHERE person_id IS NOT NULL")}
    _delete_all_but(db, "people", reacted.union(ids))
    return reacted.union(ids)


def insert_handles(db: Connection, handles: Iterable[tuple[str, int]]) -> None:
    """Insert normalised handles with the ids of whom they belong to."""
    db.executemany("INSERT INTO handles (handle, person_id) VALUES (?, ?)", sorted(handles))


def insert_evidence(
    db: Connection,
    evidence: Evidence,
    conversation_of_chat: Mapping[str, int],
    person_of_card: Mapping[ContactCard, int | None],
    person_hints: Iterable[tuple[str, str]],
) -> None:
    """Store what the next collect needs. Keep only the chats and cards that belong to somebody in the file.

    Args:
        conversation_of_chat: the conversation's id for each chat with a message in the file.
        person_of_card: the cards to keep, and the id of each one's owner if that is clear.
        person_hints: those to keep.
    """
    reacted = db.execute("SELECT DISTINCT chat_guid FROM tapbacks WHERE chat_guid IS NOT NULL")
    chats = [evidence.chats[guid] for guid in sorted({*conversation_of_chat, *(guid for (guid,) in reacted)})]
    db.executemany(
        f"INSERT INTO chats ({_CHAT}, conversation_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        [
            (
                *chat[:4],
                _json(chat.handles),
                chat.newest_at,
                _json(chat.lookups),
                chat.source,
                conversation_of_chat.get(chat.guid),
            )
            for chat in chats
        ],
    )
    db.executemany(
        f"INSERT INTO cards ({_CARD}, person_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        [(*card[:7], _json(card.identifiers), card.is_me, person) for card, person in person_of_card.items()],
    )
    db.executemany("INSERT INTO person_hints (hint, handle) VALUES (?, ?)", person_hints)
    db.execute("DELETE FROM owner_identifiers")
    db.executemany(
        "INSERT INTO owner_identifiers (identifier, seen) VALUES (?, ?)", sorted(evidence.owner_identifiers.items())
    )


def first_seen(db: Connection, ids: Collection[int]) -> dict[int, tuple[MessageKey, MessageKey]]:
    """Return when people were first seen: the first message of their conversations, and their own first message."""
    wanted = _json(sorted(ids))
    first_messages = db.execute(
        "SELECT c.id, sent_at, source_rowid, guid FROM conversations AS c JOIN text_messages AS m ON m.id = ("
        "SELECT id FROM text_messages WHERE conversation_id = c.id ORDER BY sent_at, source_rowid, guid LIMIT 1)"
    )
    first_of = {conversation: tuple(first) for conversation, *first in first_messages}
    among: dict[int, MessageKey] = {}
    for person, conversation in db.execute(
        "SELECT person_id, conversation_id FROM members WHERE person_id IN (SELECT value FROM json_each(?))", (wanted,)
    ):
        among[person] = min(among.get(person, NEVER), first_of.get(conversation, NEVER))
    own_messages = db.execute(
        "SELECT sender_id, sent_at, source_rowid, guid FROM (SELECT *, row_number() OVER ("
        "PARTITION BY sender_id ORDER BY sent_at, source_rowid, guid) AS place FROM text_messages "
        "WHERE sender_id IN (SELECT value FROM json_each(?))) WHERE place = 1",
        (wanted,),
    )
    own = {person: tuple(first) for person, *first in own_messages}
    return {id_: (among.get(id_, NEVER), own.get(id_, NEVER)) for id_ in ids}


def _delete_all_but(db: Connection, table: str, ids: Collection[int]) -> None:
    db.execute(
        f"DELETE FROM {table} WHERE id NOT IN (SELECT value FROM json_each(?))",  # noqa: S608  # fixed names
        (_json(sorted(ids)),),
    )


def _json(values: Sequence[object]) -> str:
    return json.dumps(values, ensure_ascii=False)


def names(db: Connection) -> list[str]:
    """Return everybody's name, the owner first."""
    return [name for (name,) in db.execute("SELECT name FROM people ORDER BY is_me DESC, name")]


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


class Presence(NamedTuple):
    """What a person wrote in one application."""

    source: str  # a key of records.APPLICATIONS
    messages: int


def presences(db: Connection) -> dict[int, list[Presence]]:
    """Return, for each person, the applications in whose conversations they are, and how much they wrote in each."""
    found: dict[int, list[Presence]] = {}
    for person_id, source, messages in db.execute(
        "SELECT person_id, source, ifnull(sum(written), 0) FROM members"
        " JOIN conversations AS c ON c.id = members.conversation_id"
        " LEFT JOIN (SELECT conversation_id, sender_id, count(*) AS written FROM text_messages GROUP BY 1, 2) AS w"
        " ON w.conversation_id = members.conversation_id AND w.sender_id = person_id"
        " GROUP BY 1, 2 ORDER BY 1, 2"
    ):
        found.setdefault(person_id, []).append(Presence(source, messages))
    return found


def times_of(db: Connection, person_id: int) -> Iterator[int]:
    """Yield when a person wrote, in Unix milliseconds."""
    return (at for (at,) in db.execute("SELECT sent_at FROM text_messages WHERE sender_id = ?", (person_id,)))


def count_by_source(db: Connection) -> dict[str, tuple[int, int]]:
    """Return how many conversations and messages the file has of each application, those with most messages first."""
    rows = db.execute(
        "SELECT source, count(*), sum((SELECT count(*) FROM text_messages WHERE conversation_id = c.id)) AS messages"
        " FROM conversations AS c GROUP BY source ORDER BY messages DESC, source"
    )
    return {source: (conversations, messages) for source, conversations, messages in rows}


def conversations_with(db: Connection, person_id: int) -> frozenset[int]:
    """Return the ids of the conversations that a person is or was in."""
    rows = db.execute("SELECT conversation_id FROM members WHERE person_id = ?", (person_id,))
    return frozenset(id for (id,) in rows)
