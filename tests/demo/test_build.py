from __future__ import annotations

import json
import sqlite3
import zipfile
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from ventriloquist.demo.build import CastPaths, build
from ventriloquist.demo.cast import CAST, CONVERSATIONS, STRANGERS
from ventriloquist.records import MESSAGES

TAPBACK = "associated_message_type BETWEEN 2000 AND 2007"


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> CastPaths:
    return build(tmp_path_factory.mktemp("cast") / "data")


def count(cast: CastPaths, where: str) -> int:
    with closing(sqlite3.connect(f"file:{cast.chat_db}?mode=ro", uri=True)) as connection:
        row: tuple[int] = connection.execute(f"SELECT count(*) FROM message WHERE {where}").fetchone()
    return row[0]


def test_it_is_some_thousand_messages_of_everybody(cast: CastPaths) -> None:
    messages = sum((expected.messages for expected in cast.expected.values()), Counter())
    senders = sum((expected.senders for expected in cast.expected.values()), Counter())
    assert 3_500 <= messages.total() <= 6_000
    assert set(senders) == {person.name for person in CAST.values()}
    assert min(senders.values()) >= 250
    assert len(messages) == len(CONVERSATIONS)
    expected = cast.expected[MESSAGES]
    assert expected.reactions >= 300
    assert 0.004 < expected.edited / expected.messages.total() < 0.02
    assert expected.replies / expected.messages.total() < 0.06
    assert min(expected.taken_back, expected.unsent, expected.photos, expected.events) >= 4


def test_most_of_it_is_in_messages_and_each_application_has_a_conversation(cast: CastPaths) -> None:
    messages = {application: expected.messages for application, expected in cast.expected.items()}
    assert messages[MESSAGES].total() > 2 / 3 * sum(counts.total() for counts in messages.values())
    assert set(messages["whatsapp"]) == {"Thursday supper club"}
    assert set(messages["telegram"]) == {"Inés"}
    assert min(cast.expected["whatsapp"].unsent, cast.expected["telegram"].reactions) >= 1
    assert min(expected.edited for expected in cast.expected.values()) >= 1


def test_the_exports_are_called_and_begin_as_those_of_the_applications(cast: CastPaths) -> None:
    assert cast.exports["whatsapp"].name == "WhatsApp Chat - Thursday supper club.zip"
    assert cast.exports["telegram"].name == "result.json"
    with zipfile.ZipFile(cast.exports["whatsapp"]) as archive:
        assert archive.namelist() == ["_chat.txt"]
        first, *_, last = archive.read("_chat.txt").decode().split("\r\n")
    assert "] Thursday supper club: \u200eMessages and calls are end-to-end encrypted." in first
    assert last == ""
    chats = json.loads(cast.exports["telegram"].read_text(encoding="utf-8"))["chats"]["list"]
    assert [chat["type"] for chat in chats] == ["personal_chat"]


def test_what_is_expected_is_what_the_rows_say(cast: CastPaths) -> None:
    expected = cast.expected[MESSAGES]
    assert count(cast, "1") == expected.rows
    assert count(cast, "item_type != 0") == expected.events
    assert count(cast, "thread_originator_guid IS NOT NULL") == expected.replies
    assert count(cast, "date_edited > 0 AND date_retracted = 0") == expected.edited
    assert count(cast, "date_retracted > 0") == expected.unsent
    removals = count(cast, "associated_message_type BETWEEN 3000 AND 3007")
    assert count(cast, TAPBACK) == expected.reactions + removals
    assert expected.taken_back == 2 * removals
    assert expected.strangers == len(STRANGERS)
    written = expected.messages.total() + expected.strangers
    assert expected.rows == written + expected.reactions + expected.taken_back + expected.unsent + expected.events


def test_most_rows_have_no_plain_text_and_some_are_sms_with_dates_in_seconds(cast: CastPaths) -> None:
    assert count(cast, "text IS NULL AND attributedBody IS NOT NULL") > 0.9 * cast.expected[MESSAGES].rows
    assert count(cast, "text IS NOT NULL AND attributedBody IS NULL AND service = 'SMS'") >= 30
    assert count(cast, "date < 1e11") >= 5


def test_maya_is_one_person_in_four_chats_and_one_chat_has_the_newer_guid(cast: CastPaths) -> None:
    with closing(sqlite3.connect(f"file:{cast.chat_db}?mode=ro", uri=True)) as connection:
        guids = {guid for (guid,) in connection.execute("SELECT guid FROM chat WHERE style = 45")}
    assert {f"{address.service};-;{address.handle}" for address in CAST["M"].addresses} <= guids
    assert "any;-;+12505550144" in guids


def test_rows_are_in_order_of_time_but_for_what_came_from_another_device(cast: CastPaths) -> None:
    with closing(sqlite3.connect(f"file:{cast.chat_db}?mode=ro", uri=True)) as connection:
        dates = [
            date if date > 1e11 else date * 1_000_000_000
            for (date,) in connection.execute("SELECT date FROM message ORDER BY ROWID")
        ]
    regular = [date // 1_000_000_000 for date in dates[: -len(STRANGERS)]]
    assert regular == sorted(regular)


def test_the_same_seed_makes_the_same_rows_and_another_seed_others(tmp_path: Path, cast: CastPaths) -> None:
    again, other = build(tmp_path / "again"), build(tmp_path / "other", seed=1)
    assert dump(again.chat_db) == dump(cast.chat_db)
    assert dump(other.chat_db) != dump(cast.chat_db)
    stores = sorted(path.relative_to(cast.contacts) for path in cast.contacts.rglob("*.abcddb"))
    assert len(stores) == 2
    for store in stores:
        assert dump(again.contacts / store) == dump(cast.contacts / store)
    for application, export in cast.exports.items():
        assert again.exports[application].read_bytes() == export.read_bytes()
        assert other.exports[application].read_bytes() != export.read_bytes()


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return list(connection.iterdump())
