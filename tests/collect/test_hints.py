"""What a chat.db itself says of who is who and of which chats are one: used where no card contradicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from apple import ME, ChatDb, MacCard, write_address_book
from collected import collect_into, dump, query
from typer.testing import CliRunner

from ventriloquist.cli.app import app
from ventriloquist.collect.corrections import Corrections

T = 1_700_000_000_000
ONE, TWO, THREE, MAIL = "+12505550111", "+12505550112", "+12505550113", "one@example.com"


def hinted(path: Path, hints: Mapping[str, object], lookups: Sequence[tuple[str, str, str]] = ()) -> Path:
    """Write one message from each handle, with its person_centric_id, and rows of chat_lookup by the chat's handle."""
    db = ChatDb(path, "macos27")
    for number, (handle, hint) in enumerate(hints.items()):
        chat = db.dm(handle)
        db.message(chat, T + number * 60_000, f"from {handle}", sender=handle)
        db.connection.execute("UPDATE handle SET person_centric_id = ? WHERE id = ?", (hint, handle))
    for identifier, domain, handle in lookups:
        db.insert("chat_lookup", identifier=identifier, domain=domain, chat=db.dm(handle).rowid)
    return db.close()


def collected(tmp_path: Path, home: Path, path: Path, cards: Sequence[MacCard] = (), **options: object) -> set[str]:
    """Collect and return whose each handle is, as sets of handles that are one person's."""
    contacts = write_address_book(tmp_path / "contacts", [MacCard("Robin", "Vale", [ME], is_me=True), *cards])
    collect_into(home, path, contacts, **options)
    return people(home)


def people(home: Path) -> set[str]:
    rows = query(
        home,
        "SELECT DISTINCT person_id, sender_handle FROM text_messages JOIN handles ON handles.person_id = sender_id "
        "WHERE NOT is_from_me ORDER BY 1, 2",
    )
    found: dict[object, set[str]] = {}
    for person, handle in rows:
        found.setdefault(person, set()).add(str(handle))
    return {" ".join(sorted(handles)) for handles in found.values()}


def test_handles_of_one_person_centric_id_are_one_person_and_one_conversation(tmp_path: Path, home: Path) -> None:
    path = hinted(tmp_path / "chat.db", {ONE: "P-1", MAIL: "P-1", TWO: "P-2", THREE: None})
    assert collected(tmp_path, home, path) == {f"{ONE} {MAIL}", TWO, THREE}
    assert query(home, "SELECT count(*) FROM conversations") == [(3,)]


@pytest.mark.parametrize("nothing", [None, "", "  ", "0", "-1", "(null)", "00000000-0000-0000-0000-000000000000", 0])
def test_a_person_centric_id_that_says_nothing_unites_nobody(tmp_path: Path, home: Path, nothing: object) -> None:
    path = hinted(tmp_path / "chat.db", {ONE: nothing, MAIL: nothing, TWO: nothing})
    assert collected(tmp_path, home, path) == {ONE, MAIL, TWO}


def test_an_id_that_many_share_is_nobodys(tmp_path: Path, home: Path) -> None:
    handles = [f"+125055501{number}" for number in range(20, 40)]
    path = hinted(tmp_path / "chat.db", dict.fromkeys(handles, "SAME"))
    assert collected(tmp_path, home, path) == set(handles)


def test_a_card_names_whom_a_hint_unites(tmp_path: Path, home: Path) -> None:
    path = hinted(tmp_path / "chat.db", {ONE: "P-1", MAIL: "P-1"})
    assert collected(tmp_path, home, path, [MacCard("Ann", "Lee", [ONE])]) == {f"{ONE} {MAIL}"}
    assert query(home, "SELECT name FROM people WHERE NOT is_me") == [("Ann Lee",)]


def test_cards_that_name_two_people_win(tmp_path: Path, home: Path) -> None:
    path = hinted(tmp_path / "chat.db", {ONE: "P-1", TWO: "P-1", THREE: "P-1"})
    cards = [MacCard("Ann", "Lee", [ONE]), MacCard("Bob", "Ray", [TWO])]
    assert collected(tmp_path, home, path, cards) == {ONE, TWO, THREE}


def test_two_hints_that_meet_in_one_handle_are_weighed_together(tmp_path: Path, home: Path) -> None:
    lookups = [("X", "a", ONE), ("X", "b", THREE), ("Y", "a", TWO), ("Y", "b", THREE)]
    path = hinted(tmp_path / "chat.db", dict.fromkeys((ONE, TWO, THREE)), lookups)
    cards = [MacCard("Ann", "Lee", [ONE]), MacCard("Bob", "Ray", [TWO])]
    assert collected(tmp_path, home, path, cards) == {ONE, TWO, THREE}


def test_nobody_becomes_the_owner_by_a_hint(tmp_path: Path, home: Path) -> None:
    path = hinted(tmp_path / "chat.db", {ME: "P-1", TWO: "P-1"})
    collected(tmp_path, home, path)
    assert query(home, "SELECT count(*) FROM people") == [(2,)]


def test_a_correction_wins_over_a_hint(tmp_path: Path, home: Path) -> None:
    path = hinted(tmp_path / "chat.db", {ONE: "P-1", TWO: "P-1", THREE: "P-1"})
    found = collected(tmp_path, home, path, corrections=Corrections(part=["(250) 555-0112"]))
    assert found == {f"{ONE} {THREE}", TWO}


def test_chats_found_under_one_identifier_are_one_persons(tmp_path: Path, home: Path) -> None:
    lookups = [(ONE, "iMessage", ONE), (MAIL, "iMessage", ONE), ("", "iMessage", TWO), ("", "SMS", THREE)]
    path = hinted(tmp_path / "chat.db", dict.fromkeys((ONE, MAIL, TWO, THREE)), lookups)
    assert collected(tmp_path, home, path) == {f"{ONE} {MAIL}", TWO, THREE}


def groups(path: Path, lookups: Sequence[tuple[str, str, int]]) -> Path:
    db = ChatDb(path, "macos27")
    chats = [
        db.group("chat1", [ONE, TWO], "Trip"),
        db.group("chat2", [ONE, TWO, THREE], "Trip 2"),
        db.group("chat3", [MAIL], "Else"),
    ]
    for number, chat in enumerate(chats):
        db.message(chat, T + number, "hi")
    for identifier, domain, number in lookups:
        db.insert("chat_lookup", identifier=identifier, domain=domain, chat=chats[number].rowid)
    return db.close()


@pytest.mark.parametrize(
    ("lookups", "conversations"),
    [
        ([("G", "SMS", 0), ("G", "RCS", 1)], 2),
        ([("G", "SMS", 0), ("H", "RCS", 1)], 3),
        ([("G", "SMS", 0), ("G", "RCS", 2)], 3),  # they have nobody in common
    ],
)
def test_groups_found_under_one_identifier_are_one(
    tmp_path: Path, home: Path, lookups: Sequence[tuple[str, str, int]], conversations: int
) -> None:
    collected(tmp_path, home, groups(tmp_path / "chat.db", lookups))
    assert query(home, "SELECT count(*) FROM conversations") == [(conversations,)]


def test_hints_stay_when_another_source_has_none(tmp_path: Path, home: Path) -> None:
    path = hinted(tmp_path / "chat.db", {ONE: "P-1", MAIL: "P-1"})
    collected(tmp_path, home, path)
    before = dump(home)
    collect_into(home, path)
    assert dump(home) == before
    collect_into(home, hinted(tmp_path / "other.db", {TWO: None}))
    assert people(home) == {f"{ONE} {MAIL}", TWO}


def test_status_says_what_messages_united(tmp_path: Path, home: Path) -> None:
    path = hinted(tmp_path / "chat.db", {ONE: "P-1", MAIL: "P-1", TWO: None})
    collected(tmp_path, home, path)
    shown = CliRunner().invoke(app, ["status", "--people"]).stdout
    (line,) = (line for line in shown.splitlines() if ONE in line)
    assert f"merged by Messages: {ONE}, {MAIL}" in line
    assert shown.count("merged by Messages") == 1


def test_who_is_forgotten_leaves_no_hint(tmp_path: Path, home: Path) -> None:
    path = hinted(tmp_path / "chat.db", {ONE: "P-1", MAIL: "P-1", TWO: "P-2"})
    collected(tmp_path, home, path)
    assert CliRunner().invoke(app, ["forget", ONE, "--yes"]).exit_code == 0
    assert query(home, "SELECT hint FROM person_hints") == [("P-2",)]
    collect_into(home, path)
    assert people(home) == {TWO}
    assert query(home, "SELECT hint FROM person_hints") == [("P-2",)]
