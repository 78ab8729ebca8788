"""Every case of a chat.db, under every schema, against what is to come of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from apple import SCHEMAS, ChatDb, write_address_book
from apple_cases import CARDS, write_cases
from collected import collect_into, dump, outcomes, query


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_row_becomes_what_it_is(tmp_path: Path, home: Path, schema: str) -> None:
    db = ChatDb(tmp_path / "chat.db", schema)
    case = write_cases(db)  # the rows are in the -wal only: the database is open
    contacts = write_address_book(tmp_path / "contacts", CARDS)

    summary = collect_into(home, db.path, contacts)

    found = outcomes(home)
    wrong = {
        f"{case.names[guid]} ({guid})": (found.get(guid), expected)
        for guid, expected in case.expected.items()
        if found.get(guid) != expected
    }
    assert wrong == {}
    assert found.keys() == case.expected.keys()
    assert summary.rows == len(case.expected)
    assert summary.rows == summary.messages + summary.reactions + sum(summary.skipped.values())
    assert summary.owner == "Robin Vale"
    assert summary.ambiguous == {"+12505550120": ("Carl Dunn", "Dora Dunn")}


def test_collect_twice_changes_nothing(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    write_cases(db)
    contacts = write_address_book(tmp_path / "contacts", CARDS)
    first = collect_into(home, db.path, contacts)
    before = dump(home)

    second = collect_into(home, db.path, contacts)

    assert dump(home) == before
    assert (second.added, second.updated) == (0, 0)
    assert (second.messages, second.reactions, second.skipped) == (first.messages, first.reactions, first.skipped)
    assert len(query(home, "SELECT * FROM runs WHERE finished_at IS NOT NULL")) == 2


def test_people_who_were_never_written_to_stay_out_of_the_file(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    write_cases(db)
    collect_into(home, db.path, write_address_book(tmp_path / "contacts", CARDS))
    assert query(home, "SELECT * FROM cards WHERE last = 'Seen'") == []
    assert query(home, "SELECT * FROM handles WHERE handle = '+12505550199'") == []
    assert len(query(home, "SELECT * FROM cards")) == 7
