"""The text of a message out of `attributedBody`: an attributed string in Apple's typedstream format.

Three ways, the first that works: the string found by its class name and checked against its length and its end mark
(a microsecond), pytypedstream's reader (seventy), and the column `text`, which is the caller's.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import NamedTuple

from ventriloquist.sources.imessage.utf8 import decode_utf8

MAX_BYTES = 64 << 20  # of a body; the longest message that Messages accepts is far below
MAX_SLOW_BYTES = 1 << 20  # pytypedstream builds an object a value
MAX_DEPTH = 64  # nested objects; genuine bodies have 4

_HEADER = b"\x04\x0bstreamtyped\x81\xe8\x03"  # version 4, little endian, system version 1000
_STRING_CLASS = b"NSString\x01"  # and its version
_STRING_DATA = b"\x84\x01+"  # the encoding of a string's bytes, new here
_FIRST_REFERENCE = 0x92  # lower bytes are tags
_END_OF_OBJECT = 0x86

ONE_TIME_CODE = b"__kIMOneTimeCodeAttributeName"
AUDIO_TRANSCRIPTION = b"IMAudioTranscription"


class Body(NamedTuple):
    """What is in a body: its text with placeholders, and where in the bytes the attributes begin."""

    text: str
    attributes_at: int


def decode(body: bytes) -> Body | None:
    """Decode a body, or return None when it is damaged or too large. Never raises, whatever the bytes."""
    return _decode_fast(body) or _decode_slowly(body)


def _decode_fast(body: bytes) -> Body | None:
    """Find the string's class, read the length after it, and accept what fits exactly and ends like an object."""
    if not body.startswith(_HEADER) or len(body) > MAX_BYTES:
        return None
    at = body.find(_STRING_CLASS, 16, 256) + len(_STRING_CLASS)
    if at < len(_STRING_CLASS) or body[at + 1 : at + 4] != _STRING_DATA or body[at] < _FIRST_REFERENCE:
        return None
    try:
        length = body[at + 4]
        start = at + 5
        if length == 0x81:
            (length,) = struct.unpack_from("<H", body, start)
            start += 2
        elif length == 0x82:
            (length,) = struct.unpack_from("<I", body, start)
            start += 4
        elif length > 0x7F:
            return None
        end = start + length
        if body[end] != _END_OF_OBJECT:
            return None
        return Body(body[start:end].decode(), end)
    except (IndexError, struct.error, UnicodeDecodeError):
        return None


def _decode_slowly(body: bytes) -> Body | None:
    """Read the stream event by event up to its first string; damage behind that does not matter."""
    if len(body) > MAX_SLOW_BYTES:
        return None
    stream = io.BytesIO(body)
    try:
        for data in _string_values(stream):
            return Body(decode_utf8(data), stream.tell())
    except Exception:  # damaged bytes make pytypedstream raise anything, RecursionError included
        return None
    return None


def attribute_strings(body: Body, data: bytes, name: bytes) -> list[str]:
    """Return the strings that follow the attribute `name` in a body's attributes, most often one or none."""
    if len(data) > MAX_SLOW_BYTES or data.find(name, body.attributes_at) < 0:
        return []
    found: list[str] = []
    try:
        values = _string_values(io.BytesIO(data))
        found.extend(decode_utf8(next(values)) for value in values if value == name)
    except Exception:  # noqa: S110  # what was read before the damage still counts
        pass
    return found


def _string_values(stream: io.BytesIO) -> Iterator[bytes]:
    """Yield the bytes of each NSString in a typedstream, in order.

    Raises:
        Exception: anything, on damaged input.
    """
    from typedstream.stream import BeginObject, BeginTypedValues, EndObject, TypedStreamReader

    depth = 0
    string_follows = False
    for event in TypedStreamReader(stream):
        if isinstance(event, BeginObject):
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError
        elif isinstance(event, EndObject):
            depth -= 1
        elif isinstance(event, BeginTypedValues):
            string_follows = event.encodings == [b"+"]
        elif string_follows and isinstance(event, bytes):
            yield event
            string_follows = False
