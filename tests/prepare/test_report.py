from __future__ import annotations

from pathlib import Path

from file_builder import Conversation, Message, chat, filled

from ventriloquist.prepare import prepare
from ventriloquist.prepare.report import Counts, by_conversation, by_person

OWNER = "Aidan Allchin"


def test_lines_are_counted_by_person_and_by_conversation(home: Path) -> None:
    long = "the same long text for both"
    chats = [
        chat("hi", "hello", long, other="Sam"),
        Conversation([Message("Kim", f"{index}") for index in range(9)] + [Message("Kim", long)], type="group"),
        Conversation([Message(OWNER, "buy milk")], title="list"),
        Conversation([Message(OWNER, "remember")], members=[OWNER]),
    ]
    with filled(home, chats) as db:
        prepare(db)
        people, conversations = by_person(db), by_conversation(db)
    assert people == [Counts("Kim", 6, 2, 2, 0), Counts(OWNER, 3, 0, 0, 1), Counts("Sam", 1, 0, 0, 0)]
    assert conversations == [
        Counts("Kim", 6, 2, 2, 0),
        Counts("Sam", 2, 0, 0, 1),
        Counts("list", 1, 0, 0, 0),
        Counts("notes to self", 1, 0, 0, 0),
    ]
