"""corrections.toml: rename, merge and split, and their older names unite and part."""

from __future__ import annotations

from pathlib import Path

import pytest
from apple import ChatDb, MacCard, write_address_book
from collected import collect_into, query

from ventriloquist.collect import load_corrections
from ventriloquist.collect.corrections import Corrections
from ventriloquist.errors import SettingsError

ONE, TWO, THREE, MAIL = "+12505550111", "+12505550112", "+12505550113", "one@example.com"
CARDS = [MacCard("Ann", "Lee", [ONE, THREE], [MAIL]), MacCard("Bob", "Lee", [TWO, THREE])]


def collected(tmp_path: Path, home: Path, corrections: str) -> dict[str, str]:
    """Collect a message from each handle with these corrections; return the name behind each handle."""
    path = tmp_path / "chat.db"
    if not path.exists():
        db = ChatDb(path)
        for handle in (ONE, TWO, THREE, MAIL):
            db.message(db.dm(handle), 1_700_000_000_000, "hi", sender=handle)
        db.close()
        write_address_book(tmp_path / "contacts", CARDS)
    home.mkdir(exist_ok=True)
    (home / "corrections.toml").write_text(corrections, "utf-8")
    collect_into(home, path, tmp_path / "contacts", my_name="Robin", corrections=load_corrections(home))
    rows = query(home, "SELECT sender_handle, name FROM text_messages JOIN people ON people.id = sender_id")
    return {str(handle): str(name) for handle, name in rows}


UNCORRECTED = {ONE: "Ann Lee", MAIL: "Ann Lee", TWO: "Bob Lee", THREE: THREE}


@pytest.mark.parametrize(
    ("corrections", "changed"),
    [
        ("", {}),
        (f'[rename]\n"{ONE}" = "Mum"', {ONE: "Mum", MAIL: "Mum"}),
        ('[rename]\n"(250) 555-0111" = "Mum"', {ONE: "Mum", MAIL: "Mum"}),
        (f'[rename]\n"{THREE}" = "The Lees"', {THREE: "The Lees"}),
        (f'[rename]\n"{TWO}" = "Ann Lee"', {ONE: "Ann Lee", MAIL: "Ann Lee", TWO: "Ann Lee (2)"}),
        (f'unite = [["{ONE}", "{THREE}"]]', {THREE: "Ann Lee"}),
        (f'unite = [["{THREE}", "{MAIL}"]]', {THREE: "Ann Lee"}),
        (f'unite = [["{ONE}", "{TWO}"]]', {TWO: "Ann Lee", THREE: "Ann Lee"}),
        (f'part = ["{MAIL}"]', {MAIL: MAIL}),
        (f'part = ["{MAIL}"]\n[rename]\n"{MAIL}" = "Work"', {MAIL: "Work"}),
        (f'part = ["{MAIL}", "{TWO}"]\nunite = [["{MAIL}", "{TWO}"]]', {MAIL: TWO, TWO: TWO}),
        (f'part = ["{THREE}"]', {}),
        (f'merge = [["{ONE}", "{TWO}"]]', {TWO: "Ann Lee", THREE: "Ann Lee"}),
        (f'split = ["{MAIL}"]', {MAIL: MAIL}),
        (f'split = ["{MAIL}"]\npart = ["{TWO}"]\nmerge = [["{MAIL}", "{TWO}"]]\nunite = []', {MAIL: TWO, TWO: TWO}),
        ('unite = [["nobody@example.com", "+12505550999"]]', {}),
    ],
)
def test_corrections_are_honoured(tmp_path: Path, home: Path, corrections: str, changed: dict[str, str]) -> None:
    assert collected(tmp_path, home, corrections) == UNCORRECTED | changed


def test_a_correction_of_nobody_is_said(tmp_path: Path, home: Path) -> None:
    collected(tmp_path, home, "")
    corrections = Corrections(unite=[["Ann Lee", ONE]], part=["nobody@example.com"], rename={"(250) 555-0112": "Bo"})
    again = collect_into(home, tmp_path / "chat.db", my_name="Robin", corrections=corrections)
    assert again.notes == ["corrections.toml: nobody here has the number or address 'Ann Lee', 'nobody@example.com'."]
    with_own = Corrections(rename={ONE: "Mum", MAIL: "Mum"})
    assert collect_into(home, tmp_path / "chat.db", my_name="Robin", corrections=with_own).notes == []


def test_corrections_that_are_taken_back_leave_no_trace(tmp_path: Path, home: Path) -> None:
    assert collected(tmp_path, home, "") == UNCORRECTED
    ids = query(home, "SELECT id, name FROM people")
    collected(tmp_path, home, f'unite = [["{ONE}", "{TWO}"]]\npart = ["{MAIL}"]\n[rename]\n"{ONE}" = "X"')
    assert collected(tmp_path, home, "") == UNCORRECTED
    assert query(home, "SELECT name FROM people ORDER BY name") == sorted((name,) for _, name in ids)


def test_the_mark_that_some_editors_write_first_does_not_matter(home: Path) -> None:
    home.mkdir()
    (home / "corrections.toml").write_text(f"\ufeffpart = ['{ONE}']\n", encoding="utf-8")
    assert load_corrections(home).part == [ONE]


@pytest.mark.parametrize(
    "corrections",
    [
        "unite = 5",
        "unite = ['+1']",
        "part = '+1'",
        "merge = 5",
        "split = '+1'",
        "rename = []",
        "[rename]\n'+1' = ''",
        '[rename]\n"+1" = "\\u0000 "',
        "marry = []",
        "no toml",
        "\udc80",
    ],
)
def test_a_file_that_says_something_else_is_an_error(home: Path, corrections: str) -> None:
    home.mkdir()
    (home / "corrections.toml").write_bytes(corrections.encode("utf-8", "surrogateescape"))
    with pytest.raises(SettingsError) as caught:
        load_corrections(home)
    assert "corrections.toml" in caught.value.what
    assert "\n" not in caught.value.what
