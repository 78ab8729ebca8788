"""An iPhone's backup as a source: messages and contacts, so that no Mac is needed.

Finder, iTunes and libimobiledevice write the same format: the name of each file is the SHA-1 of its domain and path.
The files lie in folders named by the hash's first two digits (in old backups in no folder). Manifest.db lists them.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ventriloquist.errors import SourceError
from ventriloquist.fs import require_regular
from ventriloquist.paths import expanded
from ventriloquist.records import ContactCard, Source
from ventriloquist.sources.imessage import hardening, queries
from ventriloquist.sources.imessage.address_book import make_cards, read_address_book
from ventriloquist.sources.imessage.chat_db import read_source
from ventriloquist.sources.imessage.connect import open_untrusted, translated
from ventriloquist.sources.imessage.encrypted import Password, decrypted
from ventriloquist.sources.imessage.permission import permission_error
from ventriloquist.sources.imessage.plist import load_plist

DOMAIN = "HomeDomain"
MESSAGES = "Library/SMS/sms.db"
CONTACTS = "Library/AddressBook/AddressBook.sqlitedb"

Find = Callable[[str], Path | None]  # the file at a path in DOMAIN

_HASH = re.compile(r"[0-9a-f]{40}")
_PHONE, _EMAIL = 3, 4  # ABMultiValue.property
_NAMES = ("First", "Last", "Nickname", "Organization")
_MAX_PLIST_BYTES = 16 << 20


@contextmanager
def open_backup(
    folder: Path,
    contacts: Path | None = None,
    *,
    home: Path | None = None,
    password: Password | None = None,
) -> Iterator[Source]:
    """Open the messages and contacts in an iPhone's backup.

    Args:
        folder: the backup, or a folder that holds exactly one.
        contacts: the folder of a Mac's address book, to use instead of the contacts in the backup.
        home: see `open_untrusted`.
        password: asks for the password of an encrypted backup, see `decrypted`.

    Raises:
        SourceError: there is no backup, it cannot be read, or it is encrypted and there is no password that opens it.
        MissingExtraError: it is encrypted, and the extra `backup` is not installed.
    """
    folder = _find_backup(expanded(folder))
    manifest = _manifest(folder)
    with ExitStack() as stack:
        find: Find = partial(_find_file, folder, home=home)
        if manifest.get("IsEncrypted"):
            find = stack.enter_context(decrypted(folder, DOMAIN, manifest, password, home))
        path = find(MESSAGES)
        if path is None:
            raise SourceError(
                f"The backup in {folder} has no messages.",
                hint="If 'Messages in iCloud' is on, backups do not contain messages: read them on a Mac, "
                "or turn it off on the iPhone and back up again.",
            )
        cards, notes = read_address_book(contacts, home) if contacts is not None else _contacts(folder, home, find)
        reading = stack.enter_context(open_untrusted(path, wal=_wal(path, find(f"{MESSAGES}-wal")), home=home))
        yield read_source(reading, path, f"Messages in the backup at {folder}", cards, notes)


def hashed_name(path: str, domain: str = DOMAIN) -> str:
    """Return the name that a file has in a backup."""
    return hashlib.sha1(f"{domain}-{path}".encode(), usedforsecurity=False).hexdigest()


def _find_backup(folder: Path) -> Path:
    """Return the folder of the backup itself."""
    places = "A Mac keeps them in '~/Library/Application Support/MobileSync/Backup'."
    try:
        entries = sorted(folder.iterdir())
        inside = [entry for entry in entries if entry.is_dir() and _looks_like_a_backup(entry)]
    except FileNotFoundError:
        raise SourceError(f"There is no backup at {folder}.", hint=places) from None
    except NotADirectoryError:
        raise SourceError(
            f"{folder} is a file, not the folder of a backup.",
            hint=f"Name the folder that contains it. For a database of messages use: --chat-db {folder}",
        ) from None
    except OSError as error:
        raise permission_error(folder, error.strerror or str(error)) from None
    if _looks_like_a_backup(folder):
        return folder
    if not any(entry.name != ".DS_Store" for entry in entries):
        raise SourceError(f"The folder {folder} is empty: it holds no backup.", hint=places)
    if not inside:
        raise SourceError(f"The folder {folder} is not an iPhone's backup: it has no Manifest.db.", hint=places)
    if len(inside) > 1:
        names = ", ".join(entry.name for entry in inside[:5])
        raise SourceError(f"There are several backups in {folder}: {names}.", hint=f"Name one: --backup {inside[0]}")
    return inside[0]


def _looks_like_a_backup(folder: Path) -> bool:
    name = hashed_name(MESSAGES)
    return any(
        (folder / part).exists()
        for part in ("Manifest.db", "Manifest.plist", "Manifest.mbdb", name, name[:2] + "/" + name)
    )


def _manifest(folder: Path) -> dict[str, Any]:
    """Return what Manifest.plist holds; nothing if it is missing or damaged, as in very old backups."""
    try:
        require_regular(folder / "Manifest.plist")
        with (folder / "Manifest.plist").open("rb") as file:
            manifest = load_plist(file.read(_MAX_PLIST_BYTES))
    except OSError:
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _wal(path: Path, wal: Path | None) -> Path | None:
    """Return a write-ahead log that SQLite does not find by itself; one of a decrypted database lies beside it."""
    return None if wal is None or wal == path.with_name(f"{path.name}-wal") else wal


def _find_file(folder: Path, path: str, *, home: Path | None) -> Path | None:
    """Return a file of a backup: the one with its hashed name, else the one that the manifest lists."""
    for name in (hashed_name(path), _listed_name(folder, path, home)):
        if name is not None:
            for place in (folder / name[:2] / name, folder / name):
                if place.is_file():
                    return place
    return None


def _listed_name(folder: Path, path: str, home: Path | None) -> str | None:
    manifest = folder / "Manifest.db"
    if not manifest.is_file():
        return None
    try:
        with open_untrusted(manifest, what="a backup", home=home) as reading, translated(manifest, "a backup"):
            hardening.check(reading.connection, manifest, ("Files",))
            row = reading.connection.execute(
                "SELECT CAST(fileID AS TEXT) FROM Files WHERE domain = ? AND relativePath = ?", (DOMAIN, path)
            ).fetchone()
    except SourceError:
        return None
    return row[0] if row and row[0] and _HASH.fullmatch(row[0]) else None  # only a hash, so that it cannot be a path


def _contacts(folder: Path, home: Path | None, find: Find) -> tuple[list[ContactCard] | None, list[str]]:
    try:
        path = find(CONTACTS)
        if path is None:
            return None, [f"Contacts were not read: the backup in {folder} has none."]
        wal = _wal(path, find(f"{CONTACTS}-wal"))
        with open_untrusted(path, what="contacts", wal=wal, home=home) as reading, translated(path, "contacts"):
            return _cards(reading.connection, path, folder), []
    except SourceError as error:
        return None, [f"Contacts were not read: {error.what} {error.hint}"]


def _cards(connection: sqlite3.Connection, path: Path, folder: Path) -> list[ContactCard]:
    """Return the cards of an iPhone, which has other tables than a Mac."""
    hardening.check(connection, path, ("ABPerson", "ABMultiValue", "ABStore"))
    has = queries.columns(connection, "ABPerson")
    if not has or not {"record_id", "property", "value"} <= queries.columns(connection, "ABMultiValue"):
        raise SourceError(f"{path} is not an address book.", hint="Make a new backup.")
    me: set[int] = set()
    if "MeIdentifier" in queries.columns(connection, "ABStore"):
        me = {row[0] for row in connection.execute("SELECT MeIdentifier FROM ABStore WHERE MeIdentifier > 0")}
    identifiers = connection.execute(
        "SELECT record_id, CAST(value AS TEXT) FROM ABMultiValue WHERE property IN (?, ?) AND value IS NOT NULL "
        "ORDER BY rowid",
        (_PHONE, _EMAIL),
    )
    names = ", ".join(f"CAST({name} AS TEXT)" if name in has else "NULL" for name in _NAMES)
    rows = connection.execute(f"SELECT ROWID, {names} FROM ABPerson ORDER BY ROWID")  # noqa: S608  # fixed names
    return make_cards(folder.resolve(), CONTACTS, ((row[0], row[0] in me, *row[1:]) for row in rows), identifiers)
