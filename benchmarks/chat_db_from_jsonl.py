"""Build a chat.db and an address book from recorded chats of many people, for other benchmarks.

    python benchmarks/chat_db_from_jsonl.py --data chats.jsonl.gz --output DIR --people 10

The data is JSON Lines, gzipped or not. Each line is a message with these keys: chat, type (`dm` or `group`), members,
name, ts (ISO, UTC), content, and reply_to (the index within the chat of the answered message, or null).

A Messages database has one owner, who is part of every chat. Recorded chats are between any two people. If one of
them were the owner, only that person's chats could be kept. So the owner here is an observer who never writes. A chat
between A and B becomes an untitled group of the observer, A and B. Nobody loses a message or a name, and no model
writes as the observer. The price is one more name in every header.

The script chooses the N people who wrote most, and every chat in which one of them writes. The others in these chats
keep their own names.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gzip
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ventriloquist import collect, prepare
from ventriloquist.demo.addressbook import Card, write_contacts
from ventriloquist.demo.chatdb import Chat, ChatDatabase, Owner, Sent
from ventriloquist.layout import DATABASE
from ventriloquist.sources import SOURCES
from ventriloquist.store import recorded_run

OWNER = Owner("+12505550100", "observer@example.com")
OWNER_NAME = "Observer"


class Message(NamedTuple):
    """A line of the data; `reply_to` is an index within its chat."""

    chat: str
    members: tuple[str, ...]
    name: str
    at: int  # Unix milliseconds
    content: str
    reply_to: int | None


class Chosen(NamedTuple):
    """The people who wrote most, and all messages of the chats in which they write."""

    people: list[str]
    messages: list[Message]


def read(path: Path) -> Iterator[Message]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        for line in lines:
            row: dict[str, Any] = json.loads(line)
            at = int(dt.datetime.fromisoformat(row["ts"]).timestamp() * 1000)
            yield Message(row["chat"], tuple(row["members"]), row["name"], at, row["content"], row["reply_to"])


def choose(messages: Sequence[Message], people: int) -> Chosen:
    talkative = [name for name, _ in Counter(message.name for message in messages).most_common(people)]
    chats = {message.chat for message in messages if message.name in talkative}
    return Chosen(talkative, [message for message in messages if message.chat in chats])


def write(chosen: Chosen, folder: Path) -> None:
    """Write folder/chat.db and folder/AddressBook, rows in order of time."""
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted({name for message in chosen.messages for name in (*message.members, message.name)})
    addresses = {name: f"person{number:04}@example.com" for number, name in enumerate(names)}
    chats: dict[str, Chat] = {}
    sent: dict[tuple[str, int], Sent] = {}
    indices: Counter[str] = Counter()  # messages of a chat so far, in the data's order
    numbered = []
    for message in chosen.messages:
        numbered.append((indices[message.chat], message))
        indices[message.chat] += 1
    with ChatDatabase(folder / "chat.db", owner=OWNER) as db:
        for index, message in sorted(numbered, key=lambda pair: pair[1].at):
            if message.chat not in chats:
                members = dict.fromkeys((*message.members, message.name))
                chats[message.chat] = db.group([addresses[name] for name in members])
            reply_to = None if message.reply_to is None else sent.get((message.chat, message.reply_to))
            sent[message.chat, index] = db.message(
                chats[message.chat], message.at, message.content, sender=addresses[message.name], reply_to=reply_to
            )
    owner = Card(first=OWNER_NAME, phones=[OWNER.phone], emails=[OWNER.email], is_me=True)
    write_contacts(folder / "AddressBook", [owner, *(Card(first=n, emails=[addresses[n]]) for n in names)], [])


def prepared_home(data: Path, work: Path, people: int) -> Path:
    """Build a chat.db, collect it and prepare it, once, under a folder; return the home."""
    home = work / "home"
    if not (home / DATABASE).exists():
        folder = work / "source"
        write(choose(list(read(data)), people), folder)
        with (
            SOURCES["chat-db"].open(folder / "chat.db", folder / "AddressBook") as source,
            recorded_run(home, "collect", create=True, plan=lambda db: collect.plan(db, source)) as run,
        ):
            run.result = collect.run(run.db, source, run.plan)
        with recorded_run(home, "prepare") as run:
            run.result = prepare.run(run.db, prepare.plan(run.db))
    return home


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--people", type=int, default=10)
    arguments = parser.parse_args()
    chosen = choose(list(read(arguments.data)), arguments.people)
    write(chosen, arguments.output)
    own = Counter(message.name for message in chosen.messages)
    for name in chosen.people:
        chats = {message.chat for message in chosen.messages if message.name == name}
        print(f"{name:16} {own[name]:7,} messages in {len(chats):4} chats")
    others = own.total() - sum(own[name] for name in chosen.people)
    print(f"{'others':16} {others:7,} messages of {len(own) - len(chosen.people):,} people")
    print(f"{'all':16} {own.total():7,} messages in {len({message.chat for message in chosen.messages}):,} chats")


if __name__ == "__main__":
    main()
