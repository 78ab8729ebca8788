"""What can be done only when every row is there: echoes, rows of earlier sources, names, and what nobody uses."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping

from ventriloquist.collect.conversations import Conversation
from ventriloquist.collect.evidence import Evidence, store_evidence
from ventriloquist.collect.ids import ConversationIds, PeopleIds
from ventriloquist.collect.names import base_name, give_names
from ventriloquist.collect.people import Directory, Person
from ventriloquist.collect.placing import Placer
from ventriloquist.collect.union_find import UnionFind
from ventriloquist.records import Card

ECHO_MS = 5_000


def skip_echoes(connection: sqlite3.Connection, notes_to_self: Collection[int]) -> list[str]:
    """Move the second copies of notes to self to `skipped`, and return their guids.

    A note to self is stored twice: sent, and received. The received one is the copy, whichever came first.

    Args:
        notes_to_self: ids of conversations of the owner alone.
    """
    echoes: list[str] = []
    for conversation_id in notes_to_self:
        echoes += [
            guid
            for (guid,) in connection.execute(
                """
                SELECT guid FROM text_messages AS echo
                WHERE conversation_id = :conversation AND NOT is_from_me AND EXISTS (
                    SELECT 1 FROM text_messages AS note
                    WHERE note.conversation_id = :conversation AND note.is_from_me AND note.text IS echo.text
                        AND note.sent_at BETWEEN echo.sent_at - :span AND echo.sent_at + :span
                        AND (echo.text IS NOT NULL OR (
                            SELECT count(*) FROM attachments WHERE message_guid = note.guid
                        ) = (
                            SELECT count(*) FROM attachments WHERE message_guid = echo.guid
                        ))
                )
                """,
                {"conversation": conversation_id, "span": ECHO_MS},
            )
        ]
    rows = [(guid,) for guid in echoes]
    connection.executemany("DELETE FROM text_messages WHERE guid = ?", rows)
    connection.executemany("DELETE FROM attachments WHERE message_guid = ?", rows)
    connection.executemany("INSERT OR REPLACE INTO skipped VALUES (?, 'echo')", rows)
    return echoes


def place_anew(
    connection: sqlite3.Connection, placer: Placer, of_chat: Mapping[str, Conversation], conversations: ConversationIds
) -> None:
    """Put every stored message where it belongs by what is known now; sources add to what is known of people."""
    connection.execute("CREATE TEMP TABLE placed_chats (guid TEXT PRIMARY KEY, conversation_id, other_id)")
    connection.execute("CREATE TEMP TABLE placed_handles (handle TEXT PRIMARY KEY, person_id)")
    chats = connection.execute("SELECT DISTINCT chat_guid FROM text_messages").fetchall()
    connection.executemany(
        "INSERT INTO placed_chats VALUES (?, ?, ?)",
        [(guid, conversations(of_chat[guid]), placer.other_id(guid)) for (guid,) in chats],
    )
    handles = connection.execute(
        "SELECT DISTINCT sender_handle FROM text_messages WHERE sender_handle IS NOT NULL"
    ).fetchall()
    connection.executemany(
        "INSERT INTO placed_handles VALUES (?, ?)",
        [(handle, placer.person_id("", handle, 0)) for (handle,) in handles],
    )
    connection.execute(
        """
        UPDATE text_messages SET conversation_id = placed.conversation_id, sender_id = placed.sender_id
        FROM (
            SELECT m.id, c.conversation_id, CASE
                WHEN m.is_from_me THEN ?
                WHEN m.sender_handle IS NULL THEN c.other_id
                ELSE h.person_id
            END AS sender_id
            FROM text_messages AS m
            JOIN placed_chats AS c ON c.guid = m.chat_guid
            LEFT JOIN placed_handles AS h ON h.handle = m.sender_handle
        ) AS placed
        WHERE placed.id = text_messages.id
            AND (text_messages.conversation_id, text_messages.sender_id)
                IS NOT (placed.conversation_id, placed.sender_id)
        """,
        (placer.me,),
    )
    connection.execute("DROP TABLE placed_chats")
    connection.execute("DROP TABLE placed_handles")


def finish(
    connection: sqlite3.Connection,
    evidence: Evidence,
    directory: Directory,
    of_chat: Mapping[str, Conversation],
    people: PeopleIds,
    conversations: ConversationIds,
    owner_name: str,
    renamed: Mapping[str, str],
) -> None:
    """Write members, names and handles of everybody in the file, and drop who and what no message is left of."""
    connection.execute("DELETE FROM members")
    connection.execute("DELETE FROM handles")
    connection.execute("DELETE FROM cards")
    connection.execute("UPDATE chats SET conversation_id = NULL")
    connection.execute("DELETE FROM conversations WHERE id NOT IN (SELECT conversation_id FROM text_messages)")
    used_conversations = {id_ for (id_,) in connection.execute("SELECT id FROM conversations")}
    me = people(directory.me)
    for conversation, id_ in conversations.of.items():
        if id_ not in used_conversations:
            continue
        connection.execute(
            "UPDATE conversations SET type = ?, title = ? WHERE id = ?", (conversation.type, conversation.title, id_)
        )
        connection.executemany(
            "INSERT INTO members (conversation_id, person_id) VALUES (?, ?)",
            [(id_, member) for member in sorted({me, *map(people, conversation.people)})],
        )
    connection.execute(
        "INSERT OR IGNORE INTO members SELECT DISTINCT conversation_id, sender_id FROM text_messages "
        "WHERE sender_id IS NOT NULL"
    )
    connection.execute(
        "DELETE FROM people WHERE NOT is_me AND id NOT IN (SELECT person_id FROM members) "
        "AND id NOT IN (SELECT person_id FROM reactions WHERE person_id IS NOT NULL)"
    )
    used = {id_ for (id_,) in connection.execute("SELECT id FROM people")}
    by_id = {id_: person for person, id_ in people.of.items() if id_ in used}
    bases = {id_: base_name(person, renamed, people.names.get(id_)) for id_, person in by_id.items()}
    bases[me] = owner_name
    names = give_names(bases, people.names, me, lambda ids: _by_first_seen(connection, ids, by_id))
    changed = [(name, id_) for id_, name in sorted(names.items()) if name != people.names.get(id_)]
    connection.executemany("UPDATE people SET name = ? WHERE id = ?", [(f"\x00{id_}", id_) for _, id_ in changed])
    connection.executemany("UPDATE people SET name = ? WHERE id = ?", changed)
    connection.executemany(
        "INSERT INTO handles (handle, person_id) VALUES (?, ?)",
        sorted((handle, id_) for id_, person in by_id.items() for handle in person.handles),
    )
    store_evidence(
        connection,
        evidence,
        {
            guid: conversations.of[conversation]
            for guid, conversation in of_chat.items()
            if conversations.of.get(conversation) in used_conversations
        },
        _kept_cards(evidence.cards, by_id),
    )


def _by_first_seen(connection: sqlite3.Connection, ids: Iterable[int], by_id: Mapping[int, Person]) -> list[int]:
    """Order people by the first message of their conversations, then by their own first one, then by handle."""

    def key(id_: int) -> tuple[object, ...]:
        never = (1 << 62, 0, "")
        among = connection.execute(
            "SELECT sent_at, source_rowid, guid FROM text_messages WHERE conversation_id IN "
            "(SELECT conversation_id FROM members WHERE person_id = ?) ORDER BY sent_at, source_rowid, guid LIMIT 1",
            (id_,),
        ).fetchone()
        own = connection.execute(
            "SELECT sent_at, source_rowid, guid FROM text_messages WHERE sender_id = ? "
            "ORDER BY sent_at, source_rowid, guid LIMIT 1",
            (id_,),
        ).fetchone()
        return (among or never, own or never, min(by_id[id_].handles, default=""))

    return sorted(ids, key=key)


def _kept_cards(cards: Iterable[Card], by_id: Mapping[int, Person]) -> dict[Card, int | None]:
    """Return the cards of people in the file, and those that share a number or address with one, and whose they are."""
    owners = {card: id_ for id_, person in by_id.items() for card in person.cards}
    together: UnionFind[object] = UnionFind()
    for card in cards:
        for identifier in card.identifiers:
            together.unite(card, identifier)
    kept = {together.find(card) for card in owners}
    return {card: owners.get(card) for card in cards if card in owners or together.find(card) in kept}
