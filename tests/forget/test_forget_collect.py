"""Forgetting and the source: what Messages still has of a person stays out of the file for good."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from collected import collect_into, query
from stages import prepare

from ventriloquist import forget
from ventriloquist.demo.addressbook import Card, write_contacts
from ventriloquist.demo.chatdb import ChatDatabase, Owner, Sent
from ventriloquist.store import open_database, recorded_run

SAM, SAM_MAIL, KIM, LEE = "+12505550111", "sam@example.com", "+12505550122", "+12505550133"
WORD = "zanzibarquux"
AT = 1_710_504_000_000
MINUTE = 60_000


@pytest.fixture
def source(tmp_path: Path) -> tuple[Path, Path]:
    """Make a chat.db with Sam, Kim and Lee: alone with each, and all in a group."""
    contacts = tmp_path / "AddressBook"
    cards = [
        Card("Robin", "Hale", phones=["+12505550100"], is_me=True),
        Card("Sam", "Quill", phones=[SAM], emails=[SAM_MAIL]),
        Card("Kim", "Oak", phones=[KIM]),
    ]
    write_contacts(contacts, cards, [])
    with ChatDatabase(tmp_path / "chat.db", owner=Owner("+12505550100", "robin@example.com")) as db:
        group = db.group([SAM, KIM, LEE], "hiking")
        pair = db.group([SAM, KIM], None)
        chats = [db.dm(SAM), db.dm(SAM_MAIL), db.dm(KIM), group]
        at = AT
        said: list[Sent] = []
        for turn in range(12):
            for chat in chats:
                at += MINUTE
                other = next(iter(chat.handles))
                sender = None if turn % 2 else (other if chat is not group else [SAM, KIM, LEE][turn % 3])
                word = WORD if sender in (SAM, SAM_MAIL) else "plain"
                said.append(db.message(chat, at, f"{word} {turn}", sender=sender))
        theirs = next(sent for sent in said if sent.chat is group and WORD in (sent.text or ""))
        db.message(group, at + MINUTE, "a quote of it", sender=KIM, reply_to=theirs)
        db.tapback(theirs, at + 2 * MINUTE, "love", sender=LEE)
        other = next(sent for sent in said if sent.chat is group and sent.text == "plain 1")
        db.tapback(other, at + 3 * MINUTE, "laugh", sender=SAM)
        db.tapback(other, at + 4 * MINUTE, "laugh", sender=SAM, removed=True)
        db.tapback(other, at + 5 * MINUTE, "like", sender=KIM)
        db.message(pair, at + 6 * MINUTE, "you two?")
    return tmp_path / "chat.db", contacts


def forget_person(home: Path, name: str) -> None:
    with recorded_run(home, "forget") as run:
        run.result = forget.run(run.db, home, forget.plan(run.db, home, name))


def bytes_under(home: Path) -> bytes:
    return b"\x00".join(path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file())


def everything(home: Path) -> dict[str, list[tuple[object, ...]]]:
    tables = (
        "people",
        "handles",
        "members",
        "conversations",
        "text_messages",
        "reactions",
        "attachments",
        "chats",
        "cards",
    )
    return {table: sorted(query(home, f"SELECT * FROM {table}"), key=repr) for table in tables}


@pytest.mark.parametrize("replace", [False, True])
def test_collecting_again_brings_nothing_of_them_back(home: Path, source: tuple[Path, Path], replace: bool) -> None:
    collect_into(home, *source)
    with recorded_run(home, "prepare") as run:
        run.result = prepare(run.db)
    assert WORD.encode() in bytes_under(home)
    forget_person(home, "Sam Quill")
    traces = (WORD, "Quill", SAM, SAM_MAIL, "2505550111")
    assert [trace for trace in traces if trace.encode() in bytes_under(home)] == []
    before = everything(home)

    summary = collect_into(home, *source, replace=replace)

    assert [trace for trace in traces if trace.encode() in bytes_under(home)] == []
    assert summary.rows == summary.messages + summary.reactions + sum(summary.skipped.values())
    assert summary.skipped["forgotten"] >= 24 + 2
    after = everything(home)
    if not replace:
        assert (summary.added, summary.updated) == (0, 0)
        assert after["reactions"] == before["reactions"]  # Lee's, to a message that is gone, is not one again
        assert after == before
    names = {name for (name,) in query(home, "SELECT name FROM people")}
    assert names == {"Robin Hale", "Kim Oak", LEE}
    guids = "SELECT guid FROM text_messages UNION ALL SELECT guid FROM reactions UNION ALL SELECT guid FROM skipped"
    found = query(home, guids)
    assert len(found) == len(set(found)) == summary.rows
    orphans = (
        "SELECT count(*) FROM reactions WHERE target_guid IN (SELECT guid FROM skipped WHERE reason = 'forgotten')"
    )
    assert query(home, orphans) == [(0,)]


def test_new_messages_of_theirs_stay_out_and_those_of_others_come_in(home: Path, source: tuple[Path, Path]) -> None:
    collect_into(home, *source)
    forget_person(home, "Sam Quill")
    chat_db, contacts = source
    with closing(sqlite3.connect(chat_db)) as connection, connection:
        columns = [
            row[1] for row in connection.execute("PRAGMA table_info(message)") if row[1] not in ("ROWID", "guid")
        ]
        listed = ", ".join(columns)
        for guid, handle in (("NEW-SAM", SAM), ("NEW-KIM", KIM)):
            new = connection.execute(
                f"INSERT INTO message (guid, {listed}) SELECT ?, {listed} FROM message WHERE ROWID ="
                " (SELECT min(ROWID) FROM message WHERE handle_id = (SELECT ROWID FROM handle WHERE id = ?))",
                (guid, handle),
            ).lastrowid
            connection.execute(
                "INSERT INTO chat_message_join (chat_id, message_id)"
                " SELECT ROWID, ? FROM chat WHERE style = 43 LIMIT 1",
                (new,),
            )
    summary = collect_into(home, chat_db, contacts)
    assert summary.added == 1
    assert query(home, "SELECT reason FROM skipped WHERE guid = 'NEW-SAM'") == [("forgotten",)]
    assert WORD.encode() not in bytes_under(home)


def test_the_groups_they_were_in_stay_apart(home: Path, source: tuple[Path, Path]) -> None:
    collect_into(home, *source)
    before = query(home, "SELECT id, type, title FROM conversations ORDER BY id")
    forget_person(home, "Sam Quill")
    collect_into(home, *source)
    after = query(home, "SELECT id, type, title FROM conversations ORDER BY id")
    assert set(after) < set(before)
    assert len([row for row in after if row[1] == "group"]) == 2


def test_a_number_without_a_country_goes_whatever_country_it_was_read_as(tmp_path: Path, home: Path) -> None:
    national, german = "0171 1234567", "+4915112345678"  # the owner's most seen number says which country is meant
    contacts = tmp_path / "AddressBook"
    mine = ["+12505550100", "+16045550100", "+14165550100"]
    write_contacts(contacts, [Card("Robin", "Hale", phones=mine, is_me=True), Card("Sam", phones=[national])], [])
    with ChatDatabase(tmp_path / "chat.db", owner=Owner(german, german)) as db:
        group = db.group([national, KIM], "hiking")
        db.message(db.dm(national), AT, WORD, sender=national)
        plain = db.message(group, AT + MINUTE, "plain", sender=KIM)
        db.tapback(plain, AT + 2 * MINUTE, "love", sender=national)
    collect_into(home, tmp_path / "chat.db", contacts)
    assert ("+491711234567",) in query(home, "SELECT handle FROM handles")
    assert national.encode() in bytes_under(home)
    forget_person(home, "Sam")
    assert national.encode() not in bytes_under(home)
    assert query(home, "SELECT count(*) FROM tapbacks") == [(0,)]


def test_somebody_who_shares_a_card_with_nobody_is_untouched(home: Path, source: tuple[Path, Path]) -> None:
    collect_into(home, *source)
    kim = query(home, "SELECT guid, text FROM text_messages WHERE sender_handle = ? ORDER BY guid", KIM)
    forget_person(home, "Sam Quill")
    assert query(home, "SELECT guid, text FROM text_messages WHERE sender_handle = ? ORDER BY guid", KIM) == kim
    with open_database(home) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
