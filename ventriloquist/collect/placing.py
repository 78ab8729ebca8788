"""Where each row belongs and whose it is, looked up once for every chat and every handle."""

from __future__ import annotations

from collections.abc import Mapping

from ventriloquist.collect.conversations import Conversation
from ventriloquist.collect.handles import is_business, is_short_code
from ventriloquist.collect.ids import ConversationIds, PeopleIds
from ventriloquist.collect.people import Directory
from ventriloquist.collect.reactions import Tapback
from ventriloquist.collect.store import Place
from ventriloquist.records import SourceMessage


class Placer:
    """Finds conversations and senders; ids are given in the order in which they are first needed."""

    def __init__(
        self,
        directory: Directory,
        of_chat: Mapping[str, Conversation],
        people: PeopleIds,
        conversations: ConversationIds,
    ) -> None:
        self._directory = directory
        self._of_chat = of_chat
        self._people = people
        self._conversations = conversations
        self.me = people(directory.me)
        self._chat_ids: dict[str, int] = {}
        self._others: dict[str | None, int | None] = {None: None}
        self._senders: dict[str, int] = {}
        self._flags: dict[str, tuple[str, ...]] = {}

    def place(self, message: SourceMessage) -> Place:
        """Return a message's place."""
        chat = message.chat_guid
        conversation_id = self._chat_ids.get(chat)
        if conversation_id is None:
            conversation_id = self._chat_ids[chat] = self._conversations(self._of_chat[chat])
        sender_id = self.person_id(chat, message.sender_handle, message.is_from_me)
        return Place(conversation_id, sender_id, self._flags_of(message))

    def person_of(self, tapback: Tapback) -> int | None:
        """Return who reacted."""
        return self.person_id(tapback.chat_guid, tapback.sender_handle, bool(tapback.is_from_me))

    def person_id(self, chat: str | None, handle: str | None, is_from_me: bool) -> int | None:
        """Return who wrote: the owner, whose handle it is, in a one-to-one chat the other one, or nobody knows."""
        if is_from_me:
            return self.me
        if handle is None:
            return self.other_id(chat)
        found = self._senders.get(handle)
        if found is None:
            found = self._senders[handle] = self._people(self._directory.person(handle))
        return found

    def other_id(self, chat: str | None) -> int | None:
        """Return whom a one-to-one chat is with, None for a group."""
        if chat not in self._others:
            conversation = self._of_chat.get(chat or "")
            other = conversation.other if conversation is not None else None
            self._others[chat] = self._people(other) if other is not None else None
        return self._others[chat]

    def _flags_of(self, message: SourceMessage) -> str:
        conversation = self._of_chat[message.chat_guid]
        handle = message.sender_handle or (conversation.chats[0].handles[:1] or ("",))[0]
        if message.sender_handle is None and conversation.type == "group":
            handle = ""
        kinds = self._flags.get(handle)
        if kinds is None:
            kinds = self._flags[handle] = (
                *(("short_code",) if is_short_code(handle) else ()),
                *(("business",) if is_business(handle) else ()),
            )
        if not (kinds or message.is_spam or message.is_failed):
            return ""
        return ",".join((*(("spam",) if message.is_spam else ()), *kinds, *(("failed",) if message.is_failed else ())))
