"""Which chats are one conversation.

One-to-one: all with one person, over every service and handle. Groups: those of the same people under one title,
those that Messages gives one `group_id`, and those that it finds under one identifier and that have somebody in common.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ventriloquist.collect.people import Directory, Person
from ventriloquist.collect.union_find import UnionFind
from ventriloquist.records import SourceChat


@dataclass(slots=True, eq=False)
class Conversation:
    """A conversation, before an id is given."""

    type: Literal["dm", "group"]
    chats: list[SourceChat]
    people: dict[Person, None]  # in it as the chats say, the owner left out; senders may be more
    other: Person | None = None  # of a dm, whom it is with: the owner, in notes to self

    @property
    def title(self) -> str | None:
        """What the newest chat that has a title is called."""
        named = [chat for chat in self.chats if chat.title]
        return max(named, key=lambda chat: (chat.newest_at, chat.guid)).title if named else None


def merge_chats(stored: SourceChat, found: SourceChat) -> SourceChat:
    """Bring together what two sources say of one chat: everybody ever in it, the rest from the newer one."""
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
            alike.unite(first_with.setdefault(key, chat.guid), chat.guid)
        for identifier in chat.lookups if chat.type == "group" else ():
            first = first_with.setdefault(("lookup", identifier), chat.guid)
            if _may_be_one(people_of[first], people, directory.me):
                alike.unite(first, chat.guid)

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
    """Tell whether two groups have somebody beside the owner in common, or one does not list its people."""
    common, some, others = one.keys() & other.keys(), one.keys() - {me}, other.keys() - {me}
    return bool(common - {me}) or not some or not others
