"""Leaving people and conversations out, taking some alone, and a span of time."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from apple import ChatDb, MacCard, write_address_book
from collected import collect_into, names, query

from ventriloquist.collect import Choice
from ventriloquist.collect.corrections import Corrections
from ventriloquist.errors import UnknownNameError

ANN, BEN, CAL = "+12505550111", "+12505550112", "+12505550113"
DAY_MS = 86_400_000
NOON = int(dt.datetime(2024, 5, 10, 12).astimezone().timestamp() * 1000)  # local


@pytest.fixture
def chat_db(tmp_path: Path) -> Path:
    db = ChatDb(tmp_path / "chat.db")
    trip, work = db.group("chat1", [ANN, BEN], "Trip"), db.group("chat2", [BEN, CAL], "Work")
    for number, (chat, sender) in enumerate(
        [
            (db.dm(ANN), ANN), (db.dm(ANN), None), (db.dm(BEN), BEN), (trip, ANN), (trip, BEN), (trip, None),
            (work, BEN), (work, CAL),
        ]
    ):  # fmt: skip
        where = chat.guid.rpartition(";")[2].replace(ANN, "ann").replace(BEN, "ben")
        db.message(chat, NOON + number, f"{where} {sender or 'me'}", sender=sender)
    return db.close()


@pytest.fixture
def contacts(tmp_path: Path) -> Path:
    cards = [MacCard("Ann", None, [ANN]), MacCard("Ben", None, [BEN]), MacCard("Cal", None, [CAL])]
    return write_address_book(tmp_path / "contacts", cards)


def kept(home: Path) -> set[str]:
    people = {ANN: "Ann", BEN: "Ben", CAL: "Cal"}
    found = {str(text) for (text,) in query(home, "SELECT text FROM text_messages")}
    for handle, name in people.items():
        found = {text.replace(handle, name) for text in found}
    return found


EVERYTHING = {
    "ann Ann", "ann me", "ben Ben", "chat1 Ann", "chat1 Ben", "chat1 me", "chat2 Ben", "chat2 Cal",
}  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(), EVERYTHING),
        (Choice(exclude=["Ann"]), EVERYTHING - {"ann Ann", "ann me", "chat1 Ann"}),
        (Choice(exclude=["ANN"]), EVERYTHING - {"ann Ann", "ann me", "chat1 Ann"}),
        (Choice(exclude=[ANN]), EVERYTHING - {"ann Ann", "ann me", "chat1 Ann"}),
        (Choice(exclude=["(250) 555-0111"]), EVERYTHING - {"ann Ann", "ann me", "chat1 Ann"}),
        (Choice(exclude=["Trip"]), EVERYTHING - {"chat1 Ann", "chat1 Ben", "chat1 me"}),
        (Choice(exclude=["Trip", "Ben"]), {"ann Ann", "ann me", "chat2 Cal"}),
        (Choice(only=["Ann"]), {"ann Ann", "ann me", "chat1 Ann", "chat1 Ben", "chat1 me"}),
        (Choice(only=["Work"]), {"chat2 Ben", "chat2 Cal"}),
        (Choice(only=["Ann", "Work"]), EVERYTHING - {"ben Ben"}),
        (Choice(only=["Ann"], exclude=["Trip"]), {"ann Ann", "ann me"}),
    ],
)
def test_what_is_chosen_is_collected(
    chat_db: Path, contacts: Path, home: Path, choice: Choice, expected: set[str]
) -> None:
    summary = collect_into(home, chat_db, contacts, my_name="Robin", choice=choice)
    assert kept(home) == expected
    assert summary.skipped.get("excluded", 0) == len(EVERYTHING) - len(expected)
    assert summary.rows == summary.messages + sum(summary.skipped.values())


def test_a_name_of_the_corrections_chooses(chat_db: Path, home: Path) -> None:
    corrections = Corrections(rename={BEN: "Benjamin"})
    for _ in ("the first collect", "another"):
        collect_into(home, chat_db, my_name="Robin", corrections=corrections, choice=Choice(only=["Benjamin"]))
        assert kept(home) == EVERYTHING - {"ann Ann", "ann me"}


def test_nobody_is_left_in_the_file_who_was_left_out(chat_db: Path, contacts: Path, home: Path) -> None:
    collect_into(home, chat_db, contacts, my_name="Robin", choice=Choice(only=["Work"]))
    assert names(home) == {"Robin", "Ben", "Cal"}
    assert query(home, "SELECT count(*) FROM cards WHERE first = 'Ann'") == [(0,)]
    assert query(home, "SELECT title FROM conversations") == [("Work",)]


def test_leaving_out_removes_and_says_so_and_back_it_comes(chat_db: Path, contacts: Path, home: Path) -> None:
    first = collect_into(home, chat_db, contacts, my_name="Robin", choice=Choice(exclude=["Cal"]))
    assert (first.removed, *first.notes) == (0,)
    summary = collect_into(home, chat_db, contacts, my_name="Robin", choice=Choice(exclude=["Ann", "Cal"]))
    assert kept(home) == EVERYTHING - {"ann Ann", "ann me", "chat1 Ann", "chat2 Cal"}
    assert summary.removed == 3
    assert summary.notes[0].startswith("Removed 3 messages")
    again = collect_into(home, chat_db, contacts, my_name="Robin", choice=Choice(exclude=["Cal"]))
    assert (again.removed, again.added, *again.notes) == (0, 3)
    collect_into(home, chat_db, contacts, my_name="Robin")
    assert kept(home) == EVERYTHING


def test_days_that_are_no_longer_wanted_are_counted_as_removed(chat_db: Path, contacts: Path, home: Path) -> None:
    collect_into(home, chat_db, contacts, my_name="Robin")
    late = collect_into(home, chat_db, contacts, my_name="Robin", choice=Choice(since=dt.date(2030, 1, 1)))
    assert late.removed == len(EVERYTHING)
    assert kept(home) == set()


@pytest.mark.parametrize("name", ["Anna", "+12505550999", "Tripp"])
@pytest.mark.parametrize("fresh", [True, False])
def test_a_name_that_nobody_has_is_an_error_and_changes_nothing(
    chat_db: Path, contacts: Path, home: Path, name: str, fresh: bool
) -> None:
    if not fresh:
        collect_into(home, chat_db, contacts, my_name="Robin")
    runs = 0 if fresh else len(query(home, "SELECT * FROM runs"))
    with pytest.raises(UnknownNameError) as caught:
        collect_into(home, chat_db, contacts, my_name="Robin", choice=Choice(exclude=[name]))
    assert name in caught.value.what
    assert caught.value.hint.startswith("Did you mean")
    assert home.exists() is not fresh
    assert fresh or len(query(home, "SELECT * FROM runs")) == runs


def test_the_number_that_tells_two_apart_chooses_one(tmp_path: Path, home: Path, chat_db: Path) -> None:
    contacts = write_address_book(tmp_path / "contacts", [MacCard("Al", None, [ANN]), MacCard("Al", None, [BEN])])
    collect_into(home, chat_db, contacts, my_name="Robin")
    assert names(home) >= {"Al", "Al (2)"}
    collect_into(home, chat_db, contacts, my_name="Robin", choice=Choice(exclude=["Al (2)"]))
    assert "ben Ben" not in kept(home)
    assert "ann Ann" in kept(home)


@pytest.mark.parametrize(
    ("since", "until", "days"),
    [
        (None, None, [0, 1, 2]),
        (dt.date(2024, 5, 11), None, [1, 2]),
        (None, dt.date(2024, 5, 11), [0, 1]),
        (dt.date(2024, 5, 11), dt.date(2024, 5, 11), [1]),
        (dt.date(2025, 1, 1), None, []),
        (dt.date.min, dt.date.max, [0, 1, 2]),
        (dt.date.max, dt.date.max, []),
        (None, dt.date.min, []),
    ],
)
def test_a_span_of_days_takes_its_first_and_its_last(
    tmp_path: Path, home: Path, since: dt.date | None, until: dt.date | None, days: list[int]
) -> None:
    db = ChatDb(tmp_path / "days.db")
    half_a_day = DAY_MS // 2
    for day in range(3):
        for at in (NOON - half_a_day, NOON + half_a_day - 1):  # its first and last millisecond
            db.message(db.dm(ANN), at + day * DAY_MS, str(day))
    summary = collect_into(home, db.close(), my_name="Robin", choice=Choice(since=since, until=until))
    found = [int(str(text)) for (text,) in query(home, "SELECT text FROM text_messages ORDER BY sent_at")]
    assert found == [day for day in days for _ in range(2)]
    assert summary.skipped.get("out_of_range", 0) == 6 - 2 * len(days)
