"""Several sources: what is new is added, what changed is updated, what one no longer has stays."""

from __future__ import annotations

import plistlib
import sqlite3
from pathlib import Path

import pytest
from apple import ME, ChatDb, MacCard, nanoseconds, write_address_book
from apple_bodies import body
from apple_cases import CARDS, Outcome, Reaction, Skipped, Text, write_cases
from collected import collect_into, dump, names, outcomes, query

T = 1_700_000_000_000
ANN, BEN = "+12505550111", "+12505550112"


def said(text: str, *, edited: int = 0, at: int = T, sender: str = "Robin") -> Text:
    return Text(ANN, sender, text, at, edited=edited)


def one_message(path: Path, text: str | None = "hello", *, guid: str = "SAME", **columns: object) -> Path:
    """Write a database of one message to ANN."""
    db = ChatDb(path)
    db.message(db.dm(ANN), T, text, guid=guid, **columns)
    return db.close()


def edit(text: str, at: int) -> dict[str, object]:
    versions = {"ec": {"0": [{"d": 1.0, "t": body(text)}]}}
    return {"message_summary_info": plistlib.dumps(versions, fmt=plistlib.FMT_BINARY), "date_edited": nanoseconds(at)}


UNSENT = {"message_summary_info": plistlib.dumps({"rp": [0]}, fmt=plistlib.FMT_BINARY), "date_retracted": 1}


def collect_all(home: Path, *paths: Path) -> dict[str, Outcome]:
    for path in paths:
        summary = collect_into(home, path, my_name="Robin")
        assert summary.rows == summary.messages + summary.reactions + sum(summary.skipped.values())
    return outcomes(home)


def test_a_second_source_adds_to_the_first(tmp_path: Path, home: Path) -> None:
    one = one_message(tmp_path / "one.db", guid="A")
    two = one_message(tmp_path / "two.db", "more", guid="B")
    assert collect_all(home, one, two) == {"A": said("hello"), "B": said("more")}
    assert query(home, "SELECT count(*) FROM conversations") == [(1,)]


def test_a_message_on_two_devices_is_one(tmp_path: Path, home: Path) -> None:
    one, two = (one_message(tmp_path / name) for name in ("one.db", "two.db"))
    collect_all(home, one)
    before = dump(home)
    collect_all(home, two)
    assert dump(home) == before


def test_an_edit_is_taken_and_an_older_source_does_not_undo_it(tmp_path: Path, home: Path) -> None:
    old = one_message(tmp_path / "old.db", "helo")
    new = one_message(tmp_path / "new.db", "hello", **edit("hello", T + 10))
    newest = one_message(tmp_path / "newest.db", "hello!", **edit("hello!", T + 20))
    assert collect_all(home, old, new) == {"SAME": said("hello", edited=1)}
    assert collect_all(home, newest, old, new) == {"SAME": said("hello!", edited=1)}


def test_an_unsent_message_goes_and_an_older_source_does_not_bring_it_back(tmp_path: Path, home: Path) -> None:
    old = one_message(tmp_path / "old.db")
    new = one_message(tmp_path / "new.db", None, **UNSENT)
    assert collect_all(home, old, new) == {"SAME": Skipped("unsent")}
    assert collect_all(home, old) == {"SAME": Skipped("unsent")}
    assert query(home, "SELECT count(*) FROM conversations") == [(0,)]
    assert names(home) == {"Robin"}


def test_a_message_that_was_deleted_lately_goes_and_comes_back_when_it_is_recovered(tmp_path: Path, home: Path) -> None:
    there = one_message(tmp_path / "there.db")
    db = ChatDb(tmp_path / "deleted.db")
    chat = db.dm(ANN)
    db.delete_lately(db.message(chat, T, "hello", guid="SAME"), chat)
    deleted = db.close()
    assert collect_all(home, there, deleted) == {"SAME": Skipped("recently_deleted")}
    assert collect_all(home, there) == {"SAME": said("hello")}


@pytest.mark.parametrize("columns", [{"blob": b"damaged"}, {"blob": body("\ufffd")}, {}])
@pytest.mark.parametrize("poor_first", [True, False])
def test_a_source_that_knows_less_takes_nothing_away(
    tmp_path: Path, home: Path, columns: dict[str, object], poor_first: bool
) -> None:
    rich = one_message(tmp_path / "rich.db")
    poor = one_message(tmp_path / "poor.db", None, **columns)
    order = (poor, rich) if poor_first else (rich, poor)
    assert collect_all(home, *order) == {"SAME": said("hello")}


@pytest.mark.parametrize("poor_first", [True, False])
def test_a_text_is_not_lost_to_a_source_that_has_the_photo_alone(tmp_path: Path, home: Path, poor_first: bool) -> None:
    paths = []
    for blob in (b"damaged", body("\ufffclook")):
        db = ChatDb(tmp_path / f"{len(paths)}.db")
        db.attach(db.message(db.dm(ANN), T, blob=blob, guid="SAME"), "image/heic", "a.heic")
        paths.append(db.close())
    collect_all(home, *(paths if poor_first else paths[::-1]))
    assert query(home, "SELECT text FROM text_messages") == [("look",)]
    assert query(home, "SELECT filename FROM attachments") == [("a.heic",)]


def test_attachments_follow_the_newest_reading(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "one.db")
    guid = db.message(db.dm(ANN), T, None, blob=body("\ufffc"), guid="SAME")
    db.attach(guid, None, "a.heic")
    one = db.close()
    db = ChatDb(tmp_path / "two.db")
    guid = db.message(db.dm(ANN), T, None, blob=body("\ufffc"), guid="SAME")
    db.attach(guid, "image/heic", "a.heic")
    two = db.close()
    collect_all(home, one, two)
    assert query(home, "SELECT * FROM attachments") == [("SAME", 0, "image/heic", "a.heic", None)]


def reacting(path: Path, *rows: tuple[str, int, int]) -> Path:
    """Write tapbacks on TARGET by ANN: guid, type, time."""
    db = ChatDb(path)
    chat = db.dm(ANN)
    for guid, kind, at in rows:
        about = {"associated_message_guid": "p:0/TARGET", "associated_message_type": kind}
        db.message(chat, at, "Loved “it”", sender=ANN, guid=guid, **about)
    return db.close()


@pytest.mark.parametrize("later_first", [True, False])
def test_reactions_are_judged_over_all_sources(tmp_path: Path, home: Path, later_first: bool) -> None:
    one = reacting(tmp_path / "one.db", ("LOVE", 2000, T), ("LIKE", 2001, T))
    two = reacting(tmp_path / "two.db", ("UNLOVE", 3000, T + 5), ("LIKE 2", 2001, T + 5))
    assert collect_all(home, *((two, one) if later_first else (one, two))) == {
        "LOVE": Skipped("reaction_removed"),
        "UNLOVE": Skipped("reaction_removed"),
        "LIKE": Skipped("reaction_superseded"),
        "LIKE 2": Reaction("TARGET", ANN, "like"),
    }


def test_reactions_of_two_handles_of_one_person_are_one_persons(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    chat = db.group("chat1", [ANN, "ann@example.com"])
    for guid, sender in (("FIRST", ANN), ("SECOND", "ann@example.com")):
        about = {"associated_message_guid": "p:0/TARGET", "associated_message_type": 2000}
        db.message(chat, T, "L", sender=sender, guid=guid, **about)
    path = db.close()
    collect_into(home, path, my_name="Robin")
    assert query(home, "SELECT guid FROM reactions ORDER BY guid") == [("FIRST",), ("SECOND",)]
    contacts = write_address_book(tmp_path / "contacts", [MacCard("Ann", None, [ANN], ["ann@example.com"])])
    collect_into(home, path, contacts, my_name="Robin")
    assert outcomes(home) == {
        "FIRST": Skipped("reaction_superseded"), "SECOND": Reaction("TARGET", "Ann", "love")
    }  # fmt: skip


def test_an_echo_is_found_when_its_note_comes_with_another_source(tmp_path: Path, home: Path) -> None:
    paths = []
    for name, sender in (("echo", ME), ("note", None)):
        db = ChatDb(tmp_path / f"{name}.db")
        db.message(db.dm(ME), T, "milk", sender=sender, guid=name)
        paths.append(db.close())
    assert collect_all(home, paths[0]) == {"echo": Text("Robin", "Robin", "milk", T)}
    assert collect_all(home, paths[1]) == {"echo": Skipped("echo"), "note": Text("Robin", "Robin", "milk", T)}
    collect_all(home, *paths)
    assert outcomes(home)["echo"] == Skipped("echo")


def note_with_answers(path: Path) -> Path:
    """Write two equal notes to self with their echoes, and to each echo a tapback and a reply."""
    db = ChatDb(path)
    own = db.dm(ME)
    for at, number in ((T, 1), (T + 4000, 2)):
        db.message(own, at, "milk", guid=f"note {number}")
        db.message(own, at + 500, "milk", sender=ME, guid=f"echo {number}")
        about = {"associated_message_guid": f"p:0/echo {number}", "associated_message_type": 2000}
        db.message(own, at + 60_000, "Loved “milk”", guid=f"love {number}", **about)
        answer = {"thread_originator_guid": f"echo {number}", "thread_originator_part": "0:0:4"}
        db.message(own, at + 90_000, f"bought {number}", guid=f"reply {number}", **answer)
    return db.close()


def test_answers_to_the_echo_of_a_note_become_those_of_the_note(tmp_path: Path, home: Path) -> None:
    path = note_with_answers(tmp_path / "chat.db")
    expected: dict[str, Outcome] = {}
    for at, number in ((T, 1), (T + 4000, 2)):
        expected[f"note {number}"] = Text("Robin", "Robin", "milk", at)
        expected[f"echo {number}"] = Skipped("echo")
        expected[f"love {number}"] = Reaction(f"note {number}", "Robin", "love")
        reply = (f"note {number}", "0:0:4")
        expected[f"reply {number}"] = Text("Robin", "Robin", f"bought {number}", at + 90_000, reply=reply)
    assert collect_all(home, path) == expected
    before = dump(home)
    summary = collect_into(home, path, my_name="Robin")
    assert (summary.added, summary.updated, summary.changed) == (0, 0, False)
    assert dump(home) == before


def test_replies_to_echoes_that_an_older_version_kept_count_as_changed(tmp_path: Path, home: Path) -> None:
    path = note_with_answers(tmp_path / "chat.db")
    collect_all(home, path)
    connection = sqlite3.connect(home / "ventriloquist.db")
    connection.execute("UPDATE text_messages SET thread_originator_guid = 'echo 1' WHERE guid = 'reply 1'")
    connection.commit()
    connection.close()
    summary = collect_into(home, path, my_name="Robin")
    assert (summary.added, summary.updated, summary.changed) == (0, 1, True)


def test_a_second_source_may_show_that_two_are_one(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "one.db")
    for sender in (ANN, "ann@example.com"):
        db.message(db.dm(sender), T, f"from {sender}", sender=sender, guid=sender)
    collect_all(home, db.close())
    assert query(home, "SELECT count(*) FROM conversations") == [(2,)]
    contacts = write_address_book(tmp_path / "contacts", [MacCard("Ann", None, [ANN], ["ann@example.com"])])
    collect_into(home, one_message(tmp_path / "two.db", guid="NEW"), contacts, my_name="Robin")
    assert outcomes(home) == {
        ANN: Text("Ann", "Ann", f"from {ANN}", T),
        "ann@example.com": Text("Ann", "Ann", "from ann@example.com", T),
        "NEW": Text("Ann", "Robin", "hello", T),
    }
    assert query(home, "SELECT id FROM conversations") == [(1,)]


def test_a_group_keeps_everybody_ever_seen_in_it(tmp_path: Path, home: Path) -> None:
    paths = []
    for number, handles in enumerate([(ANN, BEN), (BEN, "+12505550113")]):
        db = ChatDb(tmp_path / f"{number}.db")
        db.message(db.group("chat1", handles, ["Old", "New"][number]), T + number, "hi", guid=f"G{number}")
        paths.append(db.close())
    for order in (paths, paths[::-1]):
        collect_all(home, *order)
        assert query(home, "SELECT title FROM conversations") == [("New",)]
        assert query(home, "SELECT count(*) FROM members") == [(4,)]


def test_source_rowids_are_those_of_first_sight(tmp_path: Path, home: Path) -> None:
    one = one_message(tmp_path / "one.db")
    db = ChatDb(tmp_path / "two.db")
    for number in range(3):
        db.message(db.dm(f"+1250555020{number}"), T, "other")
    db.message(db.dm(ANN), T, "hello", guid="SAME")
    collect_all(home, one, db.close())
    assert query(home, "SELECT source_rowid FROM text_messages WHERE guid = 'SAME'") == [(1,)]


def test_replace_is_as_if_nothing_had_been_there(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "cases.db")
    write_cases(db)
    contacts = write_address_book(tmp_path / "contacts", CARDS)
    other = one_message(tmp_path / "other.db", guid="OTHER")
    collect_into(home, other, my_name="Robin")
    collect_into(home, db.path, contacts, replace=True)
    fresh = tmp_path / "fresh"
    collect_into(fresh, db.path, contacts)
    assert dump(home) == dump(fresh)


def test_the_order_of_two_sources_does_not_matter_to_who_wrote_what_where(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "cases.db")
    write_cases(db)
    contacts = write_address_book(tmp_path / "contacts", CARDS)
    other = one_message(tmp_path / "other.db", guid="OTHER")
    collect_into(home, other, contacts)
    collect_into(home, db.path, contacts)
    there = tmp_path / "the other way round"
    collect_into(there, db.path, contacts)
    collect_into(there, other, contacts)
    assert outcomes(home) == outcomes(there)


def test_ids_of_messages_people_and_conversations_stay(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "cases.db")
    write_cases(db)
    contacts = write_address_book(tmp_path / "contacts", CARDS)
    collect_into(home, db.path, contacts)
    ids = "SELECT id, guid, conversation_id, sender_id FROM text_messages"
    before = set(query(home, ids))
    chat = db.dm("+12505550190")
    db.message(chat, T - 10**9, "new, from long ago", sender="+12505550190")
    collect_into(home, db.path, contacts)
    after = set(query(home, ids))
    assert before < after
    assert len(after - before) == 1


def test_a_chat_of_which_only_a_reaction_is_left_can_be_collected_again(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    db.message(db.dm(ANN), T, "hello", sender=ANN)
    liked = {"associated_message_type": 2001, "associated_message_guid": "p:0/GONE"}
    db.message(db.dm(BEN), T, "Liked “an older message”", sender=BEN, **liked)
    path = db.close()
    collect_into(home, path, my_name="Robin")
    before = dump(home)
    collect_into(home, path, my_name="Robin")
    assert dump(home) == before
