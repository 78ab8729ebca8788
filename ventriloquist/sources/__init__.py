"""The sources of messages. Each is opened in a `with` block and yields its rows from one generator."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ventriloquist.records import Source


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A kind of source: how the command line names it, and how it opens."""

    name: str
    metavar: str  # of the place that it is read from: FILE or DIR
    help: str
    open: Callable[..., AbstractContextManager[Source]]  # place, contacts, home=

    @property
    def option(self) -> str:
        """The option of the command line that takes the place."""
        return f"--{self.name}"

    @property
    def parameter(self) -> str:
        """The option's name in Python."""
        return self.name.replace("-", "_")


# These import a source only when it is opened: the command line needs the table just to show its help.


def _open_chat_db(
    place: Path | None = None, contacts: Path | None = None, *, home: Path | None = None
) -> AbstractContextManager[Source]:
    from ventriloquist.sources.imessage.chat_db import open_chat_db

    return open_chat_db(place, contacts, home=home)


def _open_backup(
    place: Path, contacts: Path | None = None, *, home: Path | None = None
) -> AbstractContextManager[Source]:
    from ventriloquist.sources.imessage.backup import open_backup

    return open_backup(place, contacts, home=home)


# To add a source, write its generator and add it here. If the user names none, collect reads the first one.
SOURCES = {
    kind.name: kind
    for kind in (
        SourceKind("chat-db", "FILE", "A chat.db. Default: this Mac's own.", _open_chat_db),
        SourceKind("backup", "DIR", "An iPhone's unencrypted backup, instead of a chat.db.", _open_backup),
    )
}
