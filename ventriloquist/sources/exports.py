"""Files, folders and zips in which other applications export chats: which format each is, and reading it."""

from __future__ import annotations

import errno
import lzma
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from shlex import quote
from zipfile import BadZipFile

from ventriloquist.errors import SourceError, StorageError, VentriloquistError
from ventriloquist.paths import expanded
from ventriloquist.records import Source
from ventriloquist.sources import android, discord, meta, signal, signal_export, telegram, whatsapp, whatsapp_db
from ventriloquist.sources.archive import open_archive
from ventriloquist.sources.export_files import SQLITE, Item, damaged_zip, open_items
from ventriloquist.sources.export_records import Record
from ventriloquist.sources.other_exports import explain

INSTAGRAM = "your_instagram_activity"  # the folder in an Instagram download


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user says of an export."""

    zone: tzinfo  # of times without one
    me: str | Sequence[str] | None = None  # the owner's name in it, or several that it may be
    day_first: bool | None = None  # None: the file decides
    owner: Sequence[str] = ()  # names and numbers by which the owner is known already
    copies: meta.Copies | None = None  # what the sources of the same command hold; None: there is only one


Reader = Callable[[list[Item], Path, Asked, list[str]], Iterator[Record]]


@dataclass(frozen=True, slots=True)
class Format:
    """A format of exports."""

    name: str
    application: str
    finds: Callable[[Item], bool]  # whether a file is of this format
    read: Reader  # given those files
    may_be: Callable[[Item], bool] | None = None  # whether it is, if the user says so; None: as `finds`

    def accepts(self, item: Item) -> bool:
        """Tell whether a file is of this format if the user says so."""
        return (self.may_be or self.finds)(item)


@contextmanager
def open_export(name: str | None, path: Path, home: Path, asked: Asked) -> Iterator[Source]:
    """Open a file, folder or zip as a source.

    Args:
        name: of the format, a key of FORMATS; None: the content decides.
        home: VQ_HOME, in which the temporary file lies.

    Raises:
        SourceError: it cannot be read, or no format fits.
        StorageError: VQ_HOME has no space for the temporary file.
        SettingsError: it leaves something open that only the user can say.
    """
    path = expanded(path)
    with ExitStack() as stack:
        with _explained(path, home):
            items = stack.enter_context(open_items(path))
            format, chosen = _recognised(name, path, items)
            notes = [] if name else [f"{path.name} was recognised as {format.application}."]
            records = format.read(chosen, path, asked, notes)
            about = f"{format.application} at {path}"
            source = stack.enter_context(
                open_archive(format.name, about, records, home, me=asked.me, owner=asked.owner, notes=notes)
            )
        yield source


@contextmanager
def _explained(path: Path, home: Path) -> Iterator[None]:
    """Turn what may go wrong while files are read into errors for the user."""
    try:
        yield
    except (BadZipFile, EOFError, zlib.error, lzma.LZMAError):
        raise damaged_zip(path) from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(f"{home} has no space left.", hint="Free some, or set VQ_HOME.") from None
        raise SourceError(
            f"{error.filename or path} cannot be read: {error.strerror or error}.",
            hint="Check the path and its permissions.",
        ) from None


def _recognised(name: str | None, path: Path, items: list[Item]) -> tuple[Format, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        if name and FORMATS[name].accepts(item):
            found.setdefault(name, []).append(item)
        elif format := next((format for format in FORMATS.values() if format.finds(item)), None):
            found.setdefault(format.name, []).append(item)
        item.forget_head()
    if name in found or (len(found) == 1 and name is None):
        format = FORMATS[name or next(iter(found))]
        return format, found[format.name]
    if name and found:
        other = FORMATS[next(iter(found))]
        raise SourceError(
            f"{path} is an export of {other.application}, not of {FORMATS[name].application}.",
            hint=f"Read it with --source {quote(f'{other.name}:{path}')}",
        )
    if found:
        listed = [f"{FORMATS[name].application} ({found[name][0].path})" for name in found]
        raise SourceError(
            f"{path} holds exports of several applications: {', '.join(listed)}.",
            hint="Read each by its name: " + " ".join(f"--source {quote(f'{name}:{path}')}" for name in found),
        )
    what = FORMATS[name].application if name else "any application that is known"
    raise explain(path, items) or SourceError(
        f"{path} holds no export of {what}.", hint="See docs/sources.md for what each application exports, and how."
    )


def is_encrypted_download(named: Path) -> bool:
    """Tell whether a place holds Messenger's end-to-end encrypted chats, by its first file of JSON."""
    broken = (OSError, VentriloquistError, BadZipFile, EOFError, zlib.error, lzma.LZMAError)  # said when it is read
    with suppress(*broken), open_items(expanded(named)) as items:
        first = next((item for item in items if item.path.suffix.lower() == ".json"), None)
        return first is not None and meta.is_encrypted_thread(first.head())
    return False


def _is_whatsapp(item: Item) -> bool:
    suffix = item.path.suffix.lower()
    if suffix == ".txt":
        return whatsapp.looks_like_an_export(item.head(), Path(item.path.name))
    return item.path.name.startswith("msgstore") and item.head().startswith(SQLITE)


def _read_whatsapp(items: list[Item], path: Path, asked: Asked, notes: list[str]) -> Iterator[Record]:
    texts = []
    for item in items:
        if item.path.suffix.lower() != ".txt":
            if path.is_file() and item.path.name != path.name:
                raise SourceError(f"{path} holds a database.", hint="Unpack it, and name the folder.")
            database = path if path.is_file() else path / item.path
            names = database.with_name("wa.db")
            yield from whatsapp_db.read_msgstore(database, names if names.exists() else None)
            continue
        above = item.path.parent.name or (path.resolve().name if len(items) == 1 or path.is_file() else "")
        if path.is_file() and whatsapp.is_chat_zip(folder := path.resolve().parent.name):
            above = folder  # an iPhone's zip that was unpacked
        texts.append(whatsapp.TextExport(item.open, Path(item.path), whatsapp.titled(item.path.name, above)))
    yield from whatsapp.read_text_exports(texts, whatsapp.Choice(asked.zone, asked.day_first), notes)


def _is_telegram(item: Item) -> bool:
    return item.path.suffix.lower() == ".json" and telegram.is_telegram(item.head())


def _read_telegram(items: list[Item], _path: Path, asked: Asked, notes: list[str]) -> Iterator[Record]:
    reader = telegram.TelegramReader(asked.zone)
    for item in reversed(items):  # folders have their day in their names: the newest first
        with item.open() as file:
            yield from reader.read(file, Path(item.path))
    notes += reader.notes()


def _is_signal(item: Item) -> bool:
    if item.path.stem == "data" and item.path.suffix == ".json":
        return b'"sender"' in item.head() and b'"body"' in item.head()
    return item.path.suffix == ".jsonl" and any(
        mark in item.head() for mark in (b'"recipient"', b'"chatItem"', b'"account"')
    )


def _read_signal(items: list[Item], path: Path, asked: Asked, _notes: list[str]) -> Iterator[Record]:
    for item in items:
        place = path if path.is_file() else path / item.path
        with item.open() as file:
            if item.path.suffix == ".jsonl":
                yield from signal.read_signal(file, Path(item.path), place.parent)
            else:
                title = item.path.parent.name or (place.parent.name if place.suffix == ".json" else place.stem)
                yield from signal_export.read_signal_export(file, Path(item.path), title, asked.zone)


def _is_meta(item: Item) -> bool:
    if item.path.suffix.lower() != ".json":
        return False
    return meta.MESSAGE_FILE.search(item.path.name) is not None or meta.is_thread(item.head())


def _is_instagram(item: Item) -> bool:
    return INSTAGRAM in item.path.parts and _is_meta(item)


def _is_messenger(item: Item) -> bool:
    return INSTAGRAM not in item.path.parts and _is_meta(item)


def _read_meta(items: list[Item], path: Path, asked: Asked, _notes: list[str]) -> Iterator[Record]:
    above = path.resolve()  # the folder that a user names may be a thread's
    if path.is_file():
        above = above.with_suffix("") if path.suffix.lower() == ".zip" else above.parent
    names = [asked.me] if isinstance(asked.me, str) else asked.me or asked.owner
    yield from meta.read_downloads([meta.File(above / item.path, item.open) for item in items], names, asked.copies)


def _is_discord(item: Item) -> bool:
    return item.path.suffix.lower() == ".json" and discord.is_discord(item.head())


def _read_discord(items: list[Item], _path: Path, _asked: Asked, _notes: list[str]) -> Iterator[Record]:
    reader = discord.DiscordReader()
    for item in sorted(items, key=lambda item: discord.order_of(item.path)):
        with item.open() as file:
            yield from reader.read(file, Path(item.path))


def _is_android(item: Item) -> bool:
    return item.path.suffix.lower() == ".xml" and b"<smses" in item.head()


def _read_android(items: list[Item], _path: Path, _asked: Asked, _notes: list[str]) -> Iterator[Record]:
    for item in items:
        with item.open() as file:
            yield from android.read_android(file, Path(item.path))


FORMATS: dict[str, Format] = {
    format.name: format
    for format in (
        Format("whatsapp", "WhatsApp", _is_whatsapp, _read_whatsapp),
        Format("signal", "Signal", _is_signal, _read_signal),
        Format("instagram", "Instagram", _is_instagram, _read_meta, may_be=_is_meta),
        Format("messenger", "Messenger", _is_messenger, _read_meta),
        Format("discord", "Discord", _is_discord, _read_discord),
        Format("telegram", "Telegram", _is_telegram, _read_telegram),
        Format("android", "Android SMS", _is_android, _read_android),
    )
}
