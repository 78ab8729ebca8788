"""Android's "SMS Backup & Restore": one XML file with every SMS and MMS."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import BinaryIO
from xml.parsers.expat import ExpatError, ParserCreate, XMLParserType
from zlib import crc32

from ventriloquist.errors import SourceError
from ventriloquist.names import fold
from ventriloquist.sources.export_records import Media, Person, Record, Said, Skipped, Thread

CHUNK_BYTES = 1 << 17
MOST_BYTES = 16 << 20  # of one tag without its picture
MOST_DEPTH = 8  # <smses><mms><parts><part> is four
MOST_PARTS = 100_000  # of one message
ROOT = "smses"
_BLANK = b" \t\r\n\xef\xbb\xbf"
# A character beyond the BMP is two references to surrogates, and a control character is one. XML allows neither.
_FORBIDDEN = (
    rb"&#(?:0*(?:[0-8]|1[124-9]|2\d|3[01]|6553[45]|5[5-7]\d{3})|"
    rb"x0*(?:[0-8bBcCeEfF]|1[0-9a-fA-F]|[fF]{3}[eEfF]|[dD][0-9a-fA-F]{3}));"
)
_REFERENCES = re.compile(_FORBIDDEN + rb"(?:" + _FORBIDDEN + rb")*")  # it begins with a literal, so the search is fast
_REFERENCE = re.compile(rb"&#(?:x([0-9a-fA-F]+)|([0-9]+));")
_STAND_IN = 0xFDD0  # U+FDD0 to U+FDEF, 32 noncharacters that no text holds, stand for control characters in the parser
_STAND_INS = re.compile("[\ufdd0-\ufdef]")
_CONTROLS = {_STAND_IN + code: code for code in range(32)}
# a picture: a text before it may hold ` data='`, so the attributes before it are read whole
_DATA = re.compile(rb"""<part(?:\s+[^\s=<>"']+\s*=\s*(?:"[^"]*"|'[^']*'))*?\s+data\s*=\s*(["'])""")
_FROM, _TO = "137", ("151", "130", "129")  # and CC, and BCC
_NOBODY = "insert-address-token"  # the phone's own number, which it does not know
_NO_SUBJECT = ("no subject", "nosubject")  # programs write it
_NOTICES = ("134", "136")  # m_type: delivered, read
SECONDS = 10**11  # a time below is in seconds: in milliseconds it would lie before 1973

Attributes = dict[str, str]
Element = tuple[Attributes, list[Attributes] | None, list[Attributes]]  # parts (None: an SMS) and addresses


def read_android(file: BinaryIO, path: Path) -> Iterator[Record]:
    """Yield what a backup holds. Memory stays bounded: the bytes of pictures are never parsed.

    Raises:
        SourceError: it is another file, declares a document type, is cut off or damaged.
    """
    backup = _Backup()
    news = backup.news
    yield Person("me", "", is_me=True)
    for attributes, parts, addresses in chain.from_iterable(_elements(file, path)):
        record = backup.sms(attributes) if parts is None else backup.mms(attributes, parts, addresses)
        if news:
            yield from news
            news.clear()
        yield record
    yield from backup.finished()


def _elements(file: BinaryIO, path: Path) -> Iterator[list[Element]]:
    """Yield each <sms> and <mms> with what is in it, as many as a part of the file holds."""
    found: list[Element] = []
    parts: list[Attributes] = []
    addresses: list[Attributes] = []
    mms: Attributes = {}
    depth = 0

    def start(tag: str, attributes: Attributes) -> None:
        nonlocal depth, mms, parts, addresses
        depth += 1
        if depth == 2 and tag == "sms":
            found.append((attributes, None, addresses))
        elif depth == 2:
            mms, parts, addresses = attributes, [], []
        elif depth == 1:
            _check_root(tag, path)
        elif tag == "part":
            parts.append(attributes)
        elif tag == "addr":
            addresses.append(attributes)
        if len(parts) > MOST_PARTS or len(addresses) > MOST_PARTS or depth > MOST_DEPTH:
            raise _damaged(path, "a message holds more than any message can")

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        if depth == 1 and tag == "mms":
            found.append((mms, parts, addresses))

    def doctype(*_: object) -> None:
        raise SourceError(f"{path} declares a document type, which no backup does.", hint="Make a new backup.")

    parser: XMLParserType | None = None
    count = 0
    try:
        for chunk, encoding in _chunks(file, path):
            if parser is None:
                parser = ParserCreate(encoding)
                parser.StartElementHandler, parser.EndElementHandler = start, end
                parser.StartDoctypeDeclHandler = doctype
            parser.Parse(chunk, False)
            count += len(found)
            yield found
            found.clear()
        if parser is None:
            raise SourceError(f"{path} is empty.", hint="Copy it again, or make a new backup.")
        parser.Parse(b"", True)
    except ExpatError as error:
        if error.code in _CUT_OFF:
            raise SourceError(
                f"{path} is cut off after {count:,} messages.", hint="Copy it again, whole, or make a new backup."
            ) from None
        raise _damaged(path, str(error)) from None
    except (LookupError, ValueError) as error:  # an encoding that Python or expat does not know
        raise _damaged(path, str(error)) from None


_CUT_OFF = (3, 5, 6)  # XML_ERROR_NO_ELEMENTS, UNCLOSED_TOKEN, PARTIAL_CHAR


def _check_root(tag: str, path: Path) -> None:
    if tag == "calls":
        raise SourceError(
            f"{path} is a log of calls and holds no messages.", hint="Give the file of the same backup named sms-….xml."
        )
    if tag != ROOT:
        raise SourceError(
            f"{path} is not a backup of messages: it begins with <{tag[:40]}>.", hint="See docs/sources.md, Android."
        )


def _damaged(path: Path, why: str) -> SourceError:
    return SourceError(f"{path} is damaged: {why}.", hint="Copy it again, or make a new backup.")


def _chunks(file: BinaryIO, path: Path) -> Iterator[tuple[bytes, str | None]]:
    """Yield the file as XML, in whole tags, and its encoding if the declaration is not to be believed."""
    decoder: codecs.IncrementalDecoder | None = None
    rest = quote = b""
    is_first, is_last = True, False
    while not is_last:
        data = file.read(CHUNK_BYTES)
        is_last = not data
        if is_first and (data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data[:2]):
            is_little = data.startswith(codecs.BOM_UTF16_LE) or data[1:2] == b"\0"
            decoder = codecs.getincrementaldecoder("utf-16-le" if is_little else "utf-16-be")("replace")
        if decoder:
            data = decoder.decode(data, is_last).encode()
        if is_first:
            data = data.lstrip(_BLANK)
            is_first = False
        if quote:
            end = data.find(quote)
            if end < 0:
                continue
            data = data[end:]
        data, quote = _without_pictures(rest + data)
        cut = len(data) if quote or is_last else max(0, data.rfind(b"<"))
        rest = data[cut:]
        if len(rest) > MOST_BYTES:
            raise _damaged(path, f"a message has more than {MOST_BYTES >> 20} million characters")
        if cut:
            yield _joined(data[:cut]), "utf-8" if decoder else None


def _without_pictures(data: bytes) -> tuple[bytes, bytes]:
    """Replace the value of each <part data="…"> by a hyphen. Also return the quote that ends one that goes on."""
    if b"data=" not in data:
        return data, b""
    kept: list[bytes] = []
    at = look = 0
    while found := _DATA.search(data, look):
        look = found.end()
        end = data.find(found[1], look)
        kept.append(data[at:look])
        if end < 0:
            return b"".join([*kept, b"-"]), found[1]
        if end > look:
            kept.append(b"-")
        at = look = end
    return b"".join([*kept, data[at:]]), b""


def _joined(data: bytes) -> bytes:
    return _REFERENCES.sub(lambda found: _characters(found[0]), data) if b"&#" in data else data


@lru_cache(4096)
def _characters(references: bytes) -> bytes:
    """Join surrogates, and write control characters as their stand-ins."""
    found = _REFERENCE.findall(references)
    numbers = [int(hexadecimal, 16) if hexadecimal else int(decimal) for hexadecimal, decimal in found]
    text = "".join(chr(_STAND_IN + number if number < 32 else number) for number in numbers if number)
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return b"".join(b"&#%d;" % (ord(char) if char not in "\ufffe\uffff" else 0xFFFD) for char in text)


def _value(attributes: Attributes, name: str) -> str:
    value = attributes.get(name, "")
    return "" if value == "null" else value


def _text(value: str) -> str:
    """Return a text with its control characters."""
    if value == "null" or not value.strip():
        return ""
    return value if value.isascii() or not _STAND_INS.search(value) else value.translate(_CONTROLS)


def _ms(attributes: Attributes) -> int | None:
    for name in ("date", "date_sent"):
        try:
            at = int(attributes[name])
        except (KeyError, ValueError):
            continue
        if 0 < at < 1 << 53:
            return at
    return None


class _Backup:
    """What was learnt of a backup so far: names, threads, and the owner's numbers."""

    def __init__(self) -> None:
        self._sms: set[tuple[str | None, str | None]] = set()
        self._names: dict[str, tuple[str, bool]] = {}  # by address: the name, and whether a chat of two has it
        self._threads: dict[str, tuple[str, ...]] = {}
        self._own: set[str] = set()
        self.news: list[Record] = []  # people and threads to yield before the message

    def sms(self, sms: Attributes) -> Record:
        """Decide what an SMS is."""
        address = sms.get("address", "")
        kind, text, sent_at = sms.get("type"), _text(sms.get("body", "")), _ms(sms)
        id = f"{sent_at} {kind} {crc32(text.encode())}"  # several may be sent in one millisecond
        if address in ("", "null", _NOBODY):
            return Skipped("", id, "no_chat")
        about = address, sms.get("contact_name")
        if about not in self._sms:
            self._sms.add(about)
            self._thread(address, [address])
            self._named([address], _value(sms, "contact_name"))
        if reason := _why_not(kind, sent_at, text):
            return Skipped(address, id, reason)
        # a third of the time of NamedTuple's own __new__
        return tuple.__new__(Said, (address, id, "me" if kind == "2" else address, sent_at, text, "", 0, ()))

    def mms(self, mms: Attributes, parts: list[Attributes], addresses: list[Attributes]) -> Record:
        """Decide what an MMS is. RCS messages are such, too."""
        box = mms.get("msg_box") or {"128": "2", "132": "1"}.get(mms.get("m_type", ""))
        sent_at = _ms(mms)
        sent_at = sent_at * 1000 if sent_at and sent_at < SECONDS else sent_at
        text, media = _content(parts)
        sender = next((one for one in _addresses(addresses, (_FROM,)) if one != _NOBODY), "")
        to = [one for one in _addresses(addresses, _TO) if one != _NOBODY]
        listed = [one for one in _value(mms, "address").split("~") if one and one != _NOBODY]
        is_mine = box != "1"
        others = [*dict.fromkeys(listed or (to if is_mine else [sender, *to] if len(to) > 1 else [sender]))]
        others = [one for one in others if one]
        self._learn(others, sender, to, is_mine=is_mine)
        thread = "~".join(sorted(others))
        id = _value(mms, "m_id") or _value(mms, "tr_id") or str(crc32(f"{sender} {text} {media}".encode()))
        id = f"mms {sent_at} {box} {id}"
        if not thread:
            return Skipped("", id, "no_chat")
        text = "\n".join(filter(None, (_subject(mms, text), text)))
        self._thread(thread, others)
        self._named(listed, _value(mms, "contact_name"))
        who = "me" if is_mine else self._sender(sender, others)
        reason = "event" if mms.get("m_type") in _NOTICES else _why_not(box, sent_at, text or media)
        if reason or not who:
            return Skipped(thread, id, reason or "no_sender")
        if who != "me" and who not in self._names:
            self._named([who], "")
        return Said(thread, id, who, sent_at or 0, text, "", 0, media)

    def finished(self) -> Iterator[Record]:
        """Yield threads and people again in which the owner turned out to be listed."""
        for number in sorted(self._own):
            if number in self._names:
                yield Person(number, "", number, is_me=True)
        for thread, others in self._threads.items():
            members = tuple(one for one in others if one not in self._own)
            if len(members) < len(others):
                yield Thread(thread, "group" if len(members) > 1 else "dm", "", members)

    def _thread(self, id: str, others: list[str]) -> None:
        if id not in self._threads:
            self._threads[id] = tuple(others)
            self.news.append(Thread(id, "group" if len(others) > 1 else "dm", "", tuple(others)))

    def _named(self, listed: list[str], contact_name: str) -> None:
        """Tell who people are, if that is new. A group's names are joined by commas, which a name may hold, too."""
        is_alone = len(listed) == 1
        names = [contact_name] if is_alone else [one.strip() for one in contact_name.split(",")]
        for place, address in enumerate(listed):
            name = names[place] if len(names) == len(listed) else ""
            name = "" if name.casefold() in ("(unknown)", "null") else name.translate(_CONTROLS)
            known, is_certain = self._names.get(address, (None, False))
            if known is None or (name and name != known and (is_alone or not is_certain)):
                self._names[address] = name, is_alone and bool(name)
                self.news.append(Person(address, name, address))

    def _learn(self, others: list[str], sender: str, to: list[str], *, is_mine: bool) -> None:
        """Find the owner's numbers: who sends what is sent, and the only one who gets what another wrote to one."""
        if is_mine:
            own = sender if len(others) != 1 or not _is_same(sender, others[0]) else ""
        else:
            is_dm = len(to) == 1 and len(others) == 1 and sender and _is_same(sender, others[0])
            own = to[0] if is_dm and not _is_same(to[0], sender) else ""
        if own:
            self._own.add(own)

    def _sender(self, sender: str, others: list[str]) -> str:
        """Return who wrote a message that was received; empty if nobody can tell."""
        if sender in self._own:
            return "me"
        rest = [one for one in others if one not in self._own]
        if not sender:
            return rest[0] if len(rest) == 1 else ""
        return next((one for one in rest if _is_same(one, sender)), sender)


def _addresses(addresses: list[Attributes], types: tuple[str, ...]) -> list[str]:
    return [value for one in addresses if one.get("type") in types and (value := _value(one, "address"))]


def _is_same(one: str, other: str) -> bool:
    """Tell whether two addresses are one telephone number, with and without the country's code."""
    if one == other:
        return True
    digits, others = (re.sub(r"\D", "", address) for address in (one, other))
    return min(len(digits), len(others)) >= 7 and (digits.endswith(others) or others.endswith(digits))


def _content(parts: list[Attributes]) -> tuple[str, Media]:
    """Return the text of an MMS, a line a part, and what is attached to it."""
    texts: list[str] = []
    media: Media = ()
    for part in sorted(parts, key=_place) if len(parts) > 1 else parts:
        type_ = _value(part, "ct").partition(";")[0].strip().lower()
        if type_ == "text/plain" and (text := _text(part.get("text", ""))):
            texts.append(text)
        elif type_ not in ("", "application/smil") and (type_ != "text/plain" or _value(part, "data")):
            name = next((value for key in ("cl", "name", "fn") if (value := _value(part, key))), None)
            media += ((None, type_, name),)
    return "\n".join(texts), media


def _subject(mms: Attributes, text: str) -> str:
    """Return the subject of an MMS, empty if a person has not written one or the text begins with it.

    Android keeps the bytes of a subject as Latin-1. Of an RCS message it keeps data there.
    """
    subject = _text(mms.get("sub", "")).strip()
    with suppress(UnicodeError):
        subject = subject.encode("latin-1").decode()
    if subject.startswith("proto:") or fold(subject).strip("()<>. ") in _NO_SUBJECT or text.startswith(subject):
        return ""
    return subject


def _place(part: Attributes) -> int:
    try:
        return int(part.get("seq", ""))
    except ValueError:
        return 0


def _why_not(kind: str | None, sent_at: int | None, content: object) -> str:
    """Return why an SMS or MMS of a kind (1 received, 2 sent, 3 draft, 4 outbox, 5 failed, 6 queued) is no message."""
    if kind not in ("1", "2"):
        return "failed" if kind in ("3", "4", "5", "6") else "no_sender"
    if sent_at is None:
        return "no_date"
    return "" if content else "empty"
