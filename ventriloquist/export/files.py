"""Write rows to a file that is hashed and counted on the way."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, cast

from ventriloquist.export.rows import ExportRow
from ventriloquist.fs import partial_file
from ventriloquist.windows import Split


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One exported file: `bytes` and `sha256` are the file's, compressed or not."""

    name: str
    split: Split
    rows: int
    targets: int
    bytes: int
    sha256: str


def write_rows(path: Path, split: Split, rows: Iterable[ExportRow], advance: Callable[[int], None]) -> ExportedFile:
    """Write rows to the partial of a file, compressed if its name ends in .gz; `advance` gets each row's targets."""
    count = targets = 0
    with ExitStack() as stack:
        hashed = HashedFile(stack.enter_context(partial_file(path)))
        out = cast("BinaryIO", hashed)
        if path.suffix == ".gz":
            out = stack.enter_context(compressed(out))
        for row in rows:
            out.write(row.data)
            count += 1
            targets += row.targets
            advance(row.targets)
    return ExportedFile(path.name, split, count, targets, hashed.bytes, hashed.digest.hexdigest())


class HashedFile:
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
    """Return a file that compresses into another; equal rows give equal bytes, since it stores no name and no time."""
    return cast("AbstractContextManager[BinaryIO]", gzip.GzipFile("", "wb", 6, out, mtime=0))
