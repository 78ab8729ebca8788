"""The files of an export: one file, a folder, or a zip. They are opened one at a time, and only as far as is needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NoReturn, cast
from zipfile import BadZipFile, ZipFile, ZipInfo

from ventriloquist.errors import SourceError
from ventriloquist.fs import require_regular

HEAD_BYTES = 1 << 16
MOST_FILES = 200_000
MOST_ZIPS = 10_000  # in a folder
MOST_OPEN = 50  # of them; others are opened again for each file, since a process may have few open files
MOST_DIRECTORY = 64 << 20  # bytes of a zip's list of files: zipfile reads it whole
MOST_RATIO = 300  # unpacked to packed: no text is repeated so often
LARGE = 64 << 20  # bytes; a smaller file may be as repetitive as it likes
# Files with other endings are pictures and the like. They are never opened.
READABLE = (".txt", ".json", ".jsonl", ".xml", ".db", ".sqlite", ".html", ".htm", ".csv", ".backup", ".zip")
ENCRYPTED = ".crypt"
SQLITE = b"SQLite format 3\0"
_BLANK = b" \t\r\n\xef\xbb\xbf"
_ZIP = (b"PK\3\4", b"PK\5\6")
_UTF_8_NAME = 1 << 11  # a flag of a file in a zip
_ZIP_ERRORS = (BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError)


@dataclass(slots=True)
class Item:
    """A file in an export: its path inside, and a way to open it."""

    path: PurePosixPath
    open: Callable[[], BinaryIO]
    _head: bytes | None = field(default=None, repr=False, compare=False)

    def head(self) -> bytes:
        """Return its first bytes; those of UTF-16 as UTF-8."""
        if self._head is None:
            with self.open() as file:
                head = file.read(HEAD_BYTES)
            if b"\0" in head[:4] and not head.startswith(SQLITE):
                head = head.decode(
                    "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-16-le", "ignore"
                ).encode()
            self._head = head
        return self._head

    def forget_head(self) -> None:
        """Free the first bytes."""
        self._head = None


@contextmanager
def open_items(path: Path) -> Iterator[list[Item]]:
    """Open a file, folder or zip, and yield what may be read in it, in the order of the paths.

    Links, pipes and devices in a folder are passed over. Zips in a folder are opened, zips in a zip are not.

    Raises:
        OSError: something cannot be read.
        SourceError: a zip is damaged, encrypted, or unpacks to too much.
    """
    with ExitStack() as stack:
        if path.is_dir():
            yield _in_folder(path, stack)
            return
        require_regular(path)
        if _is_zip(path):
            yield _in_zip(path, PurePosixPath(), stack)
        else:
            yield [_single(path)]


def damaged_zip(path: Path) -> SourceError:
    """Return the error for a zip that cannot be read to its end."""
    return SourceError(f"{path} is a damaged zip.", hint="Download or copy it again.")


def _is_readable(name: str) -> bool:
    lower = name.lower()
    is_apples = name.startswith("._")  # what macOS keeps beside a file in a zip
    return (lower.endswith(READABLE) or ENCRYPTED in lower) and not is_apples


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in _ZIP


def _single(path: Path) -> Item:
    """Return the file that the user names. An ending that says nothing is replaced by what the content says."""
    item = Item(PurePosixPath(path.name), partial(_open, path))
    if not _is_readable(path.name):
        head = item.head().lstrip(_BLANK)
        is_json = head.startswith(b"{") or (head.startswith(b"[") and head[1:].lstrip(_BLANK).startswith(b"{"))
        ending = ".json" if is_json else ".xml" if head.startswith(b"<") else ".txt"
        if not item.head().startswith(SQLITE):
            item.path = item.path.with_name(path.name + ending)
    return item


def _open(path: Path) -> BinaryIO:
    return path.open("rb")


def _in_folder(folder: Path, stack: ExitStack) -> list[Item]:
    items: list[Item] = []
    zips = 0
    for parent, folders, files in os.walk(folder, onerror=_raise):
        folders.sort()
        for name in sorted(files):
            path = Path(parent, name)
            if not _is_readable(name) or path.is_symlink() or not path.is_file():
                continue
            inside = PurePosixPath(path.relative_to(folder).as_posix())
            if name.lower().endswith(".zip"):
                if not _is_zip(path):
                    continue
                zips += 1
                if zips > MOST_ZIPS:
                    raise SourceError(f"{folder} holds more than {MOST_ZIPS:,} zips.", hint="Unpack them.")
                items += _in_zip(path, inside, stack if zips <= MOST_OPEN else None)
            else:
                items.append(Item(inside, partial(_open, path)))
            if len(items) > MOST_FILES:
                raise _too_many(folder)
    return items


def _raise(error: OSError) -> NoReturn:
    raise error


def _too_many(path: Path) -> SourceError:
    return SourceError(f"{path} holds more than {MOST_FILES:,} files.", hint="Name the export itself.")


def _in_zip(path: Path, inside: PurePosixPath, stack: ExitStack | None) -> list[Item]:
    """Return the files of a zip.

    Args:
        inside: its path in the folder that the user names; empty if it is the zip itself.
        stack: keeps it open; None: it is opened again for each file.
    """
    if _directory_bytes(path) > MOST_DIRECTORY:
        raise _too_many(path)
    try:
        archive = ZipFile(path)
    except _ZIP_ERRORS:
        raise damaged_zip(path) from None
    if stack:
        stack.enter_context(archive)
    else:
        archive.close()
    found: dict[PurePosixPath, ZipInfo] = {}
    unpacked = 0
    for info in archive.infolist():
        name = PurePosixPath(_name(info))
        if name.is_absolute() or ".." in name.parts:
            raise SourceError(f"{path} holds a path that leads out of it.", hint="Do not trust it.")
        is_link = (info.external_attr >> 28) == 0o12
        if info.is_dir() or is_link or not _is_readable(name.name):
            continue
        if info.flag_bits & 1:
            raise SourceError(f"{path} is encrypted.", hint="Unpack it with its password, and name the folder.")
        unpacked += info.file_size
        found[name] = info  # of two with the same name the last holds, as when they are unpacked
        if len(found) > MOST_FILES:
            raise _too_many(path)
        is_bomb = info.file_size > LARGE and info.file_size > MOST_RATIO * max(1, info.compress_size)
        if is_bomb or (unpacked > LARGE and unpacked > MOST_RATIO * path.stat().st_size):
            raise SourceError(f"{path} unpacks to far more than a chat can be.", hint="Do not trust it.")
    return [Item(inside / name, partial(_open_in_zip, path, archive, found[name])) for name in sorted(found)]


def _open_in_zip(path: Path, archive: ZipFile, info: ZipInfo) -> BinaryIO:
    try:
        if archive.fp is None:
            with ZipFile(path) as again:  # the file in it stays open
                return cast("BinaryIO", again.open(info))
        return cast("BinaryIO", archive.open(info))
    except NotImplementedError:
        raise SourceError(
            f"{path} is compressed in a way that cannot be read here.", hint="Unpack it, and name the folder."
        ) from None
    except _ZIP_ERRORS:
        raise damaged_zip(path) from None


def _name(info: ZipInfo) -> str:
    """Return a file's path. Many programs write UTF-8 without saying so, and Windows may write backslashes."""
    name = info.filename
    if not info.flag_bits & _UTF_8_NAME:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode()  # zipfile reads it as code page 437
    return name.replace("\\", "/")


def _directory_bytes(path: Path) -> int:
    """Return how long the list of files at the end of a zip says it is."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - (1 << 16) - 200))
        tail = file.read()
    end = tail.rfind(b"PK\5\6")
    if end < 0:
        raise damaged_zip(path)
    length = int.from_bytes(tail[end + 12 : end + 16], "little")
    large = tail.rfind(b"PK\6\6", 0, end)  # of a zip64
    return int.from_bytes(tail[large + 40 : large + 48], "little") if length == 0xFFFFFFFF and large >= 0 else length
