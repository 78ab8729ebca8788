"""When rows without a date are from, and what was not said yet."""

from __future__ import annotations

import time
from pathlib import Path

from apple import ChatDb, nanoseconds
from collected import collect_into, query
from typer.testing import CliRunner

from ventriloquist.cli.app import app

T = 1_700_000_000_000
DAY = 86_400_000
ANN = "+12505550111"


def dates(home: Path) -> list[tuple[object, ...]]:
    return query(home, "SELECT text, sent_at FROM text_messages ORDER BY source_rowid")


def test_rows_before_the_first_date_take_it(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    for text, date in (("a", None), ("b", 0), ("c", nanoseconds(T)), ("d", -5), ("e", nanoseconds(T + DAY))):
        db.message(db.dm(ANN), T, text, date=date)
    collect_into(home, db.close(), my_name="Robin")
    assert dates(home) == [("a", T), ("b", T), ("c", T), ("d", T), ("e", T + DAY)]


def test_where_no_row_has_a_date_all_are_skipped(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    target = db.message(db.dm(ANN), T, "a", date=None)
    db.message(db.dm(ANN), T, "L", date=0, associated_message_type=2000, associated_message_guid=f"p:0/{target}")
    summary = collect_into(home, db.close(), my_name="Robin")
    assert (summary.rows, summary.skipped) == (2, {"no_date": 2})


def test_what_waits_dates_nothing(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    ahead = nanoseconds(T + 900 * DAY)
    db.message(db.dm(ANN), T, "later", date=ahead, schedule_type=2, schedule_state=1)
    db.message(db.dm(ANN), T, "undated", date=None)
    db.message(db.dm(ANN), T, "now", date=nanoseconds(T))
    collect_into(home, db.close(), my_name="Robin")
    assert dates(home) == [("undated", T), ("now", T)]


def test_what_waits_in_an_old_copy_was_not_said_though_its_time_has_come_since(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    db.message(db.dm(ANN), T, "now")
    db.message(db.dm(ANN), T + DAY, "in a day", schedule_type=2, schedule_state=1)
    assert collect_into(home, db.close(), my_name="Robin").skipped == {"scheduled": 1}
    assert dates(home) == [("now", T)]


def test_a_wrong_clock_brings_no_time_nearer(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    db.message(db.dm(ANN), T + DAY, "its time has come", schedule_type=2)
    tomorrow = time.time_ns() // 1_000_000 + DAY
    db.message(db.dm(ANN), tomorrow, "of a wrong clock", sender=ANN)
    db.message(db.dm(ANN), tomorrow - 1, "tomorrow all the same", schedule_type=2)
    assert collect_into(home, db.close(), my_name="Robin").skipped == {"scheduled": 1}
    assert [text for text, _ in dates(home)] == ["its time has come", "of a wrong clock"]


def test_what_was_sent_since_is_read_then_and_stays(tmp_path: Path, home: Path) -> None:
    waiting = ChatDb(tmp_path / "waiting.db")
    waiting.message(waiting.dm(ANN), T, "now")
    waiting.message(waiting.dm(ANN), T + DAY, "later", guid="LATER", schedule_type=2)
    sent = ChatDb(tmp_path / "sent.db")
    sent.message(sent.dm(ANN), T + DAY, "later", guid="LATER", schedule_type=2, is_sent=1)
    first, second = waiting.close(), sent.close()
    assert collect_into(home, first, my_name="Robin").skipped == {"scheduled": 1}
    for source in (second, first):
        assert collect_into(home, source, my_name="Robin").skipped == {}
        assert dates(home)[-1] == ("later", T + DAY)


def test_the_newest_chat_names_a_group_though_its_last_row_has_no_date(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    old = db.group("chat1", [ANN], "Old", group_id="G")
    new = db.group("chat2", [ANN], "New", group_id="G")
    db.message(new, T + DAY, "b")
    db.message(new, T, "c", date=0)
    db.message(old, T, "a")
    collect_into(home, db.close(), my_name="Robin")
    assert query(home, "SELECT title FROM conversations") == [("New",)]


def test_what_a_filter_is_against_is_left_out_of_training_unless_it_is_kept(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db", "macos27")
    junk, friend = db.dm("+12505550120", is_filtered=2), db.dm(ANN)
    stranger = db.dm("+12505550121", is_filtered=1)
    for number in range(30):
        for chat in (junk, friend, stranger):
            sender = chat.guid.rpartition(";")[2] if number % 2 else None
            db.message(chat, T + number * DAY, f"line {number} in {chat.rowid}", sender=sender)
    guid = db.message(friend, T + DAY, "as its chat says of it", sender=ANN)
    db.connection.execute("UPDATE chat_message_join SET filter_action = 3 WHERE message_id = ?", (db.rowid(guid),))
    collect_into(home, db.close(), my_name="Robin")
    flagged = "SELECT count(*) FROM text_messages WHERE flags = 'spam'"
    assert query(home, flagged) == [(31,)]
    lines = "SELECT count(*) FROM training_messages"
    assert CliRunner().invoke(app, ["prepare"]).exit_code == 0
    assert query(home, lines) == [(60,)]
    assert CliRunner().invoke(app, ["prepare", "--keep", "spam"]).exit_code == 0
    assert query(home, lines) == [(91,)]
