"""Build an AddressBook folder as Contacts keeps it: its own store, and one for each account under Sources/."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ventriloquist.demo.apple import insert, schema

STORE = "AddressBook-v22.abcddb"

# Core Data's numbers for the kinds of rows
_PHONE, _EMAIL, _CONTACT, _CONTAINER = 13, 6, 22, 25
_ENTITIES = ((_EMAIL, "ABCDEmailAddress"), (_PHONE, "ABCDPhoneNumber"), (_CONTACT, "ABCDContact"))


@dataclass(frozen=True, slots=True)
class Card:
    """A person or a company, with numbers as somebody typed them."""

    first: str | None = None
    last: str | None = None
    nickname: str | None = None
    organization: str | None = None
    phones: Sequence[str] = ()
    emails: Sequence[str] = ()
    is_me: bool = False  # the owner's own card


def write_contacts(folder: Path, local: Sequence[Card], accounts: Sequence[tuple[str, Sequence[Card]]]) -> None:
    """Write the folder's own store, and one for each account. An account is a pair of its UUID and its cards."""
    write_store(folder / STORE, local)
    for account, cards in accounts:
        write_store(folder / "Sources" / account / STORE, cards)


def write_store(path: Path, cards: Sequence[Card]) -> None:
    """Write one store, and make its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(schema("addressbook"))
        container = insert(connection, "ZABCDRECORD", Z_ENT=_CONTAINER, ZNAME="Contacts")
        for card in cards:
            record = insert(
                connection,
                "ZABCDRECORD",
                Z_ENT=_CONTACT,
                ZFIRSTNAME=card.first,
                ZLASTNAME=card.last,
                ZNICKNAME=card.nickname,
                ZORGANIZATION=card.organization,
                ZCONTAINERWHERECONTACTISME=container if card.is_me else None,
            )
            connection.execute("UPDATE ZABCDRECORD SET ZUNIQUEID = ? WHERE Z_PK = ?", (f"{record}:ABPerson", record))
            for order, number in enumerate(card.phones):
                digits = "".join(filter(str.isdigit, number))
                insert(
                    connection,
                    "ZABCDPHONENUMBER",
                    **_owned(_PHONE, record, order, "_$!<Mobile>!$_"),
                    ZFULLNUMBER=number,
                    ZLASTFOURDIGITS=digits[-4:],
                )
            for order, address in enumerate(card.emails):
                insert(
                    connection,
                    "ZABCDEMAILADDRESS",
                    **_owned(_EMAIL, record, order, "_$!<Home>!$_"),
                    ZADDRESS=address,
                    ZADDRESSNORMALIZED=address.lower(),
                )
        for entity, name in _ENTITIES:
            insert(connection, "Z_PRIMARYKEY", Z_ENT=entity, Z_NAME=name, Z_SUPER=0, Z_MAX=len(cards) + 1)


def _owned(entity: int, record: int, order: int, label: str) -> dict[str, object]:
    return {
        "Z_ENT": entity,
        "ZOWNER": record,
        "Z22_OWNER": record,
        "ZORDERINGINDEX": order,
        "ZISPRIMARY": int(order == 0),
        "ZLABEL": label,
    }
