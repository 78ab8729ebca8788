"""Build the cast's chat.db, address book and exports of other applications."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path

from ventriloquist.demo.addressbook import write_contacts
from ventriloquist.demo.apple import EventKind
from ventriloquist.demo.cast import (
    ACCOUNT,
    ACCOUNT_CARDS,
    CAST,
    CONVERSATIONS,
    GROUP_EVENTS,
    LOCAL_CARDS,
    OWNER,
    STRANGERS,
    Conversation,
)
from ventriloquist.demo.chatdb import Chat, ChatDatabase, Sent
from ventriloquist.demo.expected import Expected
from ventriloquist.demo.exports import WRITERS
from ventriloquist.demo.history import SECOND_MS, Said, Tapback, play_conversation
from ventriloquist.demo.script import PHOTO, parse_script
from ventriloquist.demo.typedstream import ONE_TIME_CODE
from ventriloquist.records import MESSAGES, Attachment

DAY_MS = 86_400_000
SECONDS_UNTIL = 1_706_745_600_000  # 2024-02-01: earlier SMS came from an older phone, which counted seconds

Action = tuple[int, Callable[[], None]]  # when (Unix milliseconds), and a function that writes the row


@dataclass(frozen=True, slots=True)
class CastPaths:
    """Where the cast's data is (`vq collect --chat-db … --contacts … --source …`), and what is in it."""

    chat_db: Path
    contacts: Path
    exports: Mapping[str, Path]  # by application, a key of records.APPLICATIONS
    expected: Mapping[str, Expected]  # by application


def build(folder: Path, seed: int = 0) -> CastPaths:
    """Make a folder, and write chat.db, an AddressBook and the exports into it. The same seed makes the same rows.

    Raises:
        FileExistsError: there is a chat.db already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chat_db, contacts = folder / "chat.db", folder / "AddressBook"
    histories: dict[str, list[list[Said]]] = {}
    for conversation in CONVERSATIONS:
        histories.setdefault(conversation.application, []).append(play(conversation, seed))
    with ChatDatabase(chat_db, owner=OWNER, seed=seed) as db:
        writer = _Writer(db, random.Random(seed))  # noqa: S311  # file names of pictures
        writer.write(histories.pop(MESSAGES))
    write_contacts(contacts, LOCAL_CARDS, [(ACCOUNT, ACCOUNT_CARDS)])
    expected = {MESSAGES: writer.expected}
    exports = {}
    for application, [history] in histories.items():
        exports[application], expected[application] = WRITERS[application](history, folder)
    return CastPaths(chat_db, contacts, exports, expected)


def play(conversation: Conversation, seed: int = 0) -> list[Said]:
    """Play one of the cast's conversations, in order of time."""
    script = resources.files("ventriloquist.demo").joinpath("scripts", f"{conversation.script}.txt")
    scenes = parse_script(script.read_text(encoding="utf-8"), conversation.initials, name=script.name)
    return play_conversation(conversation, scenes, seed)


class _Writer:
    """Writes the rows of all conversations in order of time, and counts them."""

    def __init__(self, db: ChatDatabase, rng: random.Random) -> None:
        self.db = db
        self.expected = Expected()
        self._rng = rng
        self._chats: dict[object, Chat] = {}
        self._sent: dict[Said, Sent] = {}

    def write(self, histories: Sequence[list[Said]]) -> None:
        actions = [action for history in histories for action in self._actions(history)]
        actions.sort(key=lambda action: action[0])
        for _, act in actions:
            act()
            self.expected.rows += 1
        self._write_strangers(actions[-1][0])

    def _actions(self, history: list[Said]) -> Iterator[Action]:
        for said in history:
            if said.unsent_first is not None:
                yield said.at - SECOND_MS, partial(self._write_unsent, said, said.unsent_first)
            yield said.at, partial(self._write_said, said)
            for tapback in said.tapbacks:
                yield tapback.at, partial(self._write_tapback, said, tapback)
                if tapback.until is not None:
                    yield tapback.until, partial(self._write_tapback, said, tapback, removed=True)
        for share, kind, by, title in GROUP_EVENTS.get(history[0].conversation.script, ()):
            after = history[int(share * len(history))]
            yield after.at - SECOND_MS, partial(self._write_event, after, kind, by, title)

    def _write_said(self, said: Said) -> None:
        chat = self._chat(said)
        sender = self._handle(said, said.speaker)
        if said.is_link:
            sent = self.db.link(chat, said.at, said.text, sender=sender)
        else:
            is_photo = said.text == PHOTO
            sent = self.db.message(
                chat,
                said.at,
                None if is_photo else said.edited_from or said.text,
                sender=sender,
                files=[self._photo()] if is_photo else [],
                reply_to=self._sent[said.reply_to] if said.reply_to else None,
                stored="typedstream" if chat.service == "iMessage" else "text",
                seconds=chat.service == "SMS" and said.at < SECONDS_UNTIL,
            )
            if said.edited_from is not None:
                sent = self.db.edit(sent, said.at + self._rng.randint(8, 90) * SECOND_MS, said.text)
            self.expected.replies += said.reply_to is not None
        self._sent[said] = sent
        self.expected.count(said)

    def _write_unsent(self, said: Said, text: str) -> None:
        sent = self.db.message(self._chat(said), said.at - SECOND_MS, text, sender=self._handle(said, said.speaker))
        self.db.unsend(sent, said.at)
        self.expected.unsent += 1

    def _write_tapback(self, said: Said, tapback: Tapback, *, removed: bool = False) -> None:
        by, at, kind, emoji, until = tapback
        target, sender = self._sent[said], self._handle(said, by)
        self.db.tapback(target, (until or at) if removed else at, kind, sender=sender, emoji=emoji, removed=removed)
        if until is None:
            self.expected.reactions += 1
        else:
            self.expected.taken_back += 1

    def _write_event(self, near: Said, kind: EventKind, by: str, title: str | None) -> None:
        sender = self._handle(near, by)
        self.db.event(self._chat(near), near.at - SECOND_MS, kind, sender=sender, title=title)
        self.expected.events += 1

    def _write_strangers(self, end: int) -> None:
        """Write the strangers' messages. They come last, like rows that synced from another device."""
        sent = None
        for number, (handle, service, text, code) in enumerate(STRANGERS, start=1):
            chat = self._chats.get(handle) or self.db.dm(handle, service)
            self._chats[handle] = chat
            attributes = {ONE_TIME_CODE: {"code": code}} if code else None
            sent = self.db.message(chat, end - number * 37 * DAY_MS, text, sender=handle, attributes=attributes)
            self.expected.strangers += 1
            self.expected.codes += code is not None
        if sent is not None:
            self.db.delete(sent, end)
            self.expected.deleted += 1
        self.expected.rows += len(STRANGERS)

    def _chat(self, said: Said) -> Chat:
        key = said.address or said.conversation
        if key not in self._chats:
            if said.address is None:
                handles = [CAST[i].addresses[0].handle for i in said.conversation.initials if CAST[i].addresses]
                self._chats[key] = self.db.group(handles, said.conversation.title)
            else:
                handle, service, _, prefix = said.address
                self._chats[key] = self.db.dm(handle, service, prefix=prefix)
        return self._chats[key]

    def _handle(self, said: Said, initial: str) -> str | None:
        addresses = CAST[initial].addresses
        return (said.address or addresses[0]).handle if addresses else None

    def _photo(self) -> Attachment:
        number = self._rng.randrange(1000, 9999)
        return self._rng.choice(
            (Attachment("image/heic", f"IMG_{number}.HEIC"), Attachment("image/jpeg", f"IMG_{number}.jpeg"))
        )
