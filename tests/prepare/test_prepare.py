from __future__ import annotations

import json
from pathlib import Path

import pytest
from file_builder import DAY, NOON, Conversation, Message, Reaction, chat, filled
from stages import prepare

from ventriloquist.errors import NotReadyError
from ventriloquist.prepare import PrepareOptions, plan, run
from ventriloquist.store import open_database, recorded_run


def contents(db, conversation_id: int = 1) -> list[str]:
    rows = db.execute(
        "SELECT content FROM training_messages WHERE conversation_id = ? ORDER BY position", (conversation_id,)
    )
    return [row[0] for row in rows]


def test_before_collect_nothing_is_made(home: Path) -> None:
    with pytest.raises(NotReadyError), recorded_run(home, "prepare", plan=plan):
        pass
    assert not home.exists()


def test_without_messages_no_run_is_recorded(home: Path) -> None:
    with open_database(home, create=True):
        pass
    with pytest.raises(NotReadyError), recorded_run(home, "prepare", plan=plan):
        pass
    with open_database(home) as db:
        assert db.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def test_a_message_becomes_a_line_for_each_of_its_lines(home: Path) -> None:
    text = "one\r\n\r\ntwo\rthree\n  \nfour\u2028still four\u0085and still"
    with filled(home, [chat(text)]) as db:
        summary = prepare(db)
        assert contents(db) == ["one", "two", "three", "four\u2028still four\u0085and still"]
        assert summary.lines == 4
        assert {row[0] for row in db.execute("SELECT message_id FROM training_messages")} == {1}


def test_attachments_come_before_the_text_and_the_reply_marker_before_both(home: Path) -> None:
    messages = [
        Message("Sam", "look  at\nthis", guid="look"),
        Message("Aidan Allchin", "nice", reply_to="look", attachments=[("image/jpeg", "a.jpg", None)]),
        Message("Sam", None, attachments=[("video/mp4", None, None)], guid="film", reply_to="gone"),
        Message("Aidan Allchin", "wow", reply_to="film"),
    ]
    with filled(home, [Conversation(messages)]) as db:
        prepare(db)
        assert contents(db) == [
            "look  at",
            "this",
            '[replying to "look at this"] [photo]',
            "nice",
            "[video]",
            '[replying to "[video]"] wow',
        ]


@pytest.mark.parametrize("part", ["1:0:1", "7:0:1", "9" * 5000 + ":0:1", "²:0:1", ":", ""])
def test_whatever_a_part_says_one_of_the_attachments_is_quoted(home: Path, part: str) -> None:
    photo, film = ("image/png", "a.png", None), ("video/mp4", "b.mp4", None)
    messages = [
        Message("Sam", None, guid="two", attachments=[photo, film]),
        Message("Aidan Allchin", "wow", reply_to="two", reply_part=part),
    ]
    with filled(home, [Conversation(messages)]) as db:
        prepare(db)
        assert contents(db)[-1] == f'[replying to "{"[video]" if part == "1:0:1" else "[photo]"}"] wow'


def test_positions_follow_time_then_source_then_guid(home: Path) -> None:
    messages = [
        Message("Sam", "d", sent_at=NOON + 1, source_rowid=1),
        Message("Sam", "c", sent_at=NOON, source_rowid=9, guid="b"),
        Message("Sam", "b", sent_at=NOON, source_rowid=9, guid="a"),
        Message("Sam", "a", sent_at=NOON, source_rowid=3, guid="z"),
    ]
    with filled(home, [Conversation(messages)]) as db:
        prepare(db)
        assert contents(db) == ["a", "b", "c", "d"]


def test_reactions_are_lines_only_when_asked_for(home: Path) -> None:
    conversation = Conversation(
        [Message("Sam", "good news", guid="news"), Message("Sam", "really", sent_at=NOON + DAY)],
        reactions=[Reaction("Aidan Allchin", "news", "emoji", "🔥", sent_at=NOON + DAY)],
    )
    with filled(home, [conversation]) as db:
        prepare(db)
        assert contents(db) == ["good news", "really"]
        prepare(db, PrepareOptions(reactions=True))
        assert contents(db) == ["good news", "really", '[reacted 🔥 to "good news"]']
        assert db.execute("SELECT kind, sender, message_id FROM training_messages WHERE position = 2").fetchone() == (
            "reaction",
            "Aidan Allchin",
            None,
        )


def test_the_day_is_the_local_one(home: Path) -> None:
    with filled(home, [Conversation([Message("Sam", "late", sent_at=NOON + 11 * 3_600_000)])]) as db:
        prepare(db, PrepareOptions(timezone="Europe/Berlin"))
        line, start = db.execute("SELECT text, start FROM rendered_windows JOIN training_windows USING (id)").fetchone()
        assert start == "2024-03-16"
        assert json.loads(line.split("\n")[0]) == {
            "type": "dm",
            "members": ["Aidan Allchin", "Sam"],
            "start": "2024-03-16",
        }


def test_progress_goes_up_to_the_number_of_messages(home: Path) -> None:
    told: list[tuple[int, int]] = []
    junk = Conversation([Message("Prince", "hello", flags="spam") for _ in range(3)])
    with filled(home, [chat(*map(str, range(2500))), junk]) as db:
        prepare(db, progress=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == [1000, 2000, 2500, 2503]
    assert {total for _, total in told} == {2503}


def test_a_second_run_gives_the_same_bytes(home: Path) -> None:
    with filled(home, [chat(*map(str, range(40))), chat("hello", other="Kim")]) as db:
        prepare(db)
        first = db.execute("SELECT * FROM training_messages ORDER BY id").fetchall()
        prepare(db)
        assert db.execute("SELECT * FROM training_messages ORDER BY id").fetchall() == first


def test_a_plan_changes_nothing_and_a_run_does_what_it_says(home: Path) -> None:
    with filled(home, [chat("hi", "hello"), chat("ho", other="Kim")]) as db:
        prepare(db)
        before = list(db.iterdump())
        planned = plan(db, PrepareOptions(exclude_people=("Kim",), timezone="UTC"))
        assert list(db.iterdump()) == before
        assert planned.messages == 3
        assert planned.selection.conversations == {2: "person"}
        summary = run(db, planned)
        assert (summary.messages, summary.lines, summary.left_out) == (3, 2, {"person": 1})
