"""JSON files of any size: walk to the array that matters, and decode one element of it at a time."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ventriloquist.errors import SourceError

CHUNK_BYTES = 1 << 20
MOST_CHARACTERS = 16 << 20  # of one element: a message has a few hundred
MOST_ID = 1 << 63
NEAR_END = 16  # characters; an error this close to the end of what was read may be a value that goes on

_SPACE = re.compile(r"[ \t\r\n]*")
_AFTER_ELEMENT = re.compile(r"[ \t\r\n]*([,\]])[ \t\r\n]*")
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|.)", re.DOTALL)
# Telegram Desktop 4.1 wrote the path of a custom emoji without quotes. A line never begins inside a string.
_BARE_KEY = '"document_id": '
_BARE_PATH = re.compile(rf'^([ \t]*{_BARE_KEY})(?!null\b)[^"\s][^\n]*?(,?)$(?=\n)', re.MULTILINE)
_LONG_INT_DIGITS = 4000  # Python refuses to convert more than 4300


def _int(digits: str) -> int | float:
    return int(digits) if len(digits) < _LONG_INT_DIGITS else float(digits)


# `raw_decode` is this and a frame more
_decode: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(strict=False).scan_once  # type: ignore[attr-defined]
_decode_long = json.JSONDecoder(strict=False, parse_int=_int).raw_decode


class JsonStream:
    """A cursor in a JSON file. Each value must be consumed by `value`, `members`, `items` or `skip`, in order.

    UTF-8 and UTF-16 are read, with a byte order mark or without. Bytes that are not UTF-8 become U+FFFD.
    Telegram writes control characters as `\\x0B`, which is not JSON: such an escape is read as `\\u000B`.
    """

    def __init__(self, file: BinaryIO, path: Path, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._file, self._path, self._chunk_bytes = file, path, chunk_bytes
        self._decoder: codecs.IncrementalDecoder | None = None
        self._text, self._at, self._rest = "", 0, ""
        self._before = 0  # characters before self._text
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
            except StopIteration as error:
                problem, place = "a value is missing", error.value
            except json.JSONDecodeError as error:
                problem, place = error.msg, error.pos
            except ValueError:
                value, end = self._with_long_numbers()
                self._at = end
                return value
            except RecursionError:
                raise self._damaged("it is nested too deeply") from None
            else:
                if not self._may_go_on(value, end):
                    self._at = end
                    return value
                problem, place = "", end
            if problem and self._text.endswith(_BARE_KEY, 0, place):
                if self._repaired():
                    continue
                place = place if "\n" in self._text[place:] else len(self._text)
            self._require_more(problem, place)

    def members(self) -> Iterator[str]:
        """Walk an object: yield each key; the caller consumes its value before the next one."""
        self._expect("{")
        while self.peek() != "}":
            key = self.value()
            if not isinstance(key, str):
                raise self._damaged("a key is not a string")
            self._expect(":")
            yield key
            self._to_next("}")
        self._at += 1

    def items(self) -> Iterator[None]:
        """Walk an array: yield once for each element; the caller consumes it."""
        self._expect("[")
        while self.peek() != "]":
            yield
            self._to_next("]")
        self._at += 1

    def values(self) -> Iterator[Any]:
        """Decode the elements of an array, one at a time."""
        self._expect("[")
        if self.peek() == "]":
            self._at += 1
            return
        after, decode = _AFTER_ELEMENT.match, _decode
        while True:
            text = self._text
            try:
                value, end = decode(text, self._at)
            except (ValueError, StopIteration, RecursionError):
                value, end = self.value(), self._at
                text = self._text
            found = after(text, end)
            if found is not None and found.end() < len(text):
                self._at = found.end()
                yield value
                if found[1] == "]":
                    return
                continue
            if self._may_go_on(value, end):
                value = self.value()
            else:
                self._at = end
            yield value
            self._to_next("]")
            if self.peek() == "]":
                self._at += 1
                return

    def skip(self) -> None:
        """Pass over the next value. An array or an object may be of any size, but not what is in it."""
        first = self.peek()
        if first == "[":
            for _ in self.values():
                pass
        elif first == "{":
            for _ in self.members():
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

    def _to_next(self, end: str) -> None:
        """Pass over the comma after an element, unless it is the last one."""
        found = self.peek()
        if found == ",":
            self._at += 1
            if self.peek() != end:
                return
        elif found == end:
            return
        raise self._damaged(f"it has {self._shown()} where ',' or {end!r} should be")

    def _expect(self, character: str) -> None:
        if self.peek() != character:
            raise self._damaged(f"it has {self._shown()} where {character!r} should be")
        self._at += 1

    def _shown(self) -> str:
        return repr(self._text[self._at : self._at + 1]) if self._at < len(self._text) else "nothing"

    def _may_go_on(self, value: Any, end: int) -> bool:
        """Tell whether a number at the end of what was read may have more digits, a fraction or an exponent."""
        is_number = type(value) is int or type(value) is float
        return is_number and end >= len(self._text) - len("e+") and not self._is_over

    def _with_long_numbers(self) -> tuple[Any, int]:
        """Decode a value with a number that Python's `int` refuses: it becomes a float."""
        while True:
            try:
                value, end = _decode_long(self._text, self._at)
            except json.JSONDecodeError as error:
                self._require_more(error.msg, error.pos)
            except RecursionError:
                raise self._damaged("it is nested too deeply") from None
            else:
                if not self._may_go_on(value, end):
                    return value, end
                self._require_more("", end)

    def _require_more(self, problem: str, place: int) -> None:
        """Read on if the value may be complete then.

        Raises:
            SourceError: it cannot.
        """
        is_open = problem.startswith("Unterminated") or place >= len(self._text) - NEAR_END
        if self._is_over or not is_open:
            self._at = place
            is_cut = self._is_over and (problem.startswith("Unterminated") or place >= len(self._text.rstrip()))
            raise self._damaged("it ends in the middle of a value" if is_cut else f"it is not JSON ({problem})")
        if len(self._text) - self._at > MOST_CHARACTERS:
            raise self._damaged(f"a value has more than {MOST_CHARACTERS >> 20} million characters")
        self._fill()

    def _repaired(self) -> bool:
        """Put null for the paths without quotes from the cursor on, and tell whether there were any."""
        text, count = _BARE_PATH.subn(r"\1null\2", self._text[self._at :])
        self._text = self._text[: self._at] + text
        return count > 0

    def _fill(self) -> None:
        """Read as much again as there is, a chunk at least."""
        data = self._file.read(max(self._chunk_bytes, len(self._text) - self._at))
        self._is_over = not data
        if self._decoder is None:
            while data and len(data) < 4 and (more := self._file.read(4 - len(data))):  # a mark's size
                data += more
            self._decoder = codecs.getincrementaldecoder(encoding_of(data))("replace")
        text = self._rest + self._decoder.decode(data, final=self._is_over)
        self._rest = ""
        if "\\" in text:
            if not self._is_over and (open_at := _open_escape(text)) is not None:
                text, self._rest = text[:open_at], text[open_at:]
            if "\\x" in text:
                text = _ESCAPE.sub(lambda match: f"\\u00{match[1]}" if match[1] else match[0], text)
        self._before += self._at
        self._text = self._text[self._at :] + text
        self._at = 0

    def _damaged(self, why: str) -> SourceError:
        return SourceError(f"{self._path} is damaged at character {self._before + self._at + 1:,}: {why}.",
                           hint="Export it again.")  # fmt: skip


def encoding_of(data: bytes) -> str:
    """Return the encoding of a JSON file by its first bytes: the first character of JSON is ASCII."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if data[:3] == b"\xef\xbb\xbf":
        return "utf-8-sig"
    if data[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if data[:1] == b"\0" else "utf-8"


def as_utf8(data: bytes) -> bytes:
    """Return the beginning of a JSON file as UTF-8, for whoever looks for marks in it."""
    encoding = encoding_of(data)
    return data if encoding == "utf-8" else data.decode(encoding, "ignore").encode()


def _open_escape(text: str) -> int | None:
    """Return where a backslash at the end begins an escape that may go on, as `\\x0B` may."""
    for after in range(min(3, len(text))):
        end = len(text) - after
        if text[end - 1] == "\\":
            is_escape = (end - len(text[:end].rstrip("\\"))) % 2 == 1
            return end - 1 if is_escape else None
    return None


def whole_number(value: object) -> int | None:
    """Return a number, or the number that a string says, if it is an id; None for anything else."""
    if isinstance(value, str):
        if not value.isdecimal() or not value.isascii() or len(value) > 19:
            return None
        value = int(value)
    elif not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if -MOST_ID <= value < MOST_ID else None
