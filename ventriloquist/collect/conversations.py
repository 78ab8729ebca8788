"""Which chats are one conversation, and the ids of conversations.

Each application has its own conversations. All one-to-one chats with a person are one conversation, over every service
and handle. Group chats are one if they have the same people and title, or the same `group_id`, or share an identifier
(`lookups`) and have somebody in common.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ventriloquist.collect.identity import Directory, Person, UnionFind
from ventriloquist.records import MESSAGES, SourceChat
from ventriloquist.store.people import ConversationRow, StoredIdentities

SMS = (MESSAGES, "android")  # the applications that send and receive SMS
META = ("messenger", "instagram")  # the applications whose thread may be in an ordinary and in an encrypted download


@dataclass(slots=True, eq=False)
class Conversation:
    """A conversation that may have no id yet."""

    type: Literal["dm", "group"]
    chats: list[SourceChat]
    people: dict[Person, None]  # members according to the chats, without the owner; others may have written in it
    other: Person | None = None  # of a dm: the other person; in notes to self the owner

    @property
    def source(self) -> str:
        """The application, a key of `records.APPLICATIONS`."""
        return self.chats[0].source

    @property
    def title(self) -> str | None:
        """The title of the newest chat that has one."""
        named = [chat for chat in self.chats if chat.title]
        return max(named, key=lambda chat: (chat.newest_at, chat.guid)).title if named else None


class ConversationIds:
    """The id of each conversation: its id in the file, or a new one in the order of the chats' guids."""

    def __init__(self, stored: StoredIdentities, of_chat: Mapping[str, Conversation]) -> None:
        self.of_chat = of_chat
        self.of: dict[Conversation, int] = {}
        claims: defaultdict[int, list[str]] = defaultdict(list)
        for guid, conversation_id in stored.conversation_of_chat.items():
            claims[conversation_id].append(guid)
        for conversation_id in sorted(claims):
            for guid in claims[conversation_id]:
                if self.of.setdefault(of_chat[guid], conversation_id) == conversation_id:
                    break
        self.new: list[ConversationRow] = []  # those without a row; the final pass deletes those without a message
        for guid in sorted(of_chat):
            conversation = of_chat[guid]
            if conversation not in self.of:
                self.of[conversation] = id_ = stored.last_conversation_id + len(self.new) + 1
                self.new.append(ConversationRow(id_, conversation.type, conversation.title, conversation.source))

    def notes_to_self(self) -> set[int]:
        """Return the ids of the conversations that the owner has alone in Messages, which keeps each note twice."""
        return {
            id_
            for conversation, id_ in self.of.items()
            if conversation.source == MESSAGES and conversation.other and conversation.other.is_me
        }

    def with_tapback_texts(self) -> set[int]:
        """Return the ids of the conversations in which a tapback may arrive as a text: those with SMS."""
        return {id_ for conversation, id_ in self.of.items() if conversation.source in SMS}

    def in_two_downloads(self) -> set[int]:
        """Return the ids of the conversations that may be in two downloads, whose messages have different guids."""
        return {
            id_ for conversation, id_ in self.of.items() if conversation.source in META and len(conversation.chats) > 1
        }


def merge_chats(stored: SourceChat, found: SourceChat) -> SourceChat:
    """Merge what two sources say about one chat: everybody ever in it, and the rest from the newer source."""
    newer, older = (found, stored) if found.newest_at >= stored.newest_at else (stored, found)
    return newer._replace(
        title=newer.title or older.title,
        group_id=newer.group_id or older.group_id,
        handles=tuple(dict.fromkeys((*newer.handles, *older.handles))),
        lookups=tuple(dict.fromkeys((*newer.lookups, *older.lookups))),
    )


def group_chats(chats: Iterable[SourceChat], directory: Directory) -> dict[str, Conversation]:
    """Return the conversation of each chat, by the chat's guid."""
    alike: UnionFind[str] = UnionFind()
    people_of: dict[str, dict[Person, None]] = {}
    first_with: dict[Hashable, str] = {}
    chats = sorted(chats, key=lambda chat: chat.guid)
    for chat in chats:
        people_of[chat.guid] = people = dict.fromkeys(directory.person(handle) for handle in chat.handles)
        if chat.type == "dm":
            keys: list[Hashable] = [next(iter(people), directory.me)]
        else:
            others = frozenset(people) - {directory.me}
            keys = [(others, chat.title)] if others else []  # a group that lists nobody is like no other
            keys += [("group_id", chat.group_id)] if chat.group_id else []
        for key in keys:
            alike.merge(first_with.setdefault((chat.source, key), chat.guid), chat.guid)
        for identifier in chat.lookups if chat.type == "group" else ():
            first = first_with.setdefault((chat.source, "lookup", identifier), chat.guid)
            if _may_be_one(people_of[first], people, directory.me):
                alike.merge(first, chat.guid)

    conversations: dict[str, Conversation] = {}
    for chat in chats:
        people = people_of[chat.guid]
        conversation = conversations.setdefault(alike.find(chat.guid), Conversation(chat.type, [], {}))
        conversation.chats.append(chat)
        conversation.people.update(people)
        conversation.people.pop(directory.me, None)
        if chat.type == "dm":
            conversation.other = next(iter(people), directory.me)
    return {chat.guid: conversations[alike.find(chat.guid)] for chat in chats}


def _may_be_one(one: Mapping[Person, None], other: Mapping[Person, None], me: Person) -> bool:
    """Tell whether two groups have somebody besides the owner in common, or one does not list its people."""
    common, some, others = one.keys() & other.keys(), one.keys() - {me}, other.keys() - {me}
    return bool(common - {me}) or not some or not others
