"""Write message bodies as Messages stores them: attributed strings in Apple's typedstream format (NSArchiver)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

PART = "__kIMMessagePartAttributeName"  # every run has one, counted from 0
FILE_TRANSFER = "__kIMFileTransferGUIDAttributeName"  # on the U+FFFC of an attachment
MENTION = "__kIMMentionConfirmedMention"  # the handle of the person who is mentioned
ONE_TIME_CODE = "__kIMOneTimeCodeAttributeName"  # a dictionary with the code
AUDIO_TRANSCRIPTION = "IMAudioTranscription"  # what a voice message says

ATTACHMENT_SLOT = "\ufffc"

Value = int | str | Mapping[str, "Value"]

_HEADER = b"\x04\x0bstreamtyped\x81\xe8\x03"  # version 4, little endian, system version 1000
_NEW, _NIL, _END = 0x84, 0x85, 0x86
_FIRST_REFERENCE = -110  # lower bytes are tags
# class: its version and the class above it
_CLASSES: dict[str, tuple[int, str | None]] = {
    "NSObject": (0, None),
    "NSString": (1, "NSObject"),
    "NSMutableString": (1, "NSString"),
    "NSAttributedString": (0, "NSObject"),
    "NSMutableAttributedString": (0, "NSAttributedString"),
    "NSDictionary": (0, "NSObject"),
    "NSValue": (0, "NSObject"),
    "NSNumber": (0, "NSValue"),
}


class Run(NamedTuple):
    """A piece of text with the same attributes."""

    text: str
    attributes: Mapping[str, Value] = {PART: 0}


def attributed_body(runs: Sequence[Run], *, mutable: bool = True) -> bytes:
    """Archive an attributed string; both classes occur in genuine databases.

    Raises:
        UnicodeEncodeError: a run's text holds a lone surrogate.
    """
    archiver = _Archiver()
    archiver.begin("NSMutableAttributedString" if mutable else "NSAttributedString")
    archiver.string("".join(run.text for run in runs), "NSMutableString" if mutable else "NSString")
    numbers: dict[str, int] = {}  # equal attributes are written once and numbered from 1
    for run in runs:
        key = repr(run.attributes)
        known = numbers.get(key)
        number = numbers.setdefault(key, len(numbers) + 1)
        archiver.encoding("iI")
        archiver.integer(number)
        archiver.integer(utf16_length(run.text))
        if known is None:
            archiver.value(run.attributes)
    archiver.end()
    return bytes(archiver.data)


def plain_body(text: str, *, mutable: bool = True) -> bytes:
    """Archive plain text: the same as `attributed_body([Run(text)])`, ten times as fast."""
    head, middle, tail = _plain_frame(mutable)
    encoded = text.encode()
    return b"".join((head, _integer(len(encoded)), encoded, middle, _integer(utf16_length(text)), tail))


@cache
def _plain_frame(mutable: bool) -> tuple[bytes, bytes, bytes]:
    """Return the bytes before, between and after the two lengths in a plain body."""
    empty = attributed_body([Run("")], mutable=mutable)
    opening, middle = b"\x84\x01+", b"\x86\x84\x02iI\x01"
    head, rest = empty.split(opening + _integer(0) + middle)
    return head + opening, middle, rest[len(_integer(0)) :]


def _integer(value: int) -> bytes:
    if -110 <= value <= 127:
        return value.to_bytes(1, "little", signed=True)
    if -0x8000 <= value <= 0x7FFF:
        return b"\x81" + value.to_bytes(2, "little", signed=True)
    return b"\x82" + value.to_bytes(4, "little", signed=True)


def utf16_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


class _Archiver:
    """The bytes so far, and tables of the strings, classes and objects that later bytes can refer to."""

    def __init__(self) -> None:
        self.data = bytearray(_HEADER)
        self._strings: dict[str, int] = {}  # type encodings and class names
        self._classes: dict[str, int] = {}
        self._numbered = 0  # objects, classes and C strings so far: they share one table

    def integer(self, value: int) -> None:
        self.data += _integer(value)

    def encoding(self, types: str) -> None:
        """Write the types of the values that follow, or a reference to an earlier copy of them."""
        if types in self._strings:
            self.integer(_FIRST_REFERENCE + self._strings[types])
            return
        self._strings[types] = len(self._strings)
        self.data.append(_NEW)
        self.integer(len(types))
        self.data += types.encode()

    def begin(self, class_name: str) -> None:
        """Begin an object, a value of type `@`, with its classes up to one that was written before."""
        self.encoding("@")
        self.data.append(_NEW)
        self._numbered += 1
        name: str | None = class_name
        while name is not None and name not in self._classes:
            version, above = _CLASSES[name]
            self.data.append(_NEW)
            self.encoding(name)
            self.integer(version)
            self._classes[name] = self._numbered
            self._numbered += 1
            name = above
        if name is None:
            self.data.append(_NIL)
        else:
            self.integer(_FIRST_REFERENCE + self._classes[name])

    def end(self) -> None:
        self.data.append(_END)

    def string(self, text: str, class_name: str = "NSString") -> None:
        encoded = text.encode()
        self.begin(class_name)
        self.encoding("+")
        self.integer(len(encoded))
        self.data += encoded
        self.end()

    def value(self, value: Value) -> None:
        """Write an attribute's value: a number, a string or a dictionary."""
        if isinstance(value, str):
            self.string(value)
        elif isinstance(value, int):
            self.begin("NSNumber")
            self.encoding("*")  # the number's own type, as a C string
            self.data.append(_NEW)
            self._numbered += 1
            self.encoding("i")
            self.encoding("i")
            self.integer(value)
            self.end()
        else:
            self.begin("NSDictionary")
            self.encoding("i")
            self.integer(len(value))
            for key, item in value.items():
                self.string(key)
                self.value(item)
            self.end()
