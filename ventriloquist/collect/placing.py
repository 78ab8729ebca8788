"""Where each row belongs and whose it is, looked up once for every chat and every handle."""

from __future__ import annotations

from collections.abc import Iterable

from ventriloquist.collect.handles import is_business, is_short_code
from ventriloquist.collect.ids import ConversationIds, PeopleIds
from ventriloquist.collect.plan import Plan
from ventriloquist.collect.reactions import Tapback
from ventriloquist.collect.store import Place
from ventriloquist.records import SourceMessage


class Placer:
    """Finds conversations and senders; people get their ids in the order in which they are first needed."""

    def __init__(self, plan: Plan, people: PeopleIds, conversations: ConversationIds) -> None:
        self._directory = plan.directory
        self._of_chat = plan.of_chat
        self._people = people
        self._conversations = conversations
        self.me = people(plan.directory.me)
        self._places: dict[tuple[str, str, int], Place] = {}
        self._others: dict[str, int | None] = {"": None}
        self._senders: dict[str, int] = {}

    def place(self, message: SourceMessage) -> Place:
        """Return a message's place."""
        key = message[2:5]  # chat, sender, whether the owner's: a slice is faster than three names
        place = self._places.get(key) or self.place_of(*key)
        if message.is_spam or message.is_failed:
            flags = ("spam" * message.is_spam, place.flags, "failed" * message.is_failed)
            return place._replace(flags=",".join(filter(None, flags)))
        return place

    def place_of(self, chat: str, handle: str, is_from_me: int) -> Place:
        """Return the place of a message in a chat from a sender."""
        conversation = self._of_chat[chat]
        partner = conversation.chats[0].handles[0] if conversation.other is not None else ""
        place = self._places[chat, handle, is_from_me] = Place(
            self._conversations(conversation),
            self.person_id(chat, handle, is_from_me),
            _kind_of_sender(handle or partner),
        )
        return place

    def places(self) -> Iterable[Place]:
        """Return every place that was asked for."""
        return self._places.values()

    def person_of(self, tapback: Tapback) -> int | None:
        """Return who reacted."""
        return self.person_id(tapback.chat_guid or "", tapback.sender_handle or "", tapback.is_from_me)

    def person_id(self, chat: str, handle: str, is_from_me: int) -> int | None:
        """Return who wrote: the owner, whose handle it is, in a one-to-one chat the other one, or nobody knows."""
        if is_from_me:
            return self.me
        if not handle:
            return self.other_id(chat)
        found = self._senders.get(handle)
        if found is None:
            found = self._senders[handle] = self._people(self._directory.person(handle))
        return found

    def other_id(self, chat: str) -> int | None:
        """Return whom a one-to-one chat is with, None for a group."""
        if chat not in self._others:
            conversation = self._of_chat.get(chat)
            other = conversation.other if conversation is not None else None
            self._others[chat] = self._people(other) if other is not None else None
        return self._others[chat]


def _kind_of_sender(handle: str) -> str:
    """Return the flag that a message has for its sender, or for whom it went to."""
    if is_short_code(handle):
        return "short_code"
    return "business" if is_business(handle) else ""
