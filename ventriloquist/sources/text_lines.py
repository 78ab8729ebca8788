"""Lines of a text file that another application wrote."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ventriloquist.errors import SourceError

CHUNK_BYTES = 1 << 18
MOST_LINE_BYTES = 1 << 24


def lines(file: BinaryIO, path: Path) -> Iterator[str]:
    """Yield the lines of a file in UTF-8, or in UTF-16 if it says so."""
    chunk = file.read(CHUNK_BYTES)
    if chunk[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        encoding = "utf-16-le" if chunk[:2] == codecs.BOM_UTF16_LE else "utf-16-be"
        yield from _wide_lines(chunk, file, path, encoding)
        return
    rest, is_damaged = b"", False
    while chunk:
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > MOST_LINE_BYTES:
            raise SourceError(f"{path} has a line longer than any message.", hint="Export the chat again.")
        chunk = file.read(CHUNK_BYTES)
        if rest and not chunk:
            whole.append(rest)
        for data in whole:
            if is_damaged:
                raise SourceError(f"{path} is not UTF-8.", hint="Export the chat again, and do not edit the file.")
            try:
                line = data.decode()
            except UnicodeDecodeError:  # if it is the last line, the file was cut off in the middle of a character
                line, is_damaged = data.decode(errors="replace"), True
            yield line[:-1] if line[-1:] == "\r" else line


def _wide_lines(start: bytes, file: BinaryIO, path: Path, encoding: str) -> Iterator[str]:
    """Yield the lines of a file in UTF-16, as some editors save it."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    text, data = "", start[2:]
    while data:
        text += decoder.decode(data)
        if len(text) > MOST_LINE_BYTES:
            raise SourceError(f"{path} has a line longer than any message.", hint="Export the chat again.")
        *whole, text = text.split("\n")
        yield from (line.removesuffix("\r") for line in whole)
        data = file.read(1 << 16)
    if text:
        yield text
