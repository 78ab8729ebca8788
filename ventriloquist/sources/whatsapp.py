"""WhatsApp's "Export chat": a text file, or a zip with one, as an iPhone or an Android phone writes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from ventriloquist.errors import SettingsError, SourceError
from ventriloquist.media import MediaKind, media_kind
from ventriloquist.sources.archive import Person, Record, Said, Skipped, Thread
from ventriloquist.sources.whatsapp_words import (
    AFTERNOON,
    ATTACHED,
    DELETED,
    DELETED_BY,
    EDITED,
    GENERATED,
    MEDIA,
    MORNING,
    SYSTEM_ENDINGS,
    TITLES,
)

Order = Literal["dmy", "mdy", "ymd"]
MARKS = "\ufeff\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069"  # byte order, and direction
LONGEST_NAME = 120  # characters; the name of a group has 100
MOST_LINE_BYTES = 1 << 24
MOST_TITLE = 200

_GAP = r"[\s\u200e\u200f\u202f\u2009\u00a0]"
_DATE = rf"(\d{{1,4}}){_GAP}?[./\-年월년]{_GAP}?(\d{{1,2}}){_GAP}?[./\-月월]{_GAP}?(\d{{1,4}})[.日일]?"
_TIME = r"(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?"
_HALF = r"[^\W\d_](?:[^\d\]\-:,]{0,14})?"  # AM, a. m., 下午
_BETWEEN = rf"[,،]?{_GAP}+(?:(?:à|at|um|kl\.?|klo|om|às|alle|a las|lúc){_GAP}+)?"
_HEADER = re.compile(
    rf"(?P<open>\[)?{_DATE}{_BETWEEN}(?:(?P<before>{_HALF}?){_GAP}*)?{_TIME}(?:{_GAP}*(?P<after>{_HALF}?))?"
    rf"(?(open){_GAP}*\]{_GAP}?|{_GAP}*[-–]{_GAP})"
)
_NAME = re.compile(rf"([^:]{{1,{LONGEST_NAME}}}?):(?: |$)")
_NAME_CLOSE = re.compile(rf"([^:]{{1,{LONGEST_NAME}}}?):")
_EDITED = re.compile(r"\s?[\u200e\u200f]?<([^<>]+)>\Z")
_TAGGED = re.compile(r"[\u200e\u200f]?<[^<>:：]{2,30}\s?[:：]\s?([^<>]+\.\w{1,5})>")
_ATTACHED = re.compile(r"[\u200e\u200f]?([^\n]{1,200}?\.\w{1,5}) \(([^()\n]+)\)")
_MEDIA_NAME = re.compile(r"(?:IMG|VID|AUD|PTT|STK|DOC)-\d{8}-WA\d+\.\w+")
_NUMBER = re.compile(r"\+?[\d\s().\-\u00a0\u2010\u2011\u202a\u202c]{7,25}")
_COPY = re.compile(r"\s?\(\d{1,3}\)\Z")
_TITLES = [re.compile(pattern, re.IGNORECASE) for pattern in TITLES]


class Entry(NamedTuple):
    """A header with everything up to the next one."""

    when: tuple[int, int, int, int, int, int]  # three numbers of the date as they stand; hour, minute, second
    name: str  # empty: a line of the application's own
    text: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What a user can say of text exports."""

    zone: tzinfo
    day_first: bool | None = None  # None: the file decides


def read_text_export(
    opened: Callable[[], BinaryIO], path: Path, title: str, choice: Choice, notes: list[str]
) -> Iterator[Record]:
    """Read a text export in two passes: how dates are written and who writes, then every message.

    Args:
        opened: opens the text, from its beginning.
        path: of the file, for errors.
        title: of the chat; empty: the file does not say.
        notes: gets what was decided.

    Raises:
        SourceError: it is not an export of WhatsApp's.
        SettingsError: nothing says whether the day or the month comes first.
    """
    days: list[tuple[int, int, int]] = []
    names: dict[str, int] = {}
    with opened() as file:
        for entry in entries(file, path):
            if not days or days[-1] != entry.when[:3]:
                days.append(entry.when[:3])
            if entry.name:
                names[entry.name] = names.get(entry.name, 0) + 1
    if not days:
        raise SourceError(
            f"{path} is not a text export of WhatsApp.", hint="Export it again: in the chat's menu, Export chat."
        )
    order = date_order(days, choice.day_first, path)
    notes.append(f"{path.name}: dates are read as {_SHOWN[order]}.")
    others = [name for name in names if name != title]
    is_group = len(names) > 2 or (len(names) == 2 and bool(title) and title not in names)
    thread = title or " and ".join(sorted(others)[:3]) or "WhatsApp"
    yield Thread(thread, "group" if is_group else "dm", title)
    for name in names:
        yield Person(name, name.removeprefix("~").strip("\u202f\u00a0 ") or name, _number(name))
    with opened() as file:
        for entry in entries(file, path):
            yield _record(entry, thread, order, choice.zone)


_SHOWN = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day"}


def entries(file: BinaryIO, path: Path) -> Iterator[Entry]:
    """Yield every header with its text; lines without a header belong to the text before them.

    Raises:
        SourceError: the file is not UTF-8, or holds a line longer than any message.
    """
    when: tuple[int, ...] | None = None
    rest: list[str] = []
    for line in _lines(file, path):
        found = _HEADER.match(line.lstrip(MARKS)) if line[:1] in "[0123456789" or not line[:1].isascii() else None
        parsed = _when(found) if found else None
        if parsed is None or found is None:
            if when is not None:
                rest.append(line)
            continue
        if when is not None:
            yield _entry(when, "\n".join(rest))
        when, rest = parsed, [line.lstrip(MARKS)[found.end() :]]
    if when is not None:
        yield _entry(when, "\n".join(rest))


def _lines(file: BinaryIO, path: Path) -> Iterator[str]:
    while data := file.readline(MOST_LINE_BYTES):
        if len(data) == MOST_LINE_BYTES:
            raise SourceError(f"{path} has a line longer than any message.", hint="Export the chat again.")
        try:
            line = data.decode()
        except UnicodeDecodeError:
            raise SourceError(
                f"{path} is not UTF-8.", hint="Export the chat again, and do not edit the file."
            ) from None
        yield line.removesuffix("\n").removesuffix("\r")


def _when(found: re.Match[str]) -> tuple[int, ...] | None:
    """Return date and time as they stand, with the hour from 0 to 23; None if it cannot be a time."""
    first, second, third = int(found[2]), int(found[3]), int(found[4])
    hour, minute, seconds = int(found[6]), int(found[7]), int(found[8] or 0)
    half = re.sub(r"[.\s\u202f\u00a0]", "", (found["before"] or found["after"] or "")).casefold()
    if half:
        if half in AFTERNOON:
            hour = hour % 12 + 12 if hour <= 12 else hour
        elif half in MORNING:
            hour = hour % 12 if hour <= 12 else hour
        else:
            return None
    if hour > 23 or minute > 59 or seconds > 59 or not (0 < second <= 31):
        return None
    return first, second, third, hour, minute, seconds


def _entry(when: tuple[int, ...], rest: str) -> Entry:
    rest = rest.lstrip("\ufeff")
    plain = rest.lstrip(MARKS)
    head = plain[: LONGEST_NAME + 2]
    found = _NAME.match(head) or _NAME_CLOSE.match(head)
    if found is None or "\n" in found[1] or _opens_a_quote(found[1]):
        return Entry(when, "", rest)  # type: ignore[arg-type]
    return Entry(when, found[1].strip(MARKS), plain[found.end() :])  # type: ignore[arg-type]


def _opens_a_quote(name: str) -> bool:
    """Tell whether a quotation begins in what stands before a colon: `Ann changed the subject to "Ski: 2024"`."""
    return name.count('"') % 2 == 1 or any(name.count(a) > name.count(b) for a, b in ("“”", "«»", "„“"))


def date_order(days: Iterable[tuple[int, int, int]], day_first: bool | None, path: Path) -> Order:
    """Return in which order a file writes its dates.

    A number over 12 decides; else the order that never runs backwards; else the day is what changes more often.

    Raises:
        SettingsError: nothing says it.
    """
    days = list(days)
    orders: list[Order] = ["ymd"] if any(day[0] > 31 for day in days) else ["dmy", "mdy"]
    fitting = [order for order in orders if all(_is_date(_ordered(day, order)) for day in days)]
    if not fitting and all(_is_date(_ordered(day, "ymd")) for day in days):
        fitting = ["ymd"]
    if not fitting:
        raise SourceError(f"{path} has dates that are none.", hint="Export the chat again, and do not edit the file.")
    if len(fitting) == 1:
        return fitting[0]
    if day_first is not None:
        return "dmy" if day_first else "mdy"
    steps: dict[Order, int] = {}
    for order in fitting:
        dates = [_ordered(day, order) for day in days]
        steps[order] = sum(later < earlier for earlier, later in pairwise(dates))
    forward = [order for order in fitting if not steps[order]]
    if len(forward) == 1:
        return forward[0]
    changes = [sum(a[part] != b[part] for a, b in pairwise(days)) for part in (0, 1)]
    if changes[0] != changes[1]:
        return "dmy" if changes[0] > changes[1] else "mdy"
    raise SettingsError(
        f"Nothing in {path} says whether the day or the month comes first.", hint="Say it: --day-first or --month-first"
    )


def _ordered(day: tuple[int, int, int], order: Order) -> tuple[int, int, int]:
    """Return year, month and day."""
    first, second, third = day
    year, month, day_of_month = {
        "dmy": (third, second, first), "mdy": (third, first, second), "ymd": (first, second, third),
    }[order]  # fmt: skip
    return (year + 2000 if year < 100 else year), month, day_of_month


def _is_date(date: tuple[int, int, int]) -> bool:
    return 2000 <= date[0] < 2100 and 1 <= date[1] <= 12 and 1 <= date[2] <= 31


def _record(entry: Entry, thread: str, order: Order, zone: tzinfo) -> Said | Skipped:  # noqa: PLR0911  # a decision a line
    """Decide what an entry is."""
    text = entry.text
    if not entry.name:
        return Skipped(thread, f"{entry.when} {text}", "event")
    sent_at = _unix_ms((*_ordered(entry.when[:3], order), *entry.when[3:]), zone)
    id = f"{entry.when} {entry.name} {text}"
    plain = text.strip(MARKS + " ").casefold()
    edited = 0
    if plain.endswith(">") and (found := _EDITED.search(text)) and found[1].strip(MARKS).casefold() in EDITED:
        text, edited = text[: found.start()], 1
    bare = plain.removesuffix(".").strip("<>" + MARKS)
    if (kind := MEDIA.get(bare)) and (text[:1] in MARKS + "<"):
        return Said(thread, "", entry.name, sent_at, "", media=((kind, None, None),))
    if plain.removesuffix(".").strip(MARKS) in DELETED or plain.startswith(DELETED_BY):
        return Skipped(thread, id, "unsent")
    if media := _attached(text):
        file, caption = media
        return Said(thread, "", entry.name, sent_at, caption, "", edited, ((_kind(file), None, file),))
    if text[:1] and text[0] in MARKS:
        for reason, beginnings in GENERATED.items():
            if plain.startswith(beginnings):
                return Skipped(thread, id, reason)
        if any(ending in plain for ending in SYSTEM_ENDINGS):
            return Skipped(thread, id, "event")
    if not text:
        return Skipped(thread, id, "empty")
    return Said(thread, "", entry.name, sent_at, text, "", edited)


def _attached(text: str) -> tuple[str, str] | None:
    """Return the name of the file that was sent, and what was written with it."""
    first, _, caption = text.partition("\n")
    if found := _TAGGED.fullmatch(first):
        return found[1], caption
    if (found := _TAGGED.search(first)) and text[found.start()] in MARKS:  # iPhones write the caption before it
        return found[1], first[: found.start()].rstrip()
    found = _ATTACHED.fullmatch(first)
    if found and (found[2].casefold() in ATTACHED or _MEDIA_NAME.fullmatch(found[1])):
        return found[1].strip(MARKS), caption
    return None


def _kind(file: str) -> MediaKind:
    if "STICKER" in file or file.startswith("STK-"):
        return "sticker"
    return media_kind(None, None, file)


def _unix_ms(when: tuple[int, ...], zone: tzinfo) -> int:
    year, month, day, hour, minute, second = when
    try:
        local = datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:  # the 31st of a month that has 30
        local = datetime(year, month, 28, hour, minute, second, tzinfo=zone)
    return int(local.timestamp()) * 1000


def _number(name: str) -> str:
    plain = name.strip(MARKS + " ")
    return plain if _NUMBER.fullmatch(plain) else ""


def title_of(name: str, folder: str = "") -> str:
    """Return a chat's title out of the name of its file, else of its zip or folder; empty if neither names it."""
    stem = _COPY.sub("", re.sub(r"\.(?:txt|zip)\Z", "", name, flags=re.IGNORECASE))
    if stem.casefold() in ("_chat", "chat"):
        return title_of(folder) if folder else ""
    for pattern in _TITLES:
        if found := pattern.fullmatch(stem):
            return found[1].strip()[:MOST_TITLE]
    return stem.strip()[:MOST_TITLE]
