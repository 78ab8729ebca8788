"""WhatsApp's "Export chat": a text file, or a zip with one, as an iPhone or an Android phone writes it."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

from ventriloquist.errors import SourceError
from ventriloquist.sources.export_records import Record, Said, Skipped, Thread
from ventriloquist.sources.whatsapp_dates import (
    SHOWN,
    STRONG,
    Clock,
    Order,
    as_date,
)
from ventriloquist.sources.whatsapp_file import TextExport, entries
from ventriloquist.sources.whatsapp_order import in_order, new_ones
from ventriloquist.sources.whatsapp_text import (
    Title,
    alike,
    content,
    is_chat_zip,
    person_of,
    title_of,
    titled,
)

__all__ = [
    "Choice",
    "TextExport",
    "entries",
    "is_chat_zip",
    "looks_like_an_export",
    "read_text_exports",
    "title_of",
    "titled",
]

SHOWN_FILES = 5  # of which it is said how each writes dates


@dataclass(frozen=True, slots=True)
class Choice:
    """What a user can say of text exports."""

    zone: tzinfo
    day_first: bool | None = None  # None: the file decides


def looks_like_an_export(data: bytes, path: Path) -> bool:
    """Tell whether the beginning of a file is one of a text export."""
    try:
        for found, name, *_ in entries(TextExport(lambda: io.BytesIO(data), path, Title("", False)), None):
            if found.shape in STRONG or (name and "-" not in "".join(found.day) and found.shape in (":", "t[", "t-")):
                return True
            if found.shape == " " and name and not found.day[0][3:]:
                return True
    except SourceError:
        return False
    return False


def read_text_exports(files: list[TextExport], choice: Choice, notes: list[str]) -> Iterator[Record]:
    """Read the text exports of a folder: first how each writes dates, then every message.

    Args:
        files: that were not looked at yet.
        notes: gets what was decided.

    Raises:
        SourceError: a file is not an export of WhatsApp's.
    """
    for file in files:
        file.survey(choice.day_first)
    known = Counter(file.decision.order for file in files if file.decision.order and not file.decision.reason)
    copies = Counter(_thread(file) for file in files)
    earlier: dict[str, Counter[int]] = {}  # messages of chats that are in several files
    usual = next((order for order, _ in known.most_common(1) if order in ("dmy", "mdy")), None)
    sure = Counter(file.decision.order for file in files if not file.decision.reason)
    for order, count in sure.items():
        if order and count > SHOWN_FILES:
            notes.append(f"{count} files: dates are read as {SHOWN[order]}.")
    for file in files:
        order, reason = file.decision.order, file.decision.reason
        if usual and order and reason:
            order, reason = usual, "the other files of the export write them so"
        if order is None:
            raise SourceError(
                f"The dates in {file.path} are not dates of a calendar that is known.",
                hint="Set the phone to the Gregorian calendar, and export the chat again.",
            )
        if reason:
            other = "--month-first" if order == "dmy" else "--day-first"
            notes.append(f"{_shown(file.path)}: dates are taken as {SHOWN[order]}: {reason}. If not: {other}")
        elif sure[order] <= SHOWN_FILES:
            notes.append(f"{_shown(file.path)}: dates are read as {SHOWN[order]}.")
        records = _records(file, order, choice.zone)
        if copies[thread := _thread(file)] > 1:
            records = new_ones(records, earlier.setdefault(thread, Counter()))
        yield from records


def _shown(path: Path) -> str:
    """Return a file's name; with its zip's or folder's, if all iPhones call it so."""
    return "/".join(path.parts[-2:]) if path.name == "_chat.txt" else path.name


def _thread(file: TextExport) -> str:
    """Return what a chat is known by."""
    return file.title.text or " and ".join(sorted(file.names)[:3]) or "WhatsApp"


def _records(file: TextExport, order: Order, zone: tzinfo) -> Iterator[Record]:
    """Yield the people, the chat and the messages of a file, in the order of time."""
    thread = _thread(file)
    rows = _dated(file, order, zone, thread)
    people: dict[str, None] = {}
    if file.has_preamble:
        yield Skipped(thread, "before the first message", "event")
    for row in rows if file.is_sorted else in_order(rows):
        record = row[2]
        if type(record) is Said and record.sender not in people:
            people[record.sender] = None
            yield person_of(record.sender)
        yield record
    title = file.title.text
    others = [name for name in people if not alike(name, title)]
    is_dm = len(people) <= 2 and (len(others) < len(people) or not file.is_group)
    if is_dm and len(people) == 2 and len(others) == 2 and file.title.is_sure:
        is_dm = False  # a chat with one person is called like that person
    members: tuple[str, ...] = ()
    if is_dm and title and len(others) == len(people) < 2 and file.title.is_sure:
        yield person_of(title)
        members = (title,)
    yield Thread(thread, "dm" if is_dm else "group", title, members)


def _dated(file: TextExport, order: Order, zone: tzinfo, thread: str) -> Iterator[tuple[int, int, Said | Skipped]]:
    """Yield time, number and record of every entry, in the order of the file."""
    clock, previous = Clock(zone), 0
    is_bracketed = "[" in (file.shapes or ())
    skipped: Counter[str] = Counter()  # within one time
    last, last_day, day = "", None, None
    unmarked, voice, names, new = file.unmarked, file.voice, file.names, tuple.__new__
    for number, entry in enumerate(entries(file, order), 1):
        found, name, text, plain = entry
        _, written, second, _ = found
        if written != last_day:
            day, last_day = as_date(written, order), written
        if day is None:
            continue  # entries yields no such head
        previous = sent_at = clock.unix_ms(day, second, previous)
        result = content(text, is_bracketed, name, unmarked, name not in names) if name not in ("", voice) else "event"
        if isinstance(result, str):
            if plain != last:
                skipped.clear()
                last = plain
            id = f"{plain}{name}: {text}"
            skipped[id] += 1
            yield sent_at, number, Skipped(thread, f"{id} {skipped[id]}", result)
        else:
            words, edited, media = result
            yield sent_at, number, new(Said, (thread, "", name, sent_at, words, "", edited, media))
