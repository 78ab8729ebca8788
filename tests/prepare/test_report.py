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


def test_a_large_group_without_a_title_is_called_by_some_of_its_members(home: Path) -> None:
    crowd = [f"Person {number:03}" for number in range(300)]
    messages = [Message(crowd[0], f"line {index}") for index in range(9)]
    with filled(home, [Conversation(messages, type="group", members=[OWNER, *crowd])]) as db:
        prepare(db)
        (found,) = by_conversation(db)
    assert found.name == f"{', '.join(crowd[:10])} and 290 more"
