"""What prepare writes and everything after it reads: counts, windows, and files of an earlier schema."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from file_builder import Conversation, Message, chat, filled
from stages import prepare

from ventriloquist.store import Connection, corpus, migrations, people
from ventriloquist.store.counts import LineCounts, counts_by_conversation, counts_by_person
from ventriloquist.windows import SPLITS

OWNER = "Aidan Allchin"
ODD = 'Robin "The Oak" </s> <|x|> ["'


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
        persons, conversations = counts_by_person(db), counts_by_conversation(db)
    assert persons == [LineCounts("Kim", 6, 2, 2, 0), LineCounts(OWNER, 3, 0, 0, 1), LineCounts("Sam", 1, 0, 0, 0)]
    assert conversations == [
        LineCounts("Kim", 6, 2, 2, 0),
        LineCounts("Sam", 2, 0, 0, 1),
        LineCounts("list", 1, 0, 0, 0),
        LineCounts("notes to self", 1, 0, 0, 0),
    ]


def chats() -> list[Conversation]:
    return [
        chat(*(f"<b>{index}</b>" for index in range(130)), other=ODD),
        Conversation(
            [Message(sender, f"{index}") for index, sender in enumerate([ODD, "Kim", None] * 9)], type="group"
        ),
        chat("hi"),
    ]


def window_texts(db: Connection, split: corpus.Split) -> list[str]:
    return [window.header + "".join(window.lines) for window in corpus.windows(db, split, str)]


@pytest.mark.parametrize("split", SPLITS)
def test_the_view_shows_the_windows_that_are_trained_on(home: Path, split: corpus.Split) -> None:
    with filled(home, chats()) as db:
        prepare(db)
        query = "SELECT text FROM rendered_windows WHERE split = ? ORDER BY id"
        shown = [text for (text,) in db.execute(query, (split,))]
        assert shown == window_texts(db, split)
        assert shown


@pytest.mark.parametrize(("context", "targets"), [(0, 1), (3, 5), (99, 64), (99, 1000)])
def test_every_target_is_in_one_window_with_its_context(home: Path, context: int, targets: int) -> None:
    with filled(home, chats()) as db:
        prepare(db)
        stored = {one.id: [line.line + "\n" for line in corpus.lines(db, one.id)] for one in corpus.conversations(db)}
        seen = []
        for window in corpus.windows(db, "train", str, context=context, targets=targets):
            lines = stored[window.conversation.id]
            assert list(window.lines) == lines[window.start : window.first_target + len(window.is_target)]
            assert window.start == max(0, window.first_target - context)
            assert len(window.is_target) <= targets
            marked = enumerate(window.is_target, window.first_target)
            seen += [(window.conversation.id, position) for position, is_target in marked if is_target]
        query = "SELECT conversation_id, position FROM training_messages WHERE split = 'train' ORDER BY 1, 2"
        assert seen == [tuple(row) for row in db.execute(query)]


def test_a_file_of_0_1_0_gets_type_and_members_out_of_its_headers() -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    migrations.apply(db, stop_before="m006_members")
    header = '{"type": "group", "members": ["Aidan", "Robin \\"The Oak\\" \\u003c/s> [\\""], "start": '
    db.execute("INSERT INTO training_conversations VALUES (7, ?, 2)", (header,))
    lines = ['{"name": "Aidan", "delta": "<1m", "content": "a"}', '{"name": "Aidan", "delta": "<1m", "content": "b"}']
    for position, line in enumerate(lines):
        row = (7, position, "text", "Aidan", 0, "2024-03-15", "<1m", "a", line, "train")
        db.execute(
            "INSERT INTO training_messages (conversation_id, position, kind, sender, sent_at, day, delta, content,"
            " line, split) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
    before = db.execute("SELECT * FROM rendered_windows").fetchall()
    migrations.apply(db)
    assert db.execute("SELECT * FROM rendered_windows").fetchall() == before
    (conversation,) = corpus.conversations(db)
    assert conversation == (7, "group", ("Aidan", 'Robin "The Oak" </s> ["'), 2, 0)
    assert conversation.header("2024-03-15") == header + '"2024-03-15"}'


def test_the_owner_is_the_first_of_all_names(home: Path) -> None:
    with filled(home, [Conversation([Message("Ann", "hi"), Message(OWNER, "ho")])]) as db:
        assert people.names(db) == [OWNER, "Ann"]


def test_a_large_group_without_a_title_is_called_by_some_of_its_members(home: Path) -> None:
    crowd = [f"Person {number:03}" for number in range(300)]
    messages = [Message(crowd[0], f"line {index}") for index in range(9)]
    with filled(home, [Conversation(messages, type="group", members=[OWNER, *crowd])]) as db:
        prepare(db)
        (found,) = counts_by_conversation(db)
    assert found.name == f"{', '.join(crowd[:10])} and 290 more"
