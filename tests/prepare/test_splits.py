from __future__ import annotations

from collections import Counter
from pathlib import Path

from file_builder import DAY, NOON, Conversation, Message, Reaction, chat, filled
from stages import prepare

from ventriloquist.prepare import PrepareOptions
from ventriloquist.store import Connection
from ventriloquist.transcript import parse_line

LONG = "happy new year to everybody"


def splits(db: Connection, conversation_id: int = 1) -> list[str | None]:
    rows = db.execute(
        "SELECT split FROM training_messages WHERE conversation_id = ? ORDER BY position", (conversation_id,)
    )
    return [split for (split,) in rows]


def test_the_end_of_ten_lines_is_two_and_two(home: Path) -> None:
    with filled(home, [chat(*"abcdefghij")]) as db:
        prepare(db)
        assert splits(db) == ["train"] * 6 + ["validation"] * 2 + ["test"] * 2


def test_nine_lines_hold_nothing_out(home: Path) -> None:
    with filled(home, [chat(*"abcdefghi")]) as db:
        summary = prepare(db)
        assert (summary.train, summary.validation, summary.test, summary.context) == (9, 0, 0, 0)


def test_a_message_of_many_lines_falls_on_one_side(home: Path) -> None:
    with filled(home, [chat(*"abcdefgh", "1\n2\n3\n4\n5", "z")]) as db:
        prepare(db)
        assert splits(db) == ["train"] * 6 + ["validation"] * 2 + ["test"] * 6


def test_reactions_between_messages_do_not_join_them(home: Path) -> None:
    conversation = chat(*"abcdefghij")
    conversation.messages[0].guid = "first"
    conversation.reactions = [Reaction("Sam", "first", kind, sent_at=NOON + DAY) for kind in ("love", "laugh", "like")]
    with filled(home, [conversation]) as db:
        prepare(db, PrepareOptions(reactions=True))
        assert splits(db) == ["train"] * 9 + ["validation"] * 2 + ["test"] * 2


def test_a_long_text_that_is_held_out_anywhere_is_no_training_target(home: Path) -> None:
    with filled(home, [chat(*"abcdefghi", LONG), chat(LONG, "short", "short", other="Kim")]) as db:
        summary = prepare(db)
        assert splits(db, 2) == [None, "train", "train"]
        assert summary.context == 1
        windows = db.execute("SELECT text FROM rendered_windows WHERE split = 'train'").fetchall()
        assert any(LONG in text for (text,) in windows)  # it stays as context


def test_fourteen_characters_may_be_on_both_sides_and_characters_are_code_points(home: Path) -> None:
    for text, dropped in (("x" * 14, False), ("x" * 15, True), ("😂" * 14, False), ("é" * 15, True), ("a\0" * 8, True)):
        with filled(home / str(hash(text)), [chat(text, *"bcdefghi", text)]) as db:
            prepare(db)
            assert splits(db)[0] == (None if dropped else "train"), repr(text)


def test_equal_texts_are_compared_after_redaction(home: Path) -> None:
    texts = ["my email is a@b.example", *"bcdefghi", "my email is c@d.example"]
    with filled(home, [chat(*texts)]) as db:
        prepare(db)
        assert splits(db)[0] is None
        prepare(db, PrepareOptions(redact=()))
        assert splits(db)[0] == "train"


def test_the_size_of_the_held_out_end_can_be_chosen(home: Path) -> None:
    with filled(home, [chat(*map(str, range(20)))]) as db:
        prepare(db, PrepareOptions(holdout=4))
        assert Counter(splits(db)) == {"train": 12, "validation": 4, "test": 4}
        prepare(db, PrepareOptions(holdout=1))  # the final two windows are test, always
        assert Counter(splits(db)) == {"train": 16, "validation": 2, "test": 2}
        prepare(db, PrepareOptions(holdout=0))
        assert Counter(splits(db)) == {"train": 20}


def test_a_split_date_cuts_every_conversation_at_one_time(home: Path) -> None:
    def daily(other: str, first: int, count: int) -> Conversation:
        return Conversation(
            [Message(other, f"day {day}", sent_at=NOON + day * DAY) for day in range(first, first + count)]
        )

    chats = [daily("Sam", 0, 10), daily("Kim", 0, 3), daily("Lee", 6, 4), daily("Bo", 0, 7), daily("Al", 5, 1)]
    with filled(home, chats) as db:
        prepare(db, PrepareOptions(split_date="2024-03-21", timezone="UTC"))
        assert splits(db, 1) == ["train"] * 6 + ["validation"] * 2 + ["test"] * 2
        assert splits(db, 2) == ["train"] * 3
        assert splits(db, 3) == ["validation"] * 2 + ["test"] * 2
        assert splits(db, 4) == ["train"] * 5 + ["test"] * 2  # the final two windows are test, always
        assert splits(db, 5) == ["train"]


def test_a_split_date_keeps_the_lines_of_a_message_together(home: Path) -> None:
    messages = [Message("Sam", "before"), Message("Sam", "1\n2\n3\n4\n5", sent_at=NOON + DAY)]
    with filled(home, [Conversation(messages)]) as db:
        prepare(db, PrepareOptions(split_date="2024-03-16", timezone="UTC"))
        assert splits(db) == ["train"] + ["test"] * 5


def test_no_line_quotes_what_is_held_out_before_it_is_said(home: Path) -> None:
    secret = "I am pregnant, please tell nobody yet"
    messages = [Message("Sam", f"line {index}", sent_at=NOON + index * 1000) for index in range(19)]
    messages.append(Message("Sam", secret, sent_at=NOON + 19_000, guid="secret"))
    messages[3] = Message("Sam", "three", sent_at=NOON + 3000, reply_to="secret")  # a clock was wrong
    messages[4].guid = "four"
    messages[2] = Message("Sam", "two", sent_at=NOON + 2000, reply_to="four")  # likewise, of what is trained on
    messages[18] = Message("Sam", "last but one", sent_at=NOON + 18_000, reply_to="secret")
    elsewhere = [Message("Kim", f"other {index}", reply_to="secret" if index == 2 else None) for index in range(12)]
    reactions = [
        Reaction("Sam", "secret", "love", sent_at=NOON + 5500),
        Reaction("Sam", "secret", "like", sent_at=NOON + 30_000),
    ]
    with filled(home, [Conversation(messages, reactions=reactions), Conversation(elsewhere)]) as db:
        prepare(db, PrepareOptions(reactions=True))
        rows = db.execute("SELECT content, line, split FROM training_messages ORDER BY conversation_id, position")
        lines = [(content, split) for content, line, split in rows if content == parse_line(line).content]
        assert len(lines) == 34
        assert [content for content, split in lines if secret in content and split != "test"] == []
        assert ("three", "train") in lines
        assert ('[replying to "line 4"] two', "train") in lines
        assert ('[loved "…"]', "train") in lines
        assert (f'[liked "{secret}"]', "test") in lines
        assert ("last but one", "validation") in lines
        assert ("other 2", "train") in lines
