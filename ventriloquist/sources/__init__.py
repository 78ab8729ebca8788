"""Where messages come from. Each source opens as a context and yields its rows from one generator."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from ventriloquist.records import Source


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A kind of source: how the command line names it, and how it opens."""

    name: str  # its option is --name
    place: str  # what it is read from, as the help shows it: FILE or DIR
    help: str
    open: Callable[..., AbstractContextManager[Source]]
    """Opens a place with a folder of contacts, either None for what belongs to this Mac or this source."""


# The functions import their source when they are called: the command line reads this table to show its help.


def _open_chat_db(place: Path | None = None, contacts: Path | None = None) -> AbstractContextManager[Source]:
    from ventriloquist.sources.imessage.chat_db import open_chat_db

    return open_chat_db(place, contacts)


def _open_backup(place: Path, contacts: Path | None = None) -> AbstractContextManager[Source]:
    from ventriloquist.sources.imessage.backup import open_backup

    return open_backup(place, contacts)


# To add a source, write its generator and add it here. The first one is read if no source is named.
SOURCES = {
    kind.name: kind
    for kind in (
        SourceKind("chat-db", "FILE", "A chat.db. Default: this Mac's own.", _open_chat_db),
        SourceKind("backup", "DIR", "An iPhone's unencrypted backup, instead of a chat.db.", _open_backup),
    )
}
