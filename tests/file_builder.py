"""Fills the tables that collect writes, so that what comes after it can be tested alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ventriloquist.store import Connection, open_database

NOON = 1_710_504_000_000  # 2024-03-15 12:00 UTC
MINUTE = 60_000
DAY = 24 * 60 * MINUTE


@dataclass
class Message:
    """A row of text_messages; `sender` None is an unknown one."""

    sender: str | None
    text: str | None
    sent_at: int | None = None  # default: a minute after the one before
    reply_to: str | None = None
    reply_part: str | None = None
    flags: str = ""
    guid: str | None = None
    source_rowid: int | None = None
    attachments: Sequence[tuple[str | None, str | None, str | None]] = ()  # mime type, file name, transcript


@dataclass
class Reaction:
    sender: str
    target: str
    kind: str = "love"
    emoji: str | None = None
    sent_at: int = NOON
    guid: str | None = None


@dataclass
class Conversation:
    messages: list[Message]
    type: str = "dm"
    title: str | None = None
    members: Sequence[str] | None = None  # default: all who write, and the owner
    reactions: list[Reaction] = field(default_factory=list)


def fill(db: Connection, conversations: Iterable[Conversation], *, owner: str = "Aidan Allchin") -> None:
    """Write people, conversations, messages, attachments and reactions."""
    people = {owner: 1}
    db.execute("INSERT INTO people (id, name, is_me) VALUES (1, ?, 1)", (owner,))

    def person(name: str) -> int:
        if name not in people:
            people[name] = len(people) + 1
            db.execute("INSERT INTO people (id, name) VALUES (?, ?)", (people[name], name))
            db.execute("INSERT INTO handles VALUES (?, ?)", (f"{people[name]}@example.org", people[name]))
        return people[name]

    rowid = 0
    for number, conversation in enumerate(conversations, 1):
        about = (number, conversation.type, conversation.title)
        db.execute("INSERT INTO conversations (id, type, title) VALUES (?, ?, ?)", about)
        names = conversation.members or [message.sender for message in conversation.messages if message.sender]
        for name in sorted({owner, *names}):
            db.execute("INSERT INTO members VALUES (?, ?)", (number, person(name)))
        at = NOON
        for message in conversation.messages:
            rowid += 1
            at = at + MINUTE if message.sent_at is None else message.sent_at
            guid = message.guid or f"message-{rowid}"
            db.execute(
                "INSERT INTO text_messages (guid, conversation_id, sender_id, sent_at, text, is_from_me, source_rowid,"
                " thread_originator_guid, thread_originator_part, flags, chat_guid) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                (
                    guid,
                    number,
                    None if message.sender is None else person(message.sender),
                    at,
                    message.text,
                    int(message.sender == owner),
                    rowid if message.source_rowid is None else message.source_rowid,
                    message.reply_to,
                    message.reply_part,
                    message.flags,
                    f"chat-{number}",
                ),
            )
            rows = [(guid, position, *attachment) for position, attachment in enumerate(message.attachments)]
            db.executemany("INSERT INTO attachments VALUES (?, ?, ?, ?, ?)", rows)
        for index, reaction in enumerate(conversation.reactions):
            values = (
                reaction.guid or f"reaction-{number}-{index}",
                reaction.target,
                person(reaction.sender),
                reaction.kind,
                reaction.emoji,
                reaction.sent_at,
            )
            db.execute("INSERT INTO reactions VALUES (?, ?, ?, ?, ?, ?)", values)
    db.commit()


@contextmanager
def filled(home: Path, conversations: Iterable[Conversation], *, owner: str = "Aidan Allchin") -> Iterator[Connection]:
    """Open a new database in `home` with these conversations in it."""
    with open_database(home, create=True) as db:
        fill(db, conversations, owner=owner)
        yield db


def chat(*texts: str, other: str = "Sam") -> Conversation:
    """A one-to-one conversation in which both take turns, a minute apart."""
    messages = [Message(other if i % 2 else "Aidan Allchin", text) for i, text in enumerate(texts)]
    return Conversation(messages, members=[other])
