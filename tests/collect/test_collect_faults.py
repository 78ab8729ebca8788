"""What goes wrong in the middle: the process is killed, the disk is full, the source turns out to be damaged."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from apple import ChatDb
from collected import collect_into, dump, query
from hostile import kill_collects

from ventriloquist.errors import BusyError, SourceError, StorageError
from ventriloquist.store import recorded_run

T = 1_700_000_000_000
ANN = "+12505550111"


def chat_db(path: Path, messages: int) -> Path:
    db = ChatDb(path)
    chat = db.dm(ANN)
    db.connection.execute("BEGIN")
    for number in range(messages):
        db.message(chat, T + number, f"message number {number}", sender=ANN)
    db.connection.execute("COMMIT")
    return db.close()


@pytest.mark.slow
def test_a_collect_that_is_killed_and_run_again_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    assert kill_collects(6, tmp_path) >= 6


def test_damage_that_shows_only_in_the_middle_leaves_the_file_as_it_was(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect_into(home, chat_db(tmp_path / "good.db", 10), my_name="Robin")
    before = dump(home)
    path = chat_db(tmp_path / "bad.db", 3000)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 40_000)
    from ventriloquist.sources.imessage import hardening

    monkeypatch.setattr(hardening, "check", lambda *_: None)  # as if the damage came after the check
    with pytest.raises(SourceError, match="is damaged"):
        collect_into(home, path, my_name="Robin")
    assert dump(home) == before


def test_a_full_disk_is_said_so_and_leaves_the_file_as_it_was(tmp_path: Path, home: Path) -> None:
    collect_into(home, chat_db(tmp_path / "good.db", 10), my_name="Robin")
    before = dump(home)
    path = chat_db(tmp_path / "more.db", 5000)
    from ventriloquist import collect
    from ventriloquist.sources import SOURCES

    def collect_with_little_space() -> None:
        with SOURCES["chat-db"].open(path) as source, recorded_run(home, "collect", create=True) as run:
            run.db.execute("PRAGMA max_page_count = 60")
            collect.run(run.db, source, collect.plan(run.db, source, collect.Options("Robin")))

    with pytest.raises(StorageError, match="is full"):
        collect_with_little_space()
    assert dump(home) == before


def test_a_second_collect_at_once_is_told_to_wait(tmp_path: Path, home: Path) -> None:
    path = chat_db(tmp_path / "chat.db", 10)
    with recorded_run(home, "collect", create=True), pytest.raises(BusyError, match="Another vq run"):
        collect_into(home, path, my_name="Robin")


def test_an_error_in_our_own_file_is_not_blamed_on_the_source(tmp_path: Path, home: Path) -> None:
    path = chat_db(tmp_path / "chat.db", 10)
    collect_into(home, path, my_name="Robin")
    connection = sqlite3.connect(home / "ventriloquist.db")
    connection.execute("ALTER TABLE text_messages RENAME COLUMN text TO words")
    connection.commit()
    connection.close()
    with pytest.raises(StorageError, match=r"damaged: its table text_messages is not as it was made"):
        collect_into(home, path, my_name="Robin")


def test_messages_written_while_it_collects_come_with_the_next_collect(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    chat = db.dm(ANN)
    for number in range(2000):
        db.message(chat, T + number, f"message {number}", sender=ANN)
    from ventriloquist import collect
    from ventriloquist.sources import SOURCES

    def write_meanwhile(done: int, total: int) -> None:
        assert total == 2000
        if done < total:
            db.message(chat, T + 10**6 + done, "meanwhile", sender=ANN)

    with SOURCES["chat-db"].open(db.path) as source, recorded_run(home, "collect", create=True) as run:
        planned = collect.plan(run.db, source, collect.Options("Robin"))
        summary = collect.run(run.db, source, planned, progress=write_meanwhile)
    assert summary.messages == 2000
    assert collect_into(home, db.path, my_name="Robin").added > 0
    assert query(home, "SELECT count(*) FROM text_messages WHERE text = 'meanwhile'")[0][0] > 0


def test_one_message_of_ten_megabytes_and_one_of_nothing_but_emoji(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    long, emoji = "ä" * 5_000_000, "👩‍👩‍👧‍👦" * 1000
    db.message(db.dm(ANN), T, long)
    db.message(db.dm(ANN), T + 1, emoji)
    collect_into(home, db.close(), my_name="Robin")
    assert query(home, "SELECT text FROM text_messages ORDER BY sent_at") == [(long,), (emoji,)]
