"""Ids that stay: what was known under an id keeps it, whatever is united, parted or renamed."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping

from ventriloquist.collect.conversations import Conversation
from ventriloquist.collect.names import base_name, without_number
from ventriloquist.collect.people import Directory, Person


class PeopleIds:
    """The id of each person, given when it is first asked for."""

    def __init__(self, connection: sqlite3.Connection, directory: Directory) -> None:
        self._connection = connection
        self._directory = directory
        self.names: dict[int, str] = dict(connection.execute("SELECT id, name FROM people"))
        self.of: dict[Person, int] = {}
        (last,) = connection.execute("SELECT ifnull(max(id), 0) FROM people").fetchone()
        self._next = last + 1
        owner = connection.execute("SELECT id FROM people WHERE is_me").fetchone()
        if owner is not None:
            self.of[directory.me] = owner[0]
        taken = set(self.of.values())
        claims: dict[int, dict[Person, int]] = {}
        for handle, person_id in connection.execute("SELECT handle, person_id FROM handles ORDER BY handle"):
            counts = claims.setdefault(person_id, {})
            person = directory.person(handle)
            counts[person] = counts.get(person, 0) + 1
        for person_id in sorted(claims.keys() - taken):
            heirs = sorted(
                (person for person in claims[person_id] if person not in self.of),
                # who is still called so, then who has most of the handles, then the first handle
                key=lambda person: (not self._is_called(person, person_id), -claims[person_id][person]),
            )
            if heirs:
                self.of[heirs[0]] = person_id

    def _is_called(self, person: Person, person_id: int) -> bool:
        name = self.names[person_id]
        return base_name(person, {}, name) in (name, without_number(name))

    def knows(self, handle: str) -> bool:
        """Tell whether whoever has a handle has an id."""
        return self._directory.person(handle) in self.of

    def current_names(self) -> dict[Person, str]:
        """Return what people are called so far."""
        return {person: self.names[id_] for person, id_ in self.of.items() if id_ in self.names}

    def __call__(self, person: Person) -> int:
        """Return a person's id; a new one gets a row with a placeholder for the name."""
        found = self.of.get(person)
        if found is None:
            found = self.of[person] = self._next
            self._next += 1
            self._connection.execute(
                "INSERT INTO people (id, name, is_me) VALUES (?, ?, ?)", (found, f"\x00{found}", person.is_me)
            )
        return found


class ConversationIds:
    """The id of each conversation: what it had, or a new one in order of the chats' guids, not of their messages."""

    def __init__(self, connection: sqlite3.Connection, of_chat: Mapping[str, Conversation]) -> None:
        self._connection = connection
        self.of: dict[Conversation, int] = {}
        (last,) = connection.execute("SELECT ifnull(max(id), 0) FROM conversations").fetchone()
        self._next = last + 1
        claims: defaultdict[int, list[str]] = defaultdict(list)
        of_messages = "SELECT guid, conversation_id FROM chats WHERE conversation_id IS NOT NULL ORDER BY guid"
        for guid, conversation_id in connection.execute(of_messages):
            claims[conversation_id].append(guid)
        for conversation_id in sorted(claims):
            for guid in claims[conversation_id]:
                if self.of.setdefault(of_chat[guid], conversation_id) == conversation_id:
                    break
        for guid in sorted(of_chat):
            self(of_chat[guid])  # those that get no message are dropped in the end

    def notes_to_self(self) -> set[int]:
        """Return the ids of the conversations that the owner has alone."""
        return {id_ for conversation, id_ in self.of.items() if conversation.other and conversation.other.is_me}

    def __call__(self, conversation: Conversation) -> int:
        """Return a conversation's id, and give a new one its row."""
        found = self.of.get(conversation)
        if found is None:
            found = self.of[conversation] = self._next
            self._next += 1
            self._connection.execute(
                "INSERT INTO conversations (id, type, title) VALUES (?, ?, ?)",
                (found, conversation.type, conversation.title),
            )
        return found
