"""The final pass: reassign messages, name people, delete orphans."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping

from ventriloquist.collect.evidence import Evidence, store_evidence
from ventriloquist.collect.first_seen import first_seen
from ventriloquist.collect.ids import ConversationIds, PeopleIds
from ventriloquist.collect.names import base_name, give_names
from ventriloquist.collect.people import Person
from ventriloquist.collect.placing import Placer
from ventriloquist.collect.plan import Plan
from ventriloquist.collect.store import Place
from ventriloquist.collect.union_find import UnionFind
from ventriloquist.records import ContactCard


def place_anew(connection: sqlite3.Connection, placer: Placer) -> int:
    """Put every stored message where it belongs by what is known now: each source adds to what is known of people.

    Returns:
        How many messages are not where they were, or not whose they were.
    """
    senders = connection.execute(
        "SELECT DISTINCT chat_guid, ifnull(sender_handle, ''), is_from_me FROM text_messages"
    ).fetchall()
    connection.execute(
        "CREATE TEMP TABLE placed (chat_guid, sender_handle, is_from_me, conversation_id, sender_id, "
        "PRIMARY KEY (chat_guid, sender_handle, is_from_me)) WITHOUT ROWID"
    )
    connection.executemany(
        "INSERT INTO placed VALUES (?, ?, ?, ?, ?)", [(*sender, *placer.place_of(*sender)[:2]) for sender in senders]
    )
    moved = connection.execute(
        """
        UPDATE text_messages SET conversation_id = placed.conversation_id, sender_id = placed.sender_id
        FROM placed
        WHERE placed.chat_guid = text_messages.chat_guid
            AND placed.sender_handle = ifnull(text_messages.sender_handle, '')
            AND placed.is_from_me = text_messages.is_from_me
            AND (placed.conversation_id, placed.sender_id)
                IS NOT (text_messages.conversation_id, text_messages.sender_id)
        """
    ).rowcount
    connection.execute("DROP TABLE placed")
    return moved


def finish(
    connection: sqlite3.Connection,
    plan: Plan,
    people: PeopleIds,
    conversations: ConversationIds,
    places: Iterable[Place],
) -> None:
    """Write members, names and handles of everybody in the file, and drop who and what no message is left of.

    Args:
        places: of every message in the file.
    """
    for table in ("members", "handles", "cards", "chats", "person_hints"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608  # fixed names
    me = people(plan.directory.me)
    members = {(place.conversation_id, place.sender_id) for place in places if place.sender_id is not None}
    used_conversations = {place.conversation_id for place in places}
    for conversation, id_ in conversations.of.items():
        if id_ in used_conversations:
            others = (people(person) for person in conversation.people if person not in plan.gone)
            members.update((id_, member) for member in (me, *others))
            about = (conversation.type, conversation.title, id_)
            connection.execute("UPDATE conversations SET type = ?, title = ? WHERE id = ?", about)
    _delete_all_but(connection, "conversations", used_conversations)
    connection.executemany("INSERT INTO members (conversation_id, person_id) VALUES (?, ?)", sorted(members))
    reacting = connection.execute("SELECT DISTINCT person_id FROM reactions WHERE person_id IS NOT NULL")
    used = {me} | {member for _, member in members} | {person_id for (person_id,) in reacting}
    _delete_all_but(connection, "people", used)

    by_id = {id_: person for person, id_ in people.of.items() if id_ in used}
    bases = {id_: base_name(person, plan.renamed, people.names.get(id_)) for id_, person in by_id.items()}
    bases[me] = plan.owner_name
    names = give_names(bases, people.names, me, lambda ids: first_seen(connection, ids, by_id))
    changed = [(name, id_) for id_, name in sorted(names.items()) if name != people.names.get(id_)]
    # in two steps: one may get the name that another one gives up
    connection.executemany("UPDATE people SET name = ? WHERE id = ?", [(f"\x00{id_}", id_) for _, id_ in changed])
    connection.executemany("UPDATE people SET name = ? WHERE id = ?", changed)
    connection.executemany(
        "INSERT INTO handles (handle, person_id) VALUES (?, ?)",
        sorted((handle, id_) for id_, person in by_id.items() for handle in person.handles),
    )
    conversation_of = {guid: conversations.of.get(conversation) for guid, conversation in plan.of_chat.items()}
    kept = {guid: id_ for guid, id_ in conversation_of.items() if id_ in used_conversations}
    in_file = set(by_id.values())
    hints = [pair for pair in plan.evidence.person_hints if plan.directory.person(pair[1]) in in_file]
    store_evidence(connection, _without_gone(plan), kept, _kept_cards(plan, by_id), hints)


def _without_gone(plan: Plan) -> Evidence:
    """Return the evidence without the handles of who was forgotten in the chats of others."""
    if not plan.gone:
        return plan.evidence
    person = plan.directory.person
    chats = {
        guid: chat._replace(handles=tuple(handle for handle in chat.handles if person(handle) not in plan.gone))
        for guid, chat in plan.evidence.chats.items()
    }
    return dataclasses.replace(plan.evidence, chats=chats)


def _delete_all_but(connection: sqlite3.Connection, table: str, ids: Collection[int]) -> None:
    connection.execute(
        f"DELETE FROM {table} WHERE id NOT IN (SELECT value FROM json_each(?))",  # noqa: S608  # fixed names
        (json.dumps(sorted(ids)),),
    )


def _kept_cards(plan: Plan, by_id: Mapping[int, Person]) -> dict[ContactCard, int | None]:
    """Return the cards of people in the file and those that share a handle with one, and whose each is."""
    owners = {card: id_ for id_, person in by_id.items() for card in person.cards}
    together: UnionFind[object] = UnionFind()
    for card in plan.evidence.cards:
        for identifier in card.identifiers:
            together.unite(card, plan.directory.normalize(identifier))
    kept = {together.find(one) for person in by_id.values() for one in (*person.cards, *person.handles)}
    gone = {card for person in plan.gone for card in person.cards}
    return {card: owners.get(card) for card in plan.evidence.cards if together.find(card) in kept and card not in gone}
