"""Databases of Apple's for tests: a chat.db under any schema of schemas/, address books of a Mac and of an iPhone."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from apple_bodies import body

SCHEMAS = ("sierra", "bigsur", "ventura", "sequoia", "macos27")  # each is written as what came over the one before
SCHEMA_FOLDER = Path(__file__).parent / "schemas"
EPOCH_S = 978_307_200
DM, GROUP = 45, 43
ME = "+12505550100"


def nanoseconds(unix_ms: int) -> int:
    return (unix_ms - EPOCH_S * 1000) * 1_000_000


class Chat(NamedTuple):
    rowid: int
    guid: str
    handles: tuple[int, ...]


class ChatDb:
    """A chat.db, row by row. They stay in the -wal until `close`; columns that the schema lacks are left out."""

    def __init__(self, path: Path, schema: str = "sequoia") -> None:
        self.path = path
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA wal_autocheckpoint = 0")
        self.connection.execute("PRAGMA synchronous = OFF")
        for name in SCHEMAS[: SCHEMAS.index(schema) + 1]:
            self.connection.executescript((SCHEMA_FOLDER / f"{name}.sql").read_text())
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        tables = [name for (name,) in self.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        self._columns = {
            table: {row[1] for row in self.connection.execute(f"PRAGMA table_info({table})")} for table in tables
        }
        self._handles: dict[tuple[str, str], int] = {}
        self._chats: dict[str, Chat] = {}
        self._count = 0

    def has(self, table: str, column: str) -> bool:
        return column in self._columns.get(table, ())

    def insert(self, table: str, **values: object) -> int:
        known = {name: value for name, value in values.items() if self.has(table, name) or name == "ROWID"}
        marks = ", ".join("?" * len(known))
        cursor = self.connection.execute(
            f"INSERT INTO {table} ({', '.join(known)}) VALUES ({marks})", tuple(known.values())
        )
        return int(cursor.lastrowid or 0)

    def handle(self, address: str, service: str = "iMessage") -> int:
        key = (address, service)
        if key not in self._handles:
            self._handles[key] = self.insert("handle", id=address, service=service)
        return self._handles[key]

    def dm(self, address: str, service: str = "iMessage", *, prefix: str | None = None, **columns: object) -> Chat:
        handle = self.handle(address, service)
        return self.chat(f"{prefix or service};-;{address}", DM, (handle,), chat_identifier=address, **columns)

    def group(self, room: str, addresses: Sequence[str], title: str | None = None, **columns: object) -> Chat:
        handles = tuple(self.handle(address) for address in addresses)
        return self.chat(f"iMessage;+;{room}", GROUP, handles, chat_identifier=room, display_name=title, **columns)

    def chat(self, guid: str, style: int | None, handles: Sequence[int], **columns: object) -> Chat:
        if guid in self._chats:
            return self._chats[guid]
        rowid = self.insert("chat", guid=guid, style=style, **columns)
        for handle in handles:
            self.insert("chat_handle_join", chat_id=rowid, handle_id=handle)
        chat = self._chats[guid] = Chat(rowid, guid, tuple(handles))
        return chat

    def guid(self) -> str:
        self._count += 1
        return f"{zlib.crc32(self.path.name.encode()):08X}-0000-4000-8000-{self._count:012X}"

    def message(
        self,
        chat: Chat | Sequence[Chat] | None,
        at: int,
        text: str | None = None,
        *,
        sender: str | None = None,
        handle_id: int | None = None,
        blob: bytes | None = None,
        service: str = "iMessage",
        column_text: str | None = None,
        **columns: object,
    ) -> str:
        """Write a message and return its guid; a text stands in the body alone, as on new rows.

        Args:
            chat: where it is, several for one that is joined twice.
            at: Unix milliseconds.
            sender: an address; None: the owner.
            handle_id: instead of the sender's own row.
            blob: the body, instead of one made of the text.
            column_text: what stands in the column `text`.
        """
        chats = [] if chat is None else [chat] if isinstance(chat, Chat) else list(chat)
        if handle_id is None:
            partner = chats[0].handles[0] if chats and len(chats[0].handles) == 1 else 0
            handle_id = self.handle(sender, service) if sender is not None else partner
        row = {
            "guid": self.guid(),
            "date": nanoseconds(at),
            "is_from_me": int(sender is None),
            "handle_id": handle_id,
            "service": service,
            "text": column_text,
            "attributedBody": blob if blob is not None or text is None else body(text, mutable=sender is None),
            "account": f"E:{ME}",
            "destination_caller_id": ME,
        } | columns
        rowid = self.insert("message", **row)
        for each in chats:
            self.insert("chat_message_join", chat_id=each.rowid, message_id=rowid, message_date=row["date"])
        return str(row["guid"])

    def rowid(self, guid: str) -> int:
        (found,) = self.connection.execute("SELECT ROWID FROM message WHERE guid = ?", (guid,)).fetchone()
        return int(found)

    def attach(self, guid: str, /, mime_type: str | None, name: str | None, **columns: object) -> None:
        own = self.guid()
        row = {"guid": own, "original_guid": own, "mime_type": mime_type, "transfer_name": name} | columns
        attachment = self.insert("attachment", **row)
        self.insert("message_attachment_join", message_id=self.rowid(guid), attachment_id=attachment)

    def delete_lately(self, guid: str, chat: Chat, *, keep_join: bool = False) -> None:
        rowid = self.rowid(guid)
        self.insert("chat_recoverable_message_join", chat_id=chat.rowid, message_id=rowid, delete_date=1)
        if not keep_join:
            self.connection.execute("DELETE FROM chat_message_join WHERE message_id = ?", (rowid,))

    def close(self) -> Path:
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.connection.close()
        return self.path


class MacCard(NamedTuple):
    """A card as the tests write it."""

    first: str | None = None
    last: str | None = None
    phones: Sequence[str] = ()
    emails: Sequence[str] = ()
    nickname: str | None = None
    organization: str | None = None
    is_me: bool = False


def write_address_book(folder: Path, stores: Mapping[str, Sequence[MacCard]] | Sequence[MacCard]) -> Path:
    """Write an AddressBook folder; stores are by the name of their source, "" for the folder's own."""
    for source, cards in (stores if isinstance(stores, Mapping) else {"": stores}).items():
        where = folder / "Sources" / source if source else folder
        where.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(where / "AddressBook-v22.abcddb", isolation_level=None)
        connection.executescript((SCHEMA_FOLDER / "addressbook.sql").read_text())
        connection.execute("BEGIN")
        for number, card in enumerate(cards, 1):
            connection.execute(
                "INSERT INTO ZABCDRECORD (Z_PK, ZFIRSTNAME, ZLASTNAME, ZNICKNAME, ZORGANIZATION, "
                "ZCONTAINERWHERECONTACTISME) VALUES (?, ?, ?, ?, ?, ?)",
                (number, card.first, card.last, card.nickname, card.organization, 1 if card.is_me else None),
            )
            connection.executemany(
                "INSERT INTO ZABCDPHONENUMBER (ZOWNER, ZFULLNUMBER) VALUES (?, ?)",
                [(number, phone) for phone in card.phones],
            )
            connection.executemany(
                "INSERT INTO ZABCDEMAILADDRESS (ZOWNER, ZADDRESS) VALUES (?, ?)",
                [(number, email) for email in card.emails],
            )
        connection.execute("COMMIT")
        connection.close()
    return folder


def write_ios_address_book(path: Path, cards: Sequence[MacCard]) -> Path:
    """Write an iPhone's AddressBook.sqlitedb."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript((SCHEMA_FOLDER / "addressbook_ios.sql").read_text())
    me = next((number for number, card in enumerate(cards, 1) if card.is_me), -1)
    connection.execute("INSERT INTO ABStore (Name, MeIdentifier) VALUES ('Card', ?)", (me,))
    for number, card in enumerate(cards, 1):
        connection.execute(
            "INSERT INTO ABPerson (ROWID, First, Last, Nickname, Organization) VALUES (?, ?, ?, ?, ?)",
            (number, card.first, card.last, card.nickname, card.organization),
        )
        for kind, values in ((3, card.phones), (4, card.emails), (22, ["https://example.com"])):
            connection.executemany(
                "INSERT INTO ABMultiValue (record_id, property, value) VALUES (?, ?, ?)",
                [(number, kind, value) for value in values],
            )
    connection.close()
    return path
