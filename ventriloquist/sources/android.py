"""Android's "SMS Backup & Restore": one XML file with every SMS and MMS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from ventriloquist.errors import SourceError
from ventriloquist.sources.archive import Media, Person, Record, Said, Skipped, Thread
from ventriloquist.transcript import well_formed

CHUNK_BYTES = 1 << 20
_REFERENCES = re.compile(rb"(?:&#(?:x[0-9a-fA-F]{1,6}|[0-9]{1,7});)+")
_REFERENCE = re.compile(rb"&#(?:x([0-9a-fA-F]+)|([0-9]+));")
_OPEN_REFERENCES = re.compile(rb"(?:&#[x0-9a-fA-F]{0,8};)*(?:&#?[x0-9a-fA-F]{0,8})?\Z")
_DATA = re.compile(rb' data="[A-Za-z0-9+/=\s]{1000,}"')  # a text may quote something shorter
_OPEN_DATA = re.compile(rb' data="[A-Za-z0-9+/=\s]{1000,}\Z')
MOST_HELD = 1 << 16  # bytes that wait for what comes next
_SENDER, _RECIPIENTS = "137", ("151", "130", "129")


def read_android(file: BinaryIO, path: Path) -> Iterator[Record]:
    """Yield what a backup holds, one message in memory at a time; the bytes of pictures are never kept.

    Raises:
        SourceError: it is not XML, declares entities, or is damaged.
    """
    people: dict[str, str] = {}
    threads: dict[str, tuple[str, ...]] = {}
    for number, element in enumerate(_elements(file, path), 1):
        for record in _sms(element, number) if element.tag == "sms" else _mms(element, number):
            if isinstance(record, Person):
                if people.get(record.id) == record.name:
                    continue
                people[record.id] = record.name
            if isinstance(record, Thread):
                if threads.get(record.id) == record.members:
                    continue
                threads[record.id] = record.members
            yield record


def _elements(file: BinaryIO, path: Path) -> Iterator[Element]:
    """Yield each <sms> and <mms>, and free it."""
    parser: XMLPullParser[Element] = XMLPullParser(("start", "end"))
    root: Element | None = None
    depth = 0
    rest = b""
    inside_data = False
    try:
        while True:
            data = file.read(CHUNK_BYTES)
            chunk, rest, inside_data = _suited(rest + data, inside_data, is_last=not data)
            if b"<!ENTITY" in chunk or b"<!DOCTYPE" in chunk:
                raise SourceError(f"{path} declares a document type, which no backup does.", hint="Make a new backup.")
            if chunk:
                parser.feed(chunk)
            if not data:
                parser.close()
            for event, element in parser.read_events():
                if not isinstance(element, Element):
                    continue
                if event == "start":
                    depth += 1
                    root = element if root is None else root
                    continue
                depth -= 1
                if depth == 1 and element.tag in ("sms", "mms"):
                    yield element
                if depth == 1 and root is not None:
                    root.clear()
            if not data:
                return
    except ParseError as error:
        raise SourceError(f"{path} is damaged: {error}.", hint="Copy it again, or make a new backup.") from None


def _suited(data: bytes, inside_data: bool, *, is_last: bool) -> tuple[bytes, bytes, bool]:
    """Return bytes that are XML, what must wait for the next ones, and whether they end within a picture.

    Surrogate pairs, which are two references, become one; references that XML forbids go, and so do pictures.
    """
    if inside_data:
        end = data.find(b'"')
        if end < 0:
            return b"", b"", not is_last
        data = data[end:]
    if found := None if is_last else _OPEN_DATA.search(data):
        return _joined(_DATA.sub(b' data=""', data[: found.start()])) + b' data="', b"", True
    cut = len(data)
    if not is_last:
        held = data.rfind(b' data="', max(0, cut - 1100))  # too short yet to tell what it is
        found = _OPEN_REFERENCES.search(data, max(0, cut - MOST_HELD))
        cut = min(held if held >= 0 else cut, found.start() if found else cut)
    return _joined(_DATA.sub(b' data=""', data[:cut])), data[cut:], False


def _joined(data: bytes) -> bytes:
    return _REFERENCES.sub(_characters, data) if b"&#" in data else data


def _characters(found: re.Match[bytes]) -> bytes:
    """Write a run of references anew: surrogates are joined, and what XML forbids is dropped."""
    numbers = (int(hexadecimal, 16) if hexadecimal else int(decimal)
               for hexadecimal, decimal in _REFERENCE.findall(found[0]))  # fmt: skip
    text = "".join(chr(number) for number in numbers if number < 0x110000)
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return b"".join(b"&#%d;" % ord(char) for char in joined if char >= " " or char in "\t\n\r")


def _value(element: Element, name: str) -> str:
    value = element.get(name) or ""
    return "" if value == "null" else well_formed(value)


def _name(element: Element, name: str = "contact_name") -> str:
    found = _value(element, name)
    return "" if found.casefold() == "(unknown)" else found


def _ms(element: Element) -> int | None:
    value = _value(element, "date")
    return int(value) if value.isascii() and value.isdigit() and 0 < int(value) < 1 << 53 else None


def _sms(element: Element, number: int) -> Iterator[Record]:
    address, sent_at, text = _value(element, "address"), _ms(element), _value(element, "body")
    kind = element.get("type")
    id = f"sms {sent_at} {kind} {text}"
    if not address:
        yield Skipped("", f"{id} {number}", "no_chat")
        return
    yield Thread(address, "dm", "", (address,))
    if kind not in ("1", "2"):
        yield Skipped(address, id, "scheduled" if kind in ("3", "4", "6") else "failed")
    elif sent_at is None or not text:
        yield Skipped(address, id, "no_date" if sent_at is None else "empty")
    else:
        yield Person(address, _name(element), address)
        yield _ME
        yield Said(address, id, "me" if kind == "2" else address, sent_at, text)


_ME = Person("me", "", is_me=True)


def _mms(element: Element, number: int) -> Iterator[Record]:
    box, sent_at = element.get("msg_box"), _ms(element)
    parts = element.findall("./parts/part")
    text = "\n".join(_value(part, "text") for part in parts if part.get("ct") == "text/plain")
    text = text if text.strip() else ""
    media: Media = tuple(
        (None, part.get("ct"), _value(part, "cl") or _value(part, "name") or None)
        for part in parts
        if part.get("ct") not in ("text/plain", "application/smil", None)
    )
    addresses = element.findall("./addrs/addr")
    sender = next((_value(one, "address") for one in addresses if one.get("type") == _SENDER), "")
    others = [one for one in _value(element, "address").split("~") if one]
    thread = "~".join(sorted(others)) or sender
    id = _value(element, "m_id") or _value(element, "tr_id")
    id = f"mms {sent_at} {box} {id or text}"
    if not thread:
        yield Skipped("", f"{id} {number}", "no_chat")
        return
    names = [one.strip() for one in _name(element).split(",")]
    for place, other in enumerate(others):
        yield Person(other, names[place] if len(names) == len(others) else "", other)
    yield Thread(thread, "group" if len(others) > 1 else "dm", "", tuple(others))
    if box not in ("1", "2"):
        yield Skipped(thread, id, "scheduled" if box in ("3", "4") else "failed")
    elif sent_at is None or not (text or media):
        yield Skipped(thread, id, "no_date" if sent_at is None else "empty")
    else:
        yield _ME
        who = "me" if box == "2" else sender if sender not in ("", "insert-address-token") else others[0]
        if who not in ("me", *others):
            yield Person(who, "", who)
        yield Said(thread, id, who, sent_at, text, "", 0, media)
