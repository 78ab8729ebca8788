"""A chat.db as a source: the Mac's own, or any that is named, with the contacts that go with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ventriloquist.errors import SourceError
from ventriloquist.records import ContactCard, Source, SourceRow
from ventriloquist.sources.imessage import queries, trust
from ventriloquist.sources.imessage.address_book import MAC_FOLDER, read_address_book
from ventriloquist.sources.imessage.connect import Reading, open_untrusted, translated
from ventriloquist.sources.imessage.messages import read_messages

MAC_CHAT_DB = Path("~/Library/Messages/chat.db")


@contextmanager
def open_chat_db(chat_db: Path | None = None, contacts: Path | None = None) -> Iterator[Source]:
    """Open a chat.db and hold it at one moment in time while the block runs.

    Args:
        chat_db: the database; None: the Mac's own, with the Mac's own contacts.
        contacts: the folder of an address book.

    Raises:
        SourceError: it cannot be read, is damaged, or is something else; or the named contacts are.
    """
    path = (chat_db or MAC_CHAT_DB).expanduser()
    with open_untrusted(path) as reading:
        cards, notes = _contacts(contacts, required=chat_db is not None)
        yield read_source(reading, path, f"Messages at {path}", cards, notes)


def read_source(reading: Reading, path: Path, name: str, cards: list[ContactCard] | None, notes: list[str]) -> Source:
    """Check an open database and read all of it that is small.

    Raises:
        SourceError: it is damaged, untrustworthy, or not of Messages.
    """
    connection = reading.connection
    with translated(path):
        trust.check(connection, path, queries.TABLES)
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


def _contacts(folder: Path | None, *, required: bool) -> tuple[list[ContactCard] | None, list[str]]:
    """Read the contacts that are named, or the Mac's own; those may be missing, and are not used for a named file."""
    if folder is None and required:
        return None, []
    try:
        return read_address_book(folder or MAC_FOLDER)
    except SourceError as error:
        if folder is not None:
            raise
        return None, [f"Contacts were not read: {error.what} {error.hint}"]
