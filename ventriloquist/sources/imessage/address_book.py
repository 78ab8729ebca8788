"""Cards from the Mac's Contacts: AddressBook-v22.abcddb, and another one under each of Sources/*/."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ventriloquist.errors import SourceError
from ventriloquist.paths import expanded
from ventriloquist.records import ContactCard
from ventriloquist.sources.imessage import hardening, queries
from ventriloquist.sources.imessage.connect import open_untrusted, translated
from ventriloquist.sources.imessage.texts import is_blank

MAC_FOLDER = Path("~/Library/Application Support/AddressBook")
STORE = "AddressBook-v22.abcddb"

_TABLES = ("ZABCDRECORD", "ZABCDPHONENUMBER", "ZABCDEMAILADDRESS")
_NAMES = ("ZFIRSTNAME", "ZLASTNAME", "ZNICKNAME", "ZORGANIZATION")


def stores(folder: Path) -> list[Path]:
    """Return the databases of an address book, its own first."""
    return [path for path in (folder / STORE, *sorted(folder.glob(f"Sources/*/{STORE}"))) if os.path.lexists(path)]


def read_address_book(folder: Path, home: Path | None = None) -> tuple[list[ContactCard], list[str]]:
    """Return the cards of every database in an address book that can be read, and a note for each of the others.

    Raises:
        SourceError: there is no database in it.
    """
    folder = expanded(folder.parent if folder.name == STORE else folder)
    found = stores(folder)
    if not found:
        raise SourceError(
            f"There are no contacts in {folder}.",
            hint=f"Name the folder that holds {STORE}, such as --contacts '{MAC_FOLDER}'",
        )
    cards: list[ContactCard] = []
    notes: list[str] = []
    for path in found:
        try:
            cards += _cards(folder, path, home)
        except SourceError as error:
            notes.append(f"Contacts were not read: {error.what} {error.hint}")
    return cards, notes


def _cards(folder: Path, path: Path, home: Path | None) -> list[ContactCard]:
    with open_untrusted(path, what="contacts", home=home) as reading, translated(path, "contacts"):
        connection = reading.connection
        hardening.check(connection, path, _TABLES)
        has = queries.columns(connection, "ZABCDRECORD")
        if not has:
            raise SourceError(f"{path} is not an address book.", hint=f"Name the folder that holds {STORE}.")
        names = ", ".join(f"CAST({name} AS TEXT)" if name in has else "NULL" for name in _NAMES)
        me = "CAST(ZCONTAINERWHERECONTACTISME AS INTEGER)" if "ZCONTAINERWHERECONTACTISME" in has else "NULL"
        rows = connection.execute(f"SELECT Z_PK, {me}, {names} FROM ZABCDRECORD ORDER BY Z_PK")  # noqa: S608  # fixed names
        return make_cards(folder.resolve(), path.relative_to(folder).as_posix(), rows, _identifiers(connection))


def make_cards(
    folder: Path, store: str, rows: Iterable[tuple[Any, ...]], identifiers: Iterable[tuple[int, str]]
) -> list[ContactCard]:
    """Return the cards of a database (store) that have a number or address, and the owner's.

    Args:
        rows: number, whether it is the owner's, first name, last name, nickname and organization of each card.
        identifiers: (number of the card, phone number or address).
    """
    of_card: dict[int, list[str]] = {}
    for number, identifier in identifiers:
        if not is_blank(identifier):
            of_card.setdefault(number, []).append(identifier)
    return [
        ContactCard(
            *(str(folder), store, number, first or "", last or "", nickname or "", organization or ""),
            identifiers=tuple(dict.fromkeys(of_card.get(number, ()))),
            is_me=bool(is_me),
        )
        for number, is_me, first, last, nickname, organization in rows
        if number in of_card or is_me
    ]


def _identifiers(connection: sqlite3.Connection) -> Iterator[tuple[int, str]]:
    for table, value in (("ZABCDPHONENUMBER", "ZFULLNUMBER"), ("ZABCDEMAILADDRESS", "ZADDRESS")):
        if {"ZOWNER", value} <= queries.columns(connection, table):
            yield from connection.execute(
                f"SELECT ZOWNER, CAST({value} AS TEXT) FROM {table} "  # noqa: S608  # fixed names
                f"WHERE ZOWNER IS NOT NULL AND {value} IS NOT NULL ORDER BY Z_PK"
            )
