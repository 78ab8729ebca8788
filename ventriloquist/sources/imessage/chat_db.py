"""A chat.db as a source, with contacts: this Mac's own or any other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ventriloquist.errors import SourceError
from ventriloquist.paths import expanded
from ventriloquist.records import ContactCard, Source, SourceRow
from ventriloquist.sources.imessage import hardening, queries
from ventriloquist.sources.imessage.address_book import MAC_FOLDER, read_address_book
from ventriloquist.sources.imessage.connect import Reading, open_untrusted, translated
from ventriloquist.sources.imessage.messages import read_messages

MAC_CHAT_DB = Path("~/Library/Messages/chat.db")


@contextmanager
def open_chat_db(
    chat_db: Path | None = None, contacts: Path | None = None, *, home: Path | None = None
) -> Iterator[Source]:
    """Open a chat.db. While the block runs it is read as it was when it was opened.

    Args:
        chat_db: the database. Default: this Mac's own, with this Mac's own contacts.
        contacts: the folder of an address book.
        home: see `open_untrusted`.

    Raises:
        SourceError: the database or the named contacts cannot be read, are damaged, or are something else.
    """
    path = expanded(chat_db or MAC_CHAT_DB)
    with open_untrusted(path, home=home) as reading:
        cards, notes = _contacts(contacts, home, is_mac=chat_db is None)
        yield read_source(reading, path, f"Messages at {path}", cards, notes)


def read_source(reading: Reading, path: Path, name: str, cards: list[ContactCard] | None, notes: list[str]) -> Source:
    """Check an open database and read everything but its messages.

    Raises:
        SourceError: it is damaged, untrustworthy, or not a database of Messages.
    """
    connection = reading.connection
    with translated(path):
        hardening.check(connection, path, queries.TABLES)
        queries.check_tables(connection, path)
        handles = queries.handles(connection)
        chats = queries.chats(connection, handles)
        total = queries.count_messages(connection)
        person_hints = queries.person_hints(connection)
        owner_identifiers = queries.owner_identifiers(connection)

    def rows() -> Iterator[SourceRow]:
        with translated(path):
            yield from read_messages(connection, handles, chats)
        reading.check_unchanged()

    people = (list(handles.values()), person_hints, owner_identifiers)
    return Source(name, total, list(chats.values()), *people, cards, notes, rows)


def _contacts(folder: Path | None, home: Path | None, *, is_mac: bool) -> tuple[list[ContactCard] | None, list[str]]:
    """Read the named contacts. For the Mac's own chat.db the default is the Mac's own, which may be missing."""
    if folder is None and not is_mac:
        return None, []
    try:
        return read_address_book(folder or MAC_FOLDER, home)
    except SourceError as error:
        if folder is not None:
            raise
        return None, [f"Contacts were not read: {error.what} {error.hint}"]
