"""Sources and contacts built to take long: each is collected in time that its size bounds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from apple import ME, ChatDb, MacCard, write_address_book
from collected import collect_into, names, query
from stages import prepare

from ventriloquist import forget
from ventriloquist.collect.handles import normalize
from ventriloquist.status import people
from ventriloquist.store import open_database, transaction
from ventriloquist.store.people import presences

T = 1_700_000_000_000
SECONDS = 10.0  # of CPU; a collect of these takes about one, and far longer where every pair is looked at


def timed_collect(home: Path, path: Path, contacts: Path | None = None) -> None:
    begin = time.process_time()
    collect_into(home, path, contacts, my_name="Robin")
    assert time.process_time() - begin < SECONDS


def test_thousands_of_notes_at_one_moment(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    own = db.dm(ME)
    db.connection.execute("BEGIN")
    for number in range(20_000):
        db.message(own, T, f"{number}", sender=None if number % 2 else ME)
    db.message(own, T, "0")
    db.connection.execute("COMMIT")
    timed_collect(home, db.close())
    assert query(home, "SELECT reason, count(*) FROM skipped GROUP BY 1") == [("echo", 1)]


def test_thousands_of_cards_with_one_number(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    db.message(db.dm("+12505550111"), T, "hi", sender="+12505550111")
    many = [MacCard(f"Person {number}", None, ["+12505550111"]) for number in range(3000)]
    same = [MacCard("Ann", "lee" if number % 2 else "Lee", ["+12505550112"]) for number in range(3000)]  # one's copies
    db.message(db.dm("+12505550112"), T, "hi", sender="+12505550112")
    timed_collect(home, db.close(), write_address_book(tmp_path / "contacts", [*many, *same]))
    assert names(home) == {"Robin", "+12505550111", "Ann Lee"}


def test_a_group_of_three_thousand_with_one_name(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    handles = [f"+1250555{number}" for number in range(1000, 4000)]
    group = db.group("chat1", handles, "Everybody")
    db.connection.execute("BEGIN")
    for number in range(12_000):
        db.message(group, T + number, "hi", sender=handles[number % 3000])
    db.connection.execute("COMMIT")
    contacts = write_address_book(tmp_path / "contacts", [MacCard("Al", None, [handle]) for handle in handles])
    timed_collect(home, db.close(), contacts)
    assert names(home) == {"Robin", "Al", *(f"Al ({number})" for number in range(2, 3001))}


def test_a_group_of_forty_thousand_that_is_listed_forgotten_and_replaced(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    db.connection.execute("BEGIN")
    rows = [(number, f"person{number}@example.com") for number in range(1, 40_001)]
    db.connection.executemany("INSERT INTO handle (ROWID, id, service) VALUES (?, ?, 'iMessage')", rows)
    group = db.group("chat1", [])
    db.connection.executemany(
        "INSERT INTO chat_handle_join VALUES (?, ?)", [(group.rowid, number) for number, _ in rows]
    )
    for number in range(1, 100):
        db.message(group, T + number, "hi", handle_id=number, is_from_me=0)
    db.connection.execute("COMMIT")
    timed_collect(home, db.close())
    begin = time.process_time()
    everybody, _ = people(home)
    assert len(everybody) == 40_001
    with open_database(home) as file:
        prepare(file)
        forget.run(file, home, forget.plan(file, home, "person7@example.com"))
    other = ChatDb(tmp_path / "other.db")
    other.message(other.dm("+12505550111"), T, "hi")
    collect_into(home, other.close(), my_name="Robin", replace=True)
    assert time.process_time() - begin < SECONDS
    assert names(home) == {"Robin", "+12505550111"}


def test_the_owner_of_a_thousand_chats_is_counted_once(home: Path) -> None:
    with open_database(home, create=True) as db:
        chats, messages = 1500, 100_000
        rows = (
            (
                f"g{number}",
                number % chats + 1,
                1 if number % 2 else number % chats + 2,
                number,
                "hi",
                number % 2,
                number,
            )
            for number in range(messages)
        )
        with transaction(db):
            numbers = range(1, chats + 2)
            db.executemany(
                "INSERT INTO people (id, name, is_me) VALUES (?, ?, ?)", ((n, f"n{n}", n == 1) for n in numbers)
            )
            db.executemany("INSERT INTO conversations (id, type) VALUES (?, 'dm')", ((n,) for n in range(1, chats + 1)))
            members = ((chat, one) for chat in range(1, chats + 1) for one in (1, chat + 1))
            db.executemany("INSERT INTO members VALUES (?, ?)", members)
            db.executemany(
                "INSERT INTO text_messages (guid, conversation_id, sender_id, sent_at, text, is_from_me, source_rowid,"
                " chat_guid)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 'chat')",
                rows,
            )
        begin = time.process_time()
        found = presences(db)
        assert time.process_time() - begin < SECONDS / 5
    assert sum(one.messages for of_person in found.values() for one in of_person) == messages


@pytest.mark.parametrize("handle", ["a" + " " * 100_000 + "b", "1" + " " * 100_000 + "b", "x" * 100_000])
def test_a_handle_of_a_hundred_thousand_characters(handle: str) -> None:
    begin = time.process_time()
    assert normalize(handle, "US") == handle
    assert time.process_time() - begin < SECONDS / 10
