"""Decoding the text of a message from `attributedBody`, an attributed string in Apple's typedstream format.

The fast way finds the string by its class name and checks its length and end mark (a microsecond). If that fails,
pytypedstream reads the stream (seventy microseconds). If that fails too, the caller uses the column `text`.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from typedstream.stream import (
    BeginArray,
    BeginObject,
    BeginStruct,
    BeginTypedValues,
    CString,
    EndArray,
    EndObject,
    EndStruct,
    ObjectReference,
    SingleClass,
    TypedStreamReader,
)

from ventriloquist.sources.imessage.texts import clean, decode_utf8, without_slots

MAX_BYTES = 64 << 20  # of a body; the longest message that Messages accepts is far below
MAX_SLOW_BYTES = 1 << 20  # pytypedstream builds an object for each value
MAX_DEPTH = 64  # nested values; genuine bodies have 4
MAX_SHARED_STRING_BYTES = 128  # a class name or an encoding
EVENTS_TO_TEXT = 100  # at most, before the text; genuine bodies need 14
EVENTS_OF_ATTRIBUTES = 2_000  # a run has about 30

_HEADER = b"\x04\x0bstreamtyped\x81\xe8\x03"  # version 4, little endian, system version 1000
_STRING_CLASS = b"NSString\x01"  # and its version
_STRING_DATA = b"\x84\x01+"  # the encoding of a string's bytes, at its first use
# The start of nearly all bodies, up to the string's length: a mutable attributed string, or an immutable one.
_MUTABLE = (
    _HEADER + b"\x84\x01@\x84\x84\x84\x19NSMutableAttributedString\x00\x84\x84\x12NSAttributedString\x00"
    b"\x84\x84\x08NSObject\x00\x85\x92\x84\x84\x84\x0fNSMutableString\x01\x84\x84\x08NSString\x01\x95\x84\x01+"
)
_IMMUTABLE = (
    _HEADER + b"\x84\x01@\x84\x84\x84\x12NSAttributedString\x00\x84\x84\x08NSObject\x00\x85\x92"
    b"\x84\x84\x84\x08NSString\x01\x94\x84\x01+"
)
_FIRST_REFERENCE = 0x92  # lower bytes are tags
_END_OF_OBJECT = 0x86

ONE_TIME_CODE = b"__kIMOneTimeCodeAttributeName"
PART = b"__kIMMessagePartAttributeName"
FILE_TRANSFER = b"__kIMFileTransferGUIDAttributeName"
EMOJI_IMAGE = b"__kIMEmojiImageAttributeName"  # a sticker or Genmoji inside the text
ADAPTIVE_IMAGE = b"AdaptiveImage"  # part of the names of AppKit's attributes for the same
AUDIO_TRANSCRIPTION = b"IMAudioTranscription"


Body = tuple[str, int, str]
"""The text of a body without slots and lone surrogates; the offset of the attributes; the text with slots."""


def decode(body: bytes) -> Body | None:
    """Decode a body. Return None if it is damaged or too large. Never raise, whatever the bytes.

    The fast path accepts a string only if the end mark of an object follows its last byte.
    """
    try:
        if body.startswith(_MUTABLE):
            at = len(_MUTABLE)
        elif body.startswith(_IMMUTABLE):
            at = len(_IMMUTABLE)
        else:
            at = _find_length(body)
        length = body[at]
        at += 1
        if length > 0x7F:
            length, at = _long_length(body, at)
        end = at + length
        if body[end] == _END_OF_OBJECT:
            text = body[at:end].decode()
            return text if text.isascii() else without_slots(text), end, text
    except (IndexError, ValueError, struct.error):
        pass
    return _decode_slowly(body)


def _find_length(body: bytes) -> int:
    """Return the offset of the string's length in a body with an unusual start.

    Raises:
        ValueError: no string was found.
    """
    if not body.startswith(_HEADER):
        raise ValueError
    at = body.index(_STRING_CLASS, len(_HEADER), 256) + len(_STRING_CLASS) + 1
    if body[at - 1] < _FIRST_REFERENCE or body[at : at + 3] != _STRING_DATA:
        raise ValueError
    return at + 3


def _long_length(body: bytes, at: int) -> tuple[int, int]:
    """Return a length of two or four bytes, and the offset after it.

    Raises:
        ValueError: it is not a length, or the body is too large.
        struct.error: the body ends within it.
    """
    tag = body[at - 1]
    if len(body) > MAX_BYTES:
        raise ValueError
    if tag == 0x81:
        return struct.unpack_from("<H", body, at)[0], at + 2
    if tag == 0x82:
        return struct.unpack_from("<I", body, at)[0], at + 4
    raise ValueError(tag)


def _decode_slowly(body: bytes) -> Body | None:
    """Read the stream event by event up to its first string. Damage after that does not matter."""
    if len(body) > MAX_SLOW_BYTES:
        return None
    stream = io.BytesIO(body)
    try:
        for data in _string_values(stream, EVENTS_TO_TEXT):
            text = decode_utf8(data)
            return clean(text), stream.tell(), text
    except Exception:  # damaged bytes make pytypedstream raise anything, RecursionError included
        return None
    return None


def attribute_strings(body: Body, data: bytes, name: bytes, most: int) -> list[str]:
    """Return the strings that follow the attribute `name` in a body, usually one or none.

    At most so many are returned, and no more bytes than the body has: a few bytes can refer to a long string again.
    """
    if len(data) > MAX_SLOW_BYTES or data.find(name, body[1]) < 0:
        return []
    found: list[str] = []
    left = len(data)
    try:
        values = _string_values(io.BytesIO(data), EVENTS_OF_ATTRIBUTES)
        while len(found) < most:
            if next(values) == name:
                value = next(values)
                left -= len(value)
                if left < 0:
                    break
                found.append(decode_utf8(value))
    except Exception:  # noqa: S110  # the end, or keep what was read before the damage
        pass
    return found


_Value = bytes | int | None  # None: another type


class Run(NamedTuple):
    """A stretch of a body's text with its attributes."""

    length: int  # UTF-16 units
    attributes: dict[bytes, _Value]


def attribute_runs(data: bytes) -> list[Run]:
    """Return the runs of a body in the order of its text, up to the first damage. Slow: half a millisecond."""
    runs: list[Run] = []
    if len(data) > MAX_SLOW_BYTES:
        return runs
    of_number: dict[int, dict[bytes, _Value]] = {}
    try:
        for number, length, items in _run_items(io.BytesIO(data)):
            if items is not None:
                pairs = zip(items[::2], items[1::2], strict=False)
                of_number[number] = {key: value for key, value in pairs if isinstance(key, bytes)}
            runs.append(Run(length, of_number.get(number, {})))
    except Exception:  # noqa: S110  # keep what was read before the damage
        pass
    return runs


def _run_items(  # noqa: PLR0912  # one branch for each event
    stream: io.BytesIO,
) -> Iterator[tuple[int, int, list[_Value] | None]]:
    """Yield the number and length of each run, and its dictionary as alternating keys and values.

    The runs follow the text. Each is a pair of numbers, with a dictionary after it if the first number is new. For a
    known number None is yielded: its dictionary is the one that came with it before.

    Raises:
        Exception: anything, on damaged input.
    """
    depth = 0
    numbers: list[int] | None = None  # of the run that is being read
    items: list[_Value] | None = None
    values: list[_Value] = []  # of all objects that can be referenced, by number
    opened: list[int] = []  # the objects that are being read
    for event in islice(_Reader(stream), EVENTS_OF_ATTRIBUTES):
        if isinstance(event, BeginTypedValues):
            if depth == 1 and event.encodings == [b"i", b"I"]:
                if numbers:
                    yield numbers[0], numbers[1], items
                numbers, items = [], None
        elif isinstance(event, (BeginObject, SingleClass, CString)):
            values.append(None)
            if isinstance(event, BeginObject):
                opened.append(len(values) - 1)
                depth += 1
                if depth > MAX_DEPTH:
                    raise ValueError
                if depth == 2 and numbers:
                    items = []
        elif isinstance(event, EndObject):
            depth -= 1
            ended = opened.pop()
            if depth == 2 and items is not None:
                items.append(values[ended])
        elif isinstance(event, ObjectReference):
            if depth == 2 and items is not None and event.referenced_type is ObjectReference.Type.OBJECT:
                items.append(values[event.number])
        elif isinstance(event, int) and depth == 1 and numbers is not None:
            numbers.append(event)
        elif isinstance(event, (bytes, int)) and depth >= 3:
            values[opened[-1]] = event
    if numbers:
        yield numbers[0], numbers[1], items


class _Reader(TypedStreamReader):  # type: ignore[misc]  # pytypedstream has no types that mypy sees
    """pytypedstream's reader, but it refuses long encodings: nested ones are parsed again at every level."""

    def _read_shared_string(self, head: int | None = None) -> bytes | None:
        string: bytes | None = super()._read_shared_string(head)
        if string is not None and len(string) > MAX_SHARED_STRING_BYTES:
            raise ValueError
        return string


def _string_values(stream: io.BytesIO, events: int) -> Iterator[bytes]:
    """Yield the bytes of each NSString in a typedstream, in order, and again for each reference to one.

    At most so many events are read: a few bytes can stand for millions.

    Raises:
        Exception: anything, on damaged input.
    """
    depth = 0
    string_follows = False
    numbered: list[bytes | None] = []  # all objects that can be referenced; strings with their bytes
    newest_object = 0
    for event in islice(_Reader(stream), events):
        if isinstance(event, BeginObject):
            newest_object = len(numbered)
        if isinstance(event, (BeginObject, SingleClass, CString)):
            numbered.append(None)
        if isinstance(event, (BeginObject, BeginArray, BeginStruct)):
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError
        elif isinstance(event, (EndObject, EndArray, EndStruct)):
            depth -= 1
        elif isinstance(event, BeginTypedValues):
            string_follows = event.encodings == [b"+"]
        elif isinstance(event, ObjectReference) and event.referenced_type is ObjectReference.Type.OBJECT:
            referred = numbered[event.number]
            if referred is not None:
                yield referred
        elif string_follows and isinstance(event, bytes):
            numbered[newest_object] = event
            yield event
            string_follows = False
