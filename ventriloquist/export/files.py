"""Files that are whole or absent: written beside their place, hashed on the way, renamed when complete."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, cast

from ventriloquist.export.rows import Row
from ventriloquist.windows import Split

BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One exported file: `bytes` and `sha256` are the file's, compressed or not."""

    name: str
    split: Split
    rows: int
    targets: int
    bytes: int
    sha256: str


def write_rows(path: Path, split: Split, rows: Iterable[Row], advance: Callable[[int], None]) -> ExportedFile:
    """Write rows to `path`, compressed where its name ends in .gz, readable by the user alone."""
    count = targets = 0
    with ExitStack() as stack:
        raw = stack.enter_context(_private_file(path))
        hashed = _HashedFile(raw)
        out = cast("BinaryIO", hashed)
        if path.suffix == ".gz":
            out = stack.enter_context(compressed(out))
        for row in rows:
            out.write(row.data)
            count += 1
            targets += row.targets
            advance(row.targets)
    return ExportedFile(path.name, split, count, targets, hashed.bytes, hashed.digest.hexdigest())


class _HashedFile:
    """The writing half of a file, hashed and counted."""

    def __init__(self, out: BinaryIO) -> None:
        self.bytes = 0
        self.digest = sha256()
        self._out = out

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.bytes += len(data)
        return self._out.write(data)

    def flush(self) -> None:
        self._out.flush()


def compressed(out: BinaryIO) -> AbstractContextManager[BinaryIO]:
    """Return a file that compresses into another; without a name and a time, so that equal rows give equal bytes."""
    return cast("AbstractContextManager[BinaryIO]", gzip.GzipFile("", "wb", 6, out, mtime=0))


def partial(path: Path) -> Path:
    """Return where a file grows before it is renamed into place."""
    return path.with_name(f".{path.name}.partial")


@contextmanager
def _private_file(path: Path) -> Iterator[BinaryIO]:
    descriptor = os.open(partial(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb", buffering=BUFFER_BYTES) as out:
        partial(path).chmod(0o600)  # whatever was there before
        yield out
        out.flush()
        os.fsync(out.fileno())
