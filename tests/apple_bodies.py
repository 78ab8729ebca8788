"""Message bodies for tests, written byte by byte from the description of the format, by none of the package's code."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

PART = "__kIMMessagePartAttributeName"
ONE_TIME_CODE = "__kIMOneTimeCodeAttributeName"
TRANSCRIPTION = "IMAudioTranscription"
MENTION = "__kIMMentionConfirmedMention"
FILE = "__kIMFileTransferGUIDAttributeName"
GLYPH = "__kIMEmojiImageAttributeName"

_SUPER = {
    "NSMutableAttributedString": (0, "NSAttributedString"),
    "NSAttributedString": (0, "NSObject"),
    "NSMutableString": (1, "NSString"),
    "NSString": (1, "NSObject"),
    "NSDictionary": (0, "NSObject"),
    "NSNumber": (0, "NSValue"),
    "NSValue": (0, "NSObject"),
    "NSObject": (0, None),
}


class Stream:
    """An archive that is being written: two tables of what came before, and bytes."""

    def __init__(self) -> None:
        self.out = bytearray(b"\x04\x0bstreamtyped\x81\xe8\x03")
        self.strings: list[str] = []
        self.objects: list[Any] = []
        self.constants: dict[str, int] = {}  # attribute names and values: written once, then referred to

    def integer(self, value: int, *, unsigned: bool = False) -> None:
        if value < 128 if unsigned else -110 <= value <= 127:
            self.out += bytes([value & 0xFF])
        elif value <= 0x7FFF:
            self.out += b"\x81" + struct.pack("<H" if unsigned else "<h", value)
        else:
            self.out += b"\x82" + struct.pack("<I" if unsigned else "<i", value)

    def shared(self, string: str) -> None:
        if string in self.strings:
            self.out.append(0x92 + self.strings.index(string))
        else:
            self.strings.append(string)
            self.out += bytes([0x84, len(string)]) + string.encode()

    def begin(self, name: str) -> None:
        """Begin an object, whose class and superclasses are written where they are new."""
        self.out.append(0x84)
        self.objects.append(object())
        while name:
            if name in self.objects:
                self.out.append(0x92 + self.objects.index(name))
                return
            self.objects.append(name)
            self.out.append(0x84)
            self.shared(name)
            version, above = _SUPER[name]
            self.integer(version)
            name = above or ""
        self.out.append(0x85)

    def string(self, text: str, name: str = "NSString") -> None:
        data = text.encode("utf-8", "surrogatepass")
        self.begin(name)
        self.shared("+")
        self.integer(len(data), unsigned=True)
        self.out += data + b"\x86"

    def value(self, value: object) -> None:
        self.shared("@")
        if isinstance(value, str) and value in self.constants:
            self.integer(self.constants[value] - 110)
        elif isinstance(value, str):
            self.constants[value] = len(self.objects)
            self.string(value)
        elif isinstance(value, int):
            self.begin("NSNumber")
            self.shared("*")
            self.out.append(0x84)
            self.shared("i")
            self.objects.append(None)
            self.shared("i")
            self.integer(value)
            self.out.append(0x86)
        elif isinstance(value, Mapping):
            self.dictionary(value)

    def dictionary(self, values: Mapping[str, object]) -> None:
        self.begin("NSDictionary")
        self.shared("i")
        self.integer(len(values))
        for key, value in values.items():
            self.value(key)
            self.value(value)
        self.out.append(0x86)


def attributed(runs: Sequence[tuple[str, Mapping[str, object]]], *, mutable: bool = True) -> bytes:
    """Return the archive of an attributed string of some runs, each a text and its attributes."""
    stream = Stream()
    stream.shared("@")
    stream.begin("NSMutableAttributedString" if mutable else "NSAttributedString")
    stream.shared("@")
    stream.string("".join(text for text, _ in runs), "NSMutableString" if mutable else "NSString")
    for number, (text, attributes) in enumerate(runs, 1):
        stream.shared("iI")
        stream.integer(number)
        stream.integer(len(text.encode("utf-16-le", "surrogatepass")) // 2, unsigned=True)
        stream.shared("@")
        stream.dictionary(attributes)
    stream.out.append(0x86)
    return bytes(stream.out)


def body(text: str, *, mutable: bool = True, **attributes: object) -> bytes:
    """Return the body of a message of one part."""
    return attributed([(text, {PART: 0, **attributes})], mutable=mutable)
