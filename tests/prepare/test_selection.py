from __future__ import annotations

from pathlib import Path

import pytest
from file_builder import DAY, NOON, Conversation, Message, Reaction, chat, filled
from stages import prepare

from ventriloquist.errors import SettingsError, UnknownNameError
from ventriloquist.prepare import PrepareOptions, PrepareSummary, plan
from ventriloquist.store import Connection

OWNER = "Aidan Allchin"


def lines(db: Connection) -> list[tuple[int, str, str]]:
    return db.execute(
        "SELECT conversation_id, sender, content FROM training_messages ORDER BY conversation_id, position"
    ).fetchall()


def run(db: Connection, **options: object) -> PrepareSummary:
    return prepare(db, PrepareOptions(**options))  # type: ignore[arg-type]


def test_conversations_with_services_are_left_out_with_what_was_answered(home: Path) -> None:
    shop = Conversation([Message("Shop", "20% off", flags="business"), Message(OWNER, "stop")])
    code = Conversation([Message("72975", "yes or no", flags="short_code"), Message(OWNER, "yes")])
    junk = Conversation([Message("Prince", "dear friend", flags="spam")])
    with filled(home, [shop, code, junk, chat("hi", "hello")]) as db:
        summary = run(db)
        assert {conversation for conversation, *_ in lines(db)} == {4}
        assert summary.left_out == {"spam": 1, "short_code": 2, "business": 2}
        assert run(db, keep=("business", "spam")).left_out == {"short_code": 2}


def test_of_a_friend_only_the_flagged_message_is_left_out(home: Path) -> None:
    messages = [Message("Sam", "hi"), Message("Sam", "win a car", flags="spam,failed"), Message(OWNER, "hm?")]
    with filled(home, [Conversation(messages)]) as db:
        assert run(db).left_out == {"spam": 1}
        assert [content for *_, content in lines(db)] == ["hi", "hm?"]


def test_a_message_that_failed_to_send_was_still_written(home: Path) -> None:
    with filled(home, [Conversation([Message(OWNER, "are you there", flags="failed"), Message("Sam", "yes")])]) as db:
        assert run(db).left_out == {}


def test_a_person_who_is_left_out_leaves_no_trace(home: Path) -> None:
    group = Conversation(
        [
            Message("Sam", "my secret plan", guid="plan"),
            Message("Kim", "interesting", reply_to="plan"),
            Message(OWNER, "indeed", guid="indeed"),
        ],
        type="group",
        reactions=[Reaction("Sam", "indeed", sent_at=NOON + DAY), Reaction("Kim", "plan", sent_at=NOON + DAY)],
    )
    with filled(home, [chat("hi", "hello"), group]) as db:
        summary = run(db, exclude_people=("Sam",), reactions=True)
        assert lines(db) == [(2, "Kim", "interesting"), (2, OWNER, "indeed")]
        assert summary.left_out == {"person": 3}
        (members,) = db.execute("SELECT members FROM training_conversations").fetchone()
        assert "Sam" not in members


def test_conversations_are_left_out_by_title_by_person_and_by_id(home: Path) -> None:
    chats = [
        chat("a", other="Sam"),
        Conversation([Message("Sam", "b")], type="group", title="work"),
        chat("c", other="Kim"),
        chat("d", other="Lee"),
    ]
    with filled(home, chats) as db:
        summary = run(db, exclude_conversations=("work", "Sam", "3"))
        assert lines(db) == [(4, OWNER, "d")]
        assert summary.left_out == {"conversation": 3}


def test_days_are_local_and_both_ends_are_used(home: Path) -> None:
    hour = 3_600_000
    messages = [
        Message("Sam", name, sent_at=NOON + offset * hour)
        for name, offset in zip("abcd", (-13, 0, 11, 36), strict=True)
    ]
    with filled(home, [Conversation(messages)]) as db:
        summary = run(db, since="2024-03-15", until="2024-03-15", timezone="UTC")
        assert [content for *_, content in lines(db)] == ["b", "c"]
        assert summary.left_out == {"before": 1, "after": 1}
        run(db, since="2024-03-15", until="2024-03-15", timezone="Europe/Berlin")
        assert [content for *_, content in lines(db)] == ["a", "b"]


def test_short_conversations_can_be_left_out(home: Path) -> None:
    with filled(home, [chat("a", "b", "c"), chat("d", other="Kim")]) as db:
        assert run(db, min_messages=2).left_out == {"few_messages": 1}


def test_messages_without_a_visible_character_are_counted(home: Path) -> None:
    with filled(home, [chat("a", " \n\t", "b")]) as db:
        assert run(db).left_out == {"blank": 1}


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"exclude_people": ("Samm",)}, UnknownNameError),
        ({"exclude_people": (OWNER,)}, SettingsError),
        ({"exclude_conversations": ("nowhere",)}, UnknownNameError),
        ({"keep": ("junk",)}, SettingsError),
        ({"since": "yesterday"}, SettingsError),
        ({"split_date": "2024-13-01"}, SettingsError),
        ({"timezone": "Mars/Olympus"}, SettingsError),
        ({"redact": ("phones",)}, SettingsError),
    ],
)
def test_options_that_make_no_sense_are_found_before_anything_is_written(
    home: Path, options: dict[str, object], error: type[Exception]
) -> None:
    with filled(home, [chat("hi", "hello")]) as db:
        prepare(db)
        before = lines(db)
        with pytest.raises(error):
            plan(db, PrepareOptions(**options))  # type: ignore[arg-type]
        with pytest.raises(error):
            run(db, **options)
        assert lines(db) == before


def test_who_is_left_out_is_found_however_the_name_is_typed(home: Path) -> None:
    with filled(home, [chat("hi", other="Zoë O’Neil"), chat("ho", other="Kim")]) as db:
        run(db, exclude_people=("ZOE\u0308 o'neil",), exclude_conversations=("kim",))
        assert lines(db) == []
