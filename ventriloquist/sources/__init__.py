"""The sources of messages. Each is opened in a `with` block and yields its rows from one generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ventriloquist.errors import SettingsError
from ventriloquist.records import APPLICATIONS, MESSAGES

if TYPE_CHECKING:
    from ventriloquist.records import Source
    from ventriloquist.sources.exports import Asked
    from ventriloquist.sources.imessage.encrypted import Password


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A kind of source: how the command line names it, and how it opens."""

    name: str
    metavar: str  # of the place that it is read from: FILE or DIR
    help: str
    open: Callable[..., AbstractContextManager[Source]]  # place, contacts, home=, and password= if it may be encrypted
    may_be_encrypted: bool = False

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
    place: Path | None,
    contacts: Path | None = None,
    *,
    home: Path | None = None,
    password: Password | None = None,
) -> AbstractContextManager[Source]:
    from ventriloquist.sources.imessage.backup import open_backup

    if place is None:
        raise SettingsError("A backup needs its folder.", hint="Name it: vq collect --backup DIR")
    return open_backup(place, contacts, home=home, password=password)


# To add a source, write its generator and add it here. If the user names none, collect reads the first one.
SOURCES = {
    kind.name: kind
    for kind in (
        SourceKind("chat-db", "FILE", "A chat.db. Default: this Mac's own.", _open_chat_db),
        SourceKind("backup", "DIR", "An iPhone's backup, also an encrypted one.", _open_backup, may_be_encrypted=True),
    )
}

# Other applications are read from the files that they export. `exports.FORMATS` has a reader for each.
EXPORTS = tuple(name for name in APPLICATIONS if name != MESSAGES)


def open_export(named: str, home: Path, asked: Asked) -> AbstractContextManager[Source]:
    """Open an export that is named as on the command line: `NAME:PATH`, or only the path.

    A colon in a path, as in `C:\\chats`, names no format: what stands before it must be one of EXPORTS.

    Raises:
        SettingsError: no path is given.
        SourceError: it cannot be read, or no format fits.
    """
    from ventriloquist.sources import exports

    name, path = split_name(named)
    if not path:
        raise SettingsError("--source names no file.", hint=f"Write it like: --source {name or 'whatsapp'}:chat.zip")
    return exports.open_export(name, Path(path), home, asked)


def in_order(named: Sequence[str]) -> list[str]:
    """Return exports in the order in which they are read.

    Messenger's encrypted chats come last: what an ordinary download has too, has its ids from there, in every run.
    """
    from ventriloquist.sources import exports

    def is_encrypted(one: str) -> bool:
        name, path = split_name(one)
        return name in (None, "messenger") and bool(path) and exports.is_encrypted_download(Path(path))

    return sorted(named, key=is_encrypted) if len(named) > 1 else [*named]


def split_name(named: str) -> tuple[str | None, str]:
    """Split `NAME:PATH` into the format's name, None if there is none, and the path."""
    before, colon, after = named.partition(":")
    return (before.lower(), after) if colon and before.lower() in EXPORTS else (None, named)
