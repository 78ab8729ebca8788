"""Databases that were made to do harm: each is refused within bounded work."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from apple import ChatDb, MacCard, write_address_book
from collected import collect_into
from hostile import collect_mutated_databases, collect_odd_values

from ventriloquist.errors import SourceError
from ventriloquist.sources import SOURCES
from ventriloquist.sources.imessage import hardening
from ventriloquist.sources.imessage.connect import open_untrusted

SURROGATE = b"\xed\xa0\x80x"  # half a pair: UTF-8 that no file may hold
SECONDS = 20.0  # of CPU; a refusal takes a tenth of one


@pytest.fixture
def path(tmp_path: Path) -> Path:
    db = ChatDb(tmp_path / "chat.db")
    chat = db.dm("+12505550111")
    for number in range(20):
        db.message(chat, 1_700_000_000_000 + number, "hello")
    return db.close()


def refused(path: Path) -> SourceError:
    begin = time.process_time()
    before = path.read_bytes()
    with pytest.raises(SourceError) as caught, SOURCES["chat-db"].open(path) as source:
        list(source.rows())
    assert time.process_time() - begin < SECONDS
    assert path.read_bytes() == before
    return caught.value


def read_or_refused(path: Path) -> None:
    begin = time.process_time()
    with contextlib.suppress(SourceError), SOURCES["chat-db"].open(path) as source:
        list(source.rows())
    assert time.process_time() - begin < SECONDS


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA writable_schema = ON")
    for statement in statements:
        connection.execute(statement)
    connection.close()


BOMB = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n AS ROWID, n AS guid FROM c"


@pytest.mark.parametrize("table", ["message", "chat", "handle", "attachment", "chat_message_join", "MESSAGE"])
def test_a_view_in_the_place_of_a_table(path: Path, table: str) -> None:
    change(path, f"DROP TABLE {table}", f"CREATE VIEW {table} AS {BOMB}")
    assert "not a plain table" in refused(path).what


def test_the_hint_for_a_damaged_database_salvages_it(path: Path) -> None:
    change(
        path, "UPDATE sqlite_master SET sql = replace(sql, 'text TEXT', 'text TEXT NOT NULL') WHERE name = 'message'"
    )
    error = refused(path)
    assert "is damaged" in error.what
    command = error.hint.partition("sqlite3 FILE ")[2].strip("'").replace("NEW", str(path.parent / "new.db"))
    assert command.startswith(".clone ")
    if shutil.which("sqlite3"):
        subprocess.run(["sqlite3", path, command], check=True, capture_output=True)
        assert (path.parent / "new.db").stat().st_size > 0


def test_a_virtual_table_in_the_place_of_a_table(path: Path) -> None:
    change(path, "DROP TABLE handle", "CREATE VIRTUAL TABLE handle USING fts5(id, service)")
    assert "not a plain table" in refused(path).what


def test_a_column_that_is_computed(path: Path) -> None:
    change(path, "ALTER TABLE message ADD COLUMN is_bomb TEXT AS (hex(zeroblob(1000000000)))")
    assert "not a plain table" in refused(path).what


@pytest.mark.parametrize("table", ["message", "chat", "handle", "attachment"])
@pytest.mark.parametrize("numbered", ["ROWID TEXT", "ROWID INTEGER", "ROWID INTEGER PRIMARY KEY) WITHOUT ROWID --"])
def test_rows_that_are_numbered_by_anything(path: Path, table: str, numbered: str) -> None:
    change(path, f"DROP TABLE {table}", f"CREATE TABLE {table} ({numbered}\n{')' * ('--' not in numbered)}")
    assert "not a plain table" in refused(path).what


def test_a_check_that_takes_a_gigabyte_a_row(path: Path) -> None:
    change(
        path,
        "ALTER TABLE message RENAME TO old",
        "CREATE TABLE message (ROWID INTEGER PRIMARY KEY, guid TEXT UNIQUE, text TEXT, date, is_from_me, handle_id, "
        "CHECK (length(hex(zeroblob(900000000))) > 0 OR guid = ''))",
        "PRAGMA ignore_check_constraints = ON",
        "INSERT INTO message SELECT ROWID, guid, text, date, is_from_me, handle_id FROM old",
    )
    read_or_refused(path)


def test_a_partial_index_that_takes_forever(path: Path) -> None:
    terms = " OR ".join(f"length(hex(zeroblob(900000 + {number}))) < 5" for number in range(50))
    change(path, f"CREATE INDEX slow ON message (guid) WHERE {terms}")
    read_or_refused(path)


def test_triggers_never_run(path: Path) -> None:
    change(path, "CREATE TRIGGER evil AFTER INSERT ON message BEGIN SELECT load_extension('x'); END")
    with SOURCES["chat-db"].open(path) as source:
        assert len(list(source.rows())) == 20


@pytest.mark.parametrize(
    "statement",
    [
        "ATTACH DATABASE '/tmp/elsewhere.db' AS elsewhere",
        "INSERT INTO handle (id, service) VALUES ('x', 'y')",
        "DELETE FROM message",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = ON",
        "PRAGMA wal_checkpoint",
        "CREATE TEMP TABLE t (a)",
        BOMB,
    ],
)
def test_nothing_but_reading_is_allowed(path: Path, statement: str) -> None:
    with open_untrusted(path) as reading, pytest.raises(sqlite3.DatabaseError):
        reading.connection.execute(statement)


def test_work_without_end_is_stopped(path: Path) -> None:
    begin = time.process_time()
    with open_untrusted(path) as reading, pytest.raises(sqlite3.OperationalError, match="interrupted"):
        reading.connection.execute(f"SELECT count(*) FROM {', '.join(f'message AS m{n}' for n in range(9))}").fetchone()
    assert time.process_time() - begin < SECONDS


class Limited(sqlite3.Connection):
    """A connection that keeps its progress handler."""

    handler: Callable[[], bool]

    def set_progress_handler(self, handler: Callable[[], bool], steps: int) -> None:  # type: ignore[override]
        self.handler = handler
        super().set_progress_handler(handler, steps)


@pytest.mark.parametrize("in_wal", [None, 0, 2 << 20])
def test_work_is_bounded_by_the_size_of_the_file_and_its_wal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_wal: int | None
) -> None:
    monkeypatch.setattr(hardening, "MIN_STEPS", 0)
    path = tmp_path / "chat.db"
    path.write_bytes(bytes(1 << 20))
    if in_wal is not None:
        Path(f"{path}-wal").write_bytes(bytes(in_wal))
    connection = sqlite3.connect(":memory:", factory=Limited)
    hardening.limit(connection, path)
    steps = ((1 << 20) + (in_wal or 0)) * hardening.STEPS_PER_BYTE
    calls = sum(1 for _ in iter(connection.handler, True))
    connection.close()
    assert steps // hardening.STEPS_PER_CALL - 10 < calls <= steps // hardening.STEPS_PER_CALL


def test_a_database_whose_rows_are_in_its_wal_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardening, "MIN_STEPS", 0)
    monkeypatch.setattr(hardening, "STEPS_PER_BYTE", 10)  # so that few rows suffice
    db = ChatDb(tmp_path / "chat.db")
    chat = db.dm("+12505550111")
    db.connection.execute("PRAGMA wal_autocheckpoint = 0")
    db.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.connection.execute("BEGIN")
    for number in range(20_000):
        db.message(chat, 1_700_000_000_000 + number, "hello")
    db.connection.execute("COMMIT")
    assert db.path.stat().st_size * 10 < Path(f"{db.path}-wal").stat().st_size
    with SOURCES["chat-db"].open(db.path) as source:
        assert sum(1 for _ in source.rows()) == 20_000
    db.close()


def test_ctrl_c_during_a_long_query_is_not_lost(path: Path) -> None:
    long = f"SELECT count(*) FROM {', '.join(f'message AS m{n}' for n in range(5))}"
    before = signal.getsignal(signal.SIGALRM)
    signal.signal(signal.SIGALRM, signal.default_int_handler)

    def query() -> None:
        with open_untrusted(path) as reading:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            reading.connection.execute(long).fetchone()
            time.sleep(5)  # where the query was faster than the signal

    try:
        with pytest.raises(KeyboardInterrupt):
            query()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_value_beyond_the_limit_is_refused(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE message SET subject = zeroblob(134217728) WHERE ROWID = 5")
    connection.commit()
    connection.close()
    refused(path)


def test_two_messages_of_one_guid(path: Path) -> None:
    change(
        path,
        "ALTER TABLE message RENAME TO old",
        "CREATE TABLE message (ROWID INTEGER PRIMARY KEY, guid TEXT, text TEXT, date, is_from_me, handle_id)",
        "INSERT INTO message SELECT ROWID, 'the same', text, date, is_from_me, handle_id FROM old",
    )
    assert "the same guid" in refused(path).what


def test_two_messages_of_one_guid_behind_an_index_that_does_not_know(path: Path, home: Path) -> None:
    data = path.read_bytes()
    in_the_table = b"000000000006\x04\x0bstreamtyped"  # its body follows; in the index it stands alone
    assert data.count(in_the_table) == 1
    path.write_bytes(data.replace(in_the_table, in_the_table.replace(b"6\x04", b"5\x04")))
    with pytest.raises(SourceError, match="two rows have one guid"):
        collect_into(home, path, my_name="Robin")


def test_a_table_without_its_indexes_is_read_all_the_same(path: Path) -> None:
    change(
        path,
        *(f"DROP INDEX {name}" for name in ("chat_message_join_idx_message_id_only", "message_idx_date")),
        "ALTER TABLE chat_message_join RENAME TO old",
        "CREATE TABLE chat_message_join (chat_id, message_id)",
        "INSERT INTO chat_message_join SELECT chat_id, message_id FROM old",
    )
    with SOURCES["chat-db"].open(path) as source:
        assert all(hasattr(row, "text") for row in source.rows())


def test_values_of_every_type_in_every_column(path: Path, home: Path) -> None:
    connection = sqlite3.connect(path)
    columns = [row[1] for row in connection.execute("PRAGMA table_info(message)") if row[1] not in ("ROWID", "guid")]
    values = (
        None,
        -1,
        2**63 - 1,
        -(2**63),
        1.5,
        float("inf"),
        "text",
        "12",
        b"\xff\xfe",
        b"",
        "a\x00b",
        10**12,
        SURROGATE,
    )
    chat = connection.execute("SELECT ROWID FROM chat").fetchone()[0]
    number = 0
    for column in columns:
        for value in values:
            number += 1
            row = {"guid": f"G{number}", "text": "x", column: value}
            insert = f"INSERT INTO message ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
            cursor = connection.execute(insert, tuple(row.values()))
            connection.execute(
                "INSERT INTO chat_message_join (chat_id, message_id) VALUES (?, ?)", (chat, cursor.lastrowid)
            )
    for value in (1, 1.5, b"blob", b"\xed\xa0\x80", "", "ROWID 7", "ünïcode"):
        connection.execute("INSERT INTO message (guid, text) VALUES (?, 'x')", (value,))
    connection.execute("INSERT INTO attachment (ROWID, guid, original_guid) VALUES (1, 'a', 'a')")
    connection.execute("INSERT INTO message_attachment_join VALUES (2, 1)")
    for table in ("chat", "handle", "attachment"):
        for row in connection.execute(f"PRAGMA table_info({table})").fetchall():
            if row[1] not in ("ROWID", "guid", "id", "service", "original_guid"):
                connection.execute(f"UPDATE {table} SET {row[1]} = ?", (SURROGATE,))
    for table, values in (("message_attachment_join", "'x', 1"), ("chat_handle_join", "'x', 'y'")):
        connection.execute(f"INSERT INTO {table} VALUES ({values})")
    connection.execute("INSERT INTO handle (id, service) VALUES (CAST(x'eda080' AS TEXT), 'SMS')")
    connection.execute("UPDATE message SET handle_id = last_insert_rowid() WHERE ROWID = 7")
    connection.execute("INSERT INTO chat (guid) VALUES (CAST(x'eda081' AS TEXT))")
    connection.execute("UPDATE chat_message_join SET chat_id = last_insert_rowid() WHERE message_id = 8")
    connection.execute("UPDATE chat SET display_name = CAST(x'ff80' AS TEXT), style = 43")
    connection.execute("UPDATE message SET text = CAST(x'61eda080ff62' AS TEXT) WHERE ROWID = 3")
    connection.commit()
    connection.close()

    summary = collect_into(home, path, my_name="Robin")

    assert summary.rows == 20 + number + 7
    assert summary.rows == summary.messages + summary.reactions + sum(summary.skipped.values())


def test_rowids_may_be_anything(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE message SET ROWID = -5 WHERE ROWID = 1")
    connection.execute("UPDATE message SET ROWID = 9223372036854775807 WHERE ROWID = 2")
    connection.execute("UPDATE chat_message_join SET message_id = -5 WHERE message_id = 1")
    connection.execute("UPDATE chat_message_join SET message_id = 9223372036854775807 WHERE message_id = 2")
    connection.execute("INSERT INTO chat_message_join (chat_id, message_id) VALUES (1, 77), (99, 5), (-3, 5)")
    connection.commit()
    connection.close()
    with SOURCES["chat-db"].open(path) as source:
        assert sum(hasattr(row, "text") for row in source.rows()) == 20


def test_cards_that_are_numbered_by_anything_are_done_without(tmp_path: Path, path: Path, home: Path) -> None:
    contacts = write_address_book(tmp_path / "contacts", [MacCard("Ann", None, ["+12505550111"])])
    change(
        contacts / "AddressBook-v22.abcddb",
        "ALTER TABLE ZABCDRECORD RENAME TO old",
        "CREATE TABLE ZABCDRECORD (Z_PK INTEGER, ZFIRSTNAME, ZCONTAINERWHERECONTACTISME)",
        "INSERT INTO ZABCDRECORD SELECT NULL, ZFIRSTNAME, 1 FROM old",
    )
    summary = collect_into(home, path, contacts, my_name="Robin")
    assert any("not a plain table" in text for text in summary.notes)


@pytest.mark.slow
def test_damaged_databases_are_refused_or_read_and_leave_nothing_behind(tmp_path: Path) -> None:
    read, _slowest = collect_mutated_databases(1000, tmp_path)
    assert 0 < read < 1000
    assert not list(tmp_path.glob("home*"))


@pytest.mark.slow
def test_odd_values_in_what_says_what_a_file_is_are_read(tmp_path: Path) -> None:
    tried, _slowest = collect_odd_values(tmp_path)
    assert tried > 100
