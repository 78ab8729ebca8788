from __future__ import annotations

import sqlite3
from pathlib import Path

from ventriloquist.demo.addressbook import STORE, Card, write_contacts


def rows(store: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_every_account_has_a_store_beside_the_folders_own(tmp_path: Path) -> None:
    write_contacts(tmp_path / "Book", [Card(organization="Timber")], [("A-1", [Card(first="Robin", is_me=True)])])
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.abcddb")) == [
        f"Book/{STORE}",
        f"Book/Sources/A-1/{STORE}",
    ]


def test_numbers_and_addresses_belong_to_their_card_as_they_were_typed(tmp_path: Path) -> None:
    maya = Card(first="Maya", phones=("(250) 555-0111", "250.555.0112"), emails=("Maya@Example.com",))
    write_contacts(tmp_path, [Card(organization="Timber", phones=("250 555 0166",)), maya], [])
    numbers = rows(
        tmp_path / STORE,
        "SELECT coalesce(ZFIRSTNAME, ZORGANIZATION), ZFULLNUMBER, ZLASTFOURDIGITS FROM ZABCDPHONENUMBER "
        "JOIN ZABCDRECORD ON ZABCDRECORD.Z_PK = ZOWNER ORDER BY ZABCDPHONENUMBER.Z_PK",
    )
    assert numbers == [
        ("Timber", "250 555 0166", "0166"),
        ("Maya", "(250) 555-0111", "0111"),
        ("Maya", "250.555.0112", "0112"),
    ]
    assert rows(
        tmp_path / STORE,
        "SELECT ZFIRSTNAME, ZADDRESS FROM ZABCDEMAILADDRESS JOIN ZABCDRECORD ON ZABCDRECORD.Z_PK = ZOWNER",
    ) == [("Maya", "Maya@Example.com")]


def test_only_the_owners_card_is_marked(tmp_path: Path) -> None:
    write_contacts(tmp_path, [Card(first="Maya"), Card(first="Robin", is_me=True)], [])
    marked = "SELECT ZFIRSTNAME FROM ZABCDRECORD WHERE ZCONTAINERWHERECONTACTISME IS NOT NULL"
    assert rows(tmp_path / STORE, marked) == [("Robin",)]
