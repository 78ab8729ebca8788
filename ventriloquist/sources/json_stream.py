"""JSON files of any size: walk to the array that matters, and decode one element of it at a time."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ventriloquist.errors import SourceError

CHUNK_BYTES = 1 << 20
MOST_CHARACTERS = 64 << 20  # of one element: a message has a few hundred
_SPACE = re.compile(r"[ \t\r\n\ufeff]*")
_HEX_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_OPEN_ESCAPE = re.compile(r"\\+[^\\]{0,2}\Z")
_decode = json.JSONDecoder(strict=False).raw_decode


class JsonStream:
    """A cursor in a JSON file. Each value must be consumed by `value`, `members`, `items` or `skip`, in order.

    Telegram writes control characters as `\\x0B`, which is not JSON: such an escape is read as `\\u000B`.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path = file, path
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text, self._at, self._rest = "", 0, ""
        self._is_over = False

    def value(self) -> Any:
        """Decode the next value whole.

        Raises:
            SourceError: it is not JSON, is nested too deeply, or is larger than any message.
        """
        self.peek()
        while True:
            try:
                value, end = _decode(self._text, self._at)
            except ValueError as error:
                if self._is_over:
                    raise self._damaged(str(error)) from None
            except RecursionError:
                raise self._damaged("it is nested too deeply") from None
            else:
                if end < len(self._text) or self._is_over:  # a number may go on behind the end
                    self._at = end
                    return value
            if len(self._text) - self._at > MOST_CHARACTERS:
                raise self._damaged(f"a value has more than {MOST_CHARACTERS >> 20} million characters")
            self._fill()

    def members(self) -> Iterator[str]:
        """Walk an object: yield each key; the caller consumes its value before the next one."""
        self._expect("{")
        while self.peek() != "}":
            key = self.value()
            self._expect(":")
            yield key
            if self.peek() == ",":
                self._at += 1
        self._at += 1

    def items(self) -> Iterator[None]:
        """Walk an array: yield once for each element; the caller consumes it."""
        self._expect("[")
        while self.peek() != "]":
            yield
            if self.peek() == ",":
                self._at += 1
        self._at += 1

    def values(self) -> Iterator[Any]:
        """Decode the elements of an array, one at a time."""
        for _ in self.items():
            yield self.value()

    def skip(self) -> None:
        """Pass over the next value, however large it is."""
        if self.peek() == "[":
            for _ in self.items():
                self.value()
        else:
            self.value()

    def peek(self) -> str:
        """Return the first character of what comes next, after white space; empty at the end of the file."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # it matches nothing, too
            if self._at < len(self._text) or self._is_over:
                return self._text[self._at : self._at + 1]
            self._fill()

    def _expect(self, character: str) -> None:
        found = self.peek()
        if found != character:
            raise self._damaged(f"{character!r} is missing")
        self._at += 1

    def _fill(self) -> None:
        """Read as much again as there is, a mebibyte at least."""
        data = self._file.read(max(CHUNK_BYTES, len(self._text) - self._at))
        self._is_over = not data
        text = self._rest + self._decoder.decode(data, final=self._is_over)
        self._rest = ""
        if ("\\" in text[-2:] and not self._is_over) or "\\x" in text:
            open_escape = None if self._is_over else _OPEN_ESCAPE.search(text)
            if open_escape:
                text, self._rest = text[: open_escape.start()], open_escape.group()
            text = _HEX_ESCAPE.sub(lambda match: f"\\u00{match[1]}" if match[1] else match[0], text)
        self._text = self._text[self._at :] + text
        self._at = 0

    def _damaged(self, why: str) -> SourceError:
        return SourceError(f"{self._path} is damaged: {why}.", hint="Export it again.")
