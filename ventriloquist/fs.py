"""Files and folders: private, written atomically, and flushed to the disk.

A new file or folder is written beside its final place, under a name that begins with a dot and ends in `.partial`,
and then renamed. If the process is killed, the next write to the same place removes the partial one.
"""

from __future__ import annotations

import errno
import glob
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ventriloquist.errors import StorageError
from ventriloquist.layout import HOME_PREFIXES
from ventriloquist.safe_text import to_json

BUFFER_BYTES = 1 << 20
NAME_SHOWN = 100  # characters of a name that its partial repeats: a file name has 255 bytes at most


def make_private_folder(folder: Path) -> Path:
    """Make a folder that only the user can enter, whatever the umask, and return it.

    An existing folder is made private if it is empty or holds only files of a VQ_HOME. Any other folder keeps its
    mode, because other programs may need it.

    Raises:
        StorageError: everyone may write in it, as in /tmp.
    """
    is_new = not folder.exists()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & stat.S_ISVTX:
        raise StorageError(f"{folder} is open to everybody.", hint=f"Name a folder in it: {folder / 'vq'}")
    if is_new or all(entry.name.startswith(HOME_PREFIXES) for entry in folder.iterdir()):
        folder.chmod(0o700)
    return folder


def open_to_others(folder: Path) -> list[str]:
    """Return a warning if other users can enter a folder whose mode `make_private_folder` kept."""
    if os.name != "posix" or not folder.is_dir() or not folder.stat().st_mode & 0o077:
        return []
    return [
        f"{folder} holds other things, too, and was left open to other users of this machine; "
        f"close it with chmod 700 '{folder}', or set VQ_HOME to a folder of its own."
    ]


def partial(path: Path) -> Path:
    """Return the path of a file while it is written, before it is renamed."""
    return path.with_name(f".{path.name[:NAME_SHOWN]}.partial")


@contextmanager
def partial_file(path: Path) -> Iterator[BinaryIO]:
    """Write the partial of a file, readable by the user alone, and flush it.

    The caller puts it in place (`put_in_place`) or removes it.
    """
    partial(path).unlink(missing_ok=True)
    descriptor = os.open(partial(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb", buffering=BUFFER_BYTES) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def put_in_place(*paths: Path) -> None:
    """Rename the partials of files of one folder to their places, and flush the folder."""
    for path in paths:
        partial(path).replace(path)
    flush(paths[0].parent)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file, readable only by the user. It takes its place when the block ends without an error."""
    try:
        with partial_file(path) as file:
            yield file
        put_in_place(path)
    finally:
        partial(path).unlink(missing_ok=True)


def partial_folders(path: Path) -> list[Path]:
    """Return the partial folders that killed processes left beside a folder."""
    return list(path.parent.glob(f".{glob.escape(path.name[:NAME_SHOWN])}.*.partial"))


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Fill a private folder. It is flushed and takes its place when the block ends without an error.

    Raises:
        OSError: there is a folder already, and it is not empty.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in partial_folders(path):
        shutil.rmtree(left, ignore_errors=True)
    growing = Path(tempfile.mkdtemp(".partial", f".{path.name[:NAME_SHOWN]}.", path.parent))  # a unique name
    try:
        yield growing
        flush_all(growing)
        growing.rename(path)
        flush(path.parent)
    finally:
        shutil.rmtree(growing, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file that ends with a newline."""
    with new_file(path) as file:
        file.write(f"{text}\n".encode())


def write_json(path: Path, value: object, *, indent: int | None = None) -> None:
    """Write a value as JSON."""
    write_text(path, to_json(value, indent=indent))


def read_object(path: Path) -> dict[str, Any] | None:
    """Return the object in a JSON file, or None if the file is missing or holds anything else."""
    try:
        require_regular(path)
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def require_regular(path: Path) -> None:
    """Check that a path is a regular file, or a link to one, before it is opened: opening a pipe could block forever.

    Raises:
        OSError: it is a folder, a pipe, a socket or a device; or it is missing or not permitted.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is a pipe, a socket or a device", str(path))


def flush(path: Path) -> None:
    """Flush a file, or the list of names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_all(folder: Path) -> None:
    """Flush a folder, everything in it, and its own entry in its parent."""
    for path in folder.rglob("*"):
        if not path.is_symlink():
            flush(path)
    flush(folder)
    flush(folder.parent)


def size(folder: Path) -> int:
    """Return the total size of the files in a folder in bytes. Links are not followed; vanished files do not count."""
    total = 0
    for parent, _, files in os.walk(folder.resolve()):
        for file in files:
            try:
                total += os.lstat(Path(parent) / file).st_size
            except OSError:
                continue
    return total


def free_bytes(folder: Path) -> int:
    """Return the free bytes on the disk of an existing folder."""
    return shutil.disk_usage(folder).free
