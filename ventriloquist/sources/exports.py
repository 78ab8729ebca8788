"""Files, folders and zips in which other applications export chats: which format each is, and reading it."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast
from zipfile import BadZipFile, ZipFile

from ventriloquist.errors import SourceError
from ventriloquist.fs import require_regular
from ventriloquist.records import Source
from ventriloquist.sources import android, discord, meta, signal, signal_export, telegram, whatsapp, whatsapp_db
from ventriloquist.sources.archive import Record, open_archive

HEAD_BYTES = 1 << 16
MOST_FILES = 200_000
MOST_RATIO = 300  # unpacked to packed: no text is repeated so often
LARGE = 64 << 20  # bytes; a smaller file may be as repetitive as it likes
SQLITE = b"SQLite format 3\0"
INSTAGRAM = "your_instagram_activity"  # the folder in an Instagram download


@dataclass(frozen=True, slots=True)
class Item:
    """A file in an export: its path inside, and a way to open it."""

    path: PurePosixPath
    open: Callable[[], BinaryIO]

    def head(self) -> bytes:
        """Return its first bytes."""
        with self.open() as file:
            return file.read(HEAD_BYTES)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user says of an export."""

    zone: tzinfo  # of times without one
    me: str | Sequence[str] | None = None  # the owner's name in it, or several that it may be
    day_first: bool | None = None  # None: the file decides
    owner: Sequence[str] = ()  # names and numbers by which the owner is known already


Reader = Callable[[list[Item], Path, Asked, list[str]], Iterator[Record]]


@dataclass(frozen=True, slots=True)
class Format:
    """A format of exports."""

    name: str
    application: str
    finds: Callable[[Item], bool]  # whether a file is of this format
    read: Reader  # given those files
    may_be: Callable[[Item], bool] | None = None  # whether it is, if the user says so; None: as `finds`


@contextmanager
def open_export(name: str | None, path: Path, home: Path, asked: Asked) -> Iterator[Source]:
    """Open a file, folder or zip as a source.

    Args:
        name: of the format, a key of FORMATS; None: the content decides.
        home: VQ_HOME, in which the temporary file lies.

    Raises:
        SourceError: it cannot be read, or no format fits.
        SettingsError: it leaves something open that only the user can say.
    """
    path = path.expanduser()
    with ExitStack() as stack:
        items = stack.enter_context(_items(path))
        format, chosen = _recognised(name, path, items)
        notes = [] if name else [*_said(path, format, items)]
        records = format.read(chosen, path, asked, notes)
        about = f"{format.application} at {path}"
        yield stack.enter_context(
            open_archive(format.name, about, records, home, me=asked.me, owner=asked.owner, notes=notes)
        )


def _said(path: Path, chosen: Format, items: list[Item]) -> Iterator[str]:
    """Say which format was recognised, and which others are in the same place and are not read."""
    yield f"{path.name} was recognised as {chosen.application}."
    for format in FORMATS.values():
        if format is not chosen and any(format.finds(item) for item in items if not chosen.finds(item)):
            yield f"It also holds {format.application}: collect that with --source {format.name}:'{path}'"


def _recognised(name: str | None, path: Path, items: list[Item]) -> tuple[Format, list[Item]]:
    for format in [FORMATS[name]] if name else FORMATS.values():
        finds = format.may_be if name and format.may_be else format.finds
        if found := [item for item in items if finds(item)]:
            return format, found
    what = FORMATS[name].application if name else "any application that is known"
    raise SourceError(
        f"{path} holds no export of {what}.", hint="See docs/sources.md for what each application exports, and how."
    )


@contextmanager
def _items(path: Path) -> Iterator[list[Item]]:
    try:
        if path.is_dir():
            with ExitStack() as stack:
                yield [one for item in _in_folder(path) for one in _with_zips(path, item, stack)]
            return
        require_regular(path)
        with path.open("rb") as file:
            is_zip = file.read(4) in (b"PK\3\4", b"PK\5\6")
        if not is_zip:
            yield [Item(PurePosixPath(path.name), partial(path.open, "rb"))]
            return
        with ZipFile(path) as archive:
            yield _in_zip(path, archive)
    except BadZipFile:
        raise SourceError(f"{path} is a damaged zip.", hint="Download or copy it again.") from None
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read: {error.strerror or error}.", hint="Check the path and its permissions."
        ) from None


def _in_folder(folder: Path) -> Iterator[Item]:
    count = 0
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            path = Path(parent) / file
            if path.is_symlink() or not path.is_file():
                continue
            count += 1
            if count > MOST_FILES:
                raise SourceError(f"{folder} holds more than {MOST_FILES:,} files.", hint="Name the export itself.")
            yield Item(PurePosixPath(path.relative_to(folder).as_posix()), partial(path.open, "rb"))


def _with_zips(folder: Path, item: Item, stack: ExitStack) -> list[Item]:
    """Return a file of a folder, or what is in it if it is a zip of one WhatsApp chat, as iPhones write them."""
    path = folder / item.path
    if path.suffix.lower() != ".zip" or not whatsapp.is_chat_zip(path.name):
        return [item]
    inside = _in_zip(path, stack.enter_context(ZipFile(path)))
    return [Item(item.path / one.path, one.open) for one in inside]


def _in_zip(path: Path, archive: ZipFile) -> list[Item]:
    items = []
    for info in archive.infolist():
        inside = PurePosixPath(info.filename)
        if info.is_dir():
            continue
        if inside.is_absolute() or ".." in inside.parts:
            raise SourceError(f"{path} holds a path that leads out of it.", hint="Do not trust it.")
        if info.file_size > LARGE and info.file_size > MOST_RATIO * max(1, info.compress_size):
            raise SourceError(f"{path} unpacks to far more than a chat can be.", hint="Do not trust it.")
        if info.flag_bits & 1:
            raise SourceError(f"{path} is encrypted.", hint="Unpack it, and name the folder.")
        items.append(Item(inside, cast("Callable[[], BinaryIO]", partial(archive.open, info))))
        if len(items) > MOST_FILES:
            raise SourceError(f"{path} holds more than {MOST_FILES:,} files.", hint="Name the export itself.")
    return items


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
        above = item.path.parent.name or (path.name if len(items) == 1 or path.is_file() else "")
        texts.append(whatsapp.TextExport(item.open, Path(item.path), whatsapp.titled(item.path.name, above)))
    yield from whatsapp.read_text_exports(texts, whatsapp.Choice(asked.zone, asked.day_first), notes)


def _json_with(*marks: bytes) -> Callable[[Item], bool]:
    def finds(item: Item) -> bool:
        return item.path.suffix.lower() == ".json" and all(mark in item.head() for mark in marks)

    return finds


def _is_telegram(item: Item) -> bool:
    return item.path.suffix.lower() == ".json" and telegram.is_telegram(item.head())


def _read_telegram(items: list[Item], _path: Path, asked: Asked, notes: list[str]) -> Iterator[Record]:
    reader = telegram.TelegramReader(asked.zone)
    for item in reversed(items):  # folders have their day in their names: the newest first
        with item.open() as file:
            yield from reader.read(file, Path(item.path))
    notes += reader.notes()


def _is_signal(item: Item) -> bool:
    if item.path.name == "data.json":
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
    return meta.MESSAGE_FILE.search(item.path.name) is not None or meta.is_encrypted_thread(item.head())


def _is_instagram(item: Item) -> bool:
    return INSTAGRAM in item.path.parts and _is_meta(item)


def _is_messenger(item: Item) -> bool:
    return INSTAGRAM not in item.path.parts and _is_meta(item)


def _read_meta(items: list[Item], path: Path, asked: Asked, _notes: list[str]) -> Iterator[Record]:
    above = path.parent if path.is_file() and path.suffix == ".json" else PurePosixPath()
    names = [asked.me] if isinstance(asked.me, str) else asked.me or asked.owner
    yield from meta.read_downloads([meta.File(above / item.path, item.open) for item in items], names)


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
