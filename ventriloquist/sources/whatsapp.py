"""WhatsApp's "Export chat": a text file, or a zip with one, as an iPhone or an Android phone writes it."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import BinaryIO

from ventriloquist.errors import SourceError
from ventriloquist.sources.export_records import Person, Record, Said, Skipped, Thread
from ventriloquist.sources.text_lines import lines
from ventriloquist.sources.whatsapp_dates import (
    MARKS,
    MOST_RUNS,
    SHOWN,
    STRONG,
    Clock,
    Day,
    Decision,
    Head,
    Heads,
    Order,
    as_date,
    decide,
)
from ventriloquist.sources.whatsapp_order import in_order, new_ones
from ventriloquist.sources.whatsapp_text import (
    Title,
    alike,
    content,
    is_chat_zip,
    number_of,
    says_group,
    title_of,
    titled,
)
from ventriloquist.sources.whatsapp_words import ENCRYPTED, SYSTEM_VERBS

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

LONGEST_NAME = 120  # characters; the name of a group has 100
MOST_NAMES = 100_000  # that are counted
MOST_HEADS = 50  # that are kept to see how a phone writes
SHOWN_FILES = 5  # of which it is said how each writes dates
RARE = 10  # times fewer heads of another shape: they were pasted
_OPENS_HEAD = frozenset("[0123456789")


# a head, the name (empty: a line of the application's own), the text up to the next head, and the head as it stands
Entry = tuple[Head, str, str, str]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a user can say of text exports."""

    zone: tzinfo
    day_first: bool | None = None  # None: the file decides


@dataclass
class TextExport:
    """A text file, and what a first look at it showed."""

    open: Callable[[], BinaryIO]
    path: Path
    title: Title
    days: list[Day] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    shapes: frozenset[str] | None = None  # of heads; None: not looked at yet
    names: Counter[str] = field(default_factory=Counter)  # who writes, without lines of the application
    loose: Counter[str] = field(default_factory=Counter)  # what stands before the first colon and space
    known: dict[str, bool] = field(default_factory=dict)  # whether it is a name: what was decided
    usual: set[str] = field(default_factory=set)  # names that are known, without a colon or a mark of direction
    colons: dict[str, str] = field(default_factory=dict)  # the rest of names with a colon
    has_lost_marks: bool = False  # of direction, with which an iPhone begins what the application says
    has_first: bool = False  # the first head was read
    is_group: bool = False  # the application speaks of a group
    is_sorted: bool = True
    has_preamble: bool = False  # lines before the first head
    decision: Decision = field(default_factory=Decision)

    def survey(self, day_first: bool | None) -> None:  # noqa: PLR0912  # a question a branch
        """Read the file once: how dates are written, and who writes.

        Raises:
            SourceError: it is not an export of WhatsApp's.
        """
        shapes: Counter[str] = Counter()
        spoken: dict[str, str] = {}  # by the last speaker with a mark
        prefixes: dict[str, str | None] = {}
        days, second, first = self.days, -1, ""
        for (shape, day, at, _), name, text, plain in entries(self, None):
            first = first or shape
            shapes[shape] += 1
            if not days or days[-1] != day:
                if len(days) < MOST_RUNS:
                    days.append(day)
                else:
                    self.is_sorted = False
                if len(self.heads) < MOST_HEADS:
                    self.heads.append(plain)
            elif at < second:
                self.is_sorted = False
            second = at
            if not name:
                self.is_group = self.is_group or says_group(text)
            elif text[:1] == "\u200e":
                spoken[name] = text
                if not self.is_group and says_group(text):
                    self.is_group = content(text, True, name) == "event"
            else:
                if name in self.names or len(self.names) < MOST_NAMES:
                    self.names[name] += 1
                    if prefixes.get(name, "") is not None:
                        self._count_colon(prefixes, name, text)
                if (
                    not self.has_first and shape == "[" and len(text) > 20 and "\n" not in text
                ):  # an iPhone's first line
                    self.has_lost_marks = text.casefold().startswith(ENCRYPTED)
            self.has_first = True
        if not days:
            raise SourceError(
                f"{self.path} is not a text export of WhatsApp.",
                hint="Export it again: in the chat's menu, Export chat.",
            )
        self.known.clear()
        self.usual.clear()
        self._choose_shapes(shapes, first)
        self._name_the_chat(spoken)
        self.colons = {
            name: prefix
            for name, prefix in prefixes.items()
            if prefix and (self.names[name] >= 5 or alike(f"{name}: {prefix}", self.title.text))
        }
        self.decision = decide(days, self.heads, day_first)
        self.is_sorted = self.is_sorted and not self.decision.runs_backwards

    def _count_colon(self, prefixes: dict[str, str | None], name: str, text: str) -> None:
        """Learn whether all texts of somebody begin alike, up to a colon: then it is the rest of the name."""
        known = prefixes.get(name)
        if not known:
            place = text.find(": ", 0, LONGEST_NAME)
            prefixes[name] = text[:place] if place > 0 and "\n" not in text[:place] else None
        elif not text.startswith(f"{known}: "):
            prefixes[name] = None

    def _choose_shapes(self, shapes: Counter[str], first: str) -> None:
        """Keep the shapes of heads that are the file's own: heads of another shape stand in texts that were pasted."""
        own = {shape: count for shape, count in shapes.items() if shape in STRONG}
        if not own or first not in STRONG:
            own = {first: shapes[first]}
        most = max(own.values())
        self.shapes = frozenset(shape for shape, count in own.items() if count * RARE >= most)

    def _name_the_chat(self, spoken: dict[str, str]) -> None:
        """Take the name that only the application speaks under: iPhones name the chat so."""
        silent = [name for name in spoken if name not in self.names]
        if not self.title.text and len(silent) == 1 and content(spoken[silent[0]], True, silent[0]) == "event":
            self.title = Title(silent[0], True)

    def split(self, rest: str) -> int:
        """Return where the name ends in what stands behind a head: the place of its colon, or -1 if it has none."""
        place = rest.find(":", 0, LONGEST_NAME + 1)
        if place <= 0 or "\n" in rest[:place]:
            return -1
        follows = rest[place + 1 : place + 2]
        if follows != " " and not (follows.isspace() or not follows or follows in MARKS):
            later = rest.find(": ", place, LONGEST_NAME + 1)
            if later > 0 and "\n" not in rest[:later] and self.loose[rest[:later]] > 1:
                place = later
            elif not (rest[:place] in self.loose or (place <= 30 and follows not in "/\\" and not follows.isdecimal())):
                return -1
        name = rest[:place]
        is_name = self.known.get(name)
        if is_name is None:
            is_name = not (_opens_a_quote(name) or (self.loose[name] <= 1 and self._is_about_somebody(name)))
            if self.shapes is not None and len(self.known) < MOST_NAMES:
                self.known[name] = is_name
            elif is_name and self.loose[name] > 1:
                self.known[name] = True
        return place if is_name else -1

    def _is_about_somebody(self, name: str) -> bool:
        """Tell whether a line of the application's has a colon: `Ann added Shop: Berlin`."""
        return any(
            verb in name and (name.partition(verb)[0] in self.loose or verb.isascii()) for verb in SYSTEM_VERBS[:5]
        ) or any(name.partition(verb)[0] in self.loose for verb in SYSTEM_VERBS[5:] if verb in name)


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
            yield _person(record.sender)
        yield record
    title = file.title.text
    others = [name for name in people if not alike(name, title)]
    is_dm = len(people) <= 2 and (len(others) < len(people) or not file.is_group)
    if is_dm and len(people) == 2 and len(others) == 2 and file.title.is_sure:
        is_dm = False  # a chat with one person is called like that person
    members: tuple[str, ...] = ()
    if is_dm and title and len(others) == len(people) < 2 and file.title.is_sure:
        yield _person(title)
        members = (title,)
    yield Thread(thread, "dm" if is_dm else "group", title, members)


def _person(name: str) -> Person:
    return Person(name, name.removeprefix("~").strip("\u202f\u00a0 ") or name, number_of(name))


def _dated(file: TextExport, order: Order, zone: tzinfo, thread: str) -> Iterator[tuple[int, int, Said | Skipped]]:
    """Yield time, number and record of every entry, in the order of the file."""
    clock, previous = Clock(zone), 0
    is_bracketed = "[" in (file.shapes or ())
    skipped: Counter[str] = Counter()  # within one time
    last, last_day, day = "", None, None
    has_lost_marks, names, new = file.has_lost_marks, file.names, tuple.__new__
    for number, entry in enumerate(entries(file, order), 1):
        found, name, text, plain = entry
        _, written, second, _ = found
        if written != last_day:
            day, last_day = as_date(written, order), written
        if day is None:
            continue  # entries yields no such head
        previous = sent_at = clock.unix_ms(day, second, previous)
        result = content(text, is_bracketed, name, has_lost_marks, name not in names) if name else "event"
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


def entries(file: TextExport, order: Order | None) -> Iterator[Entry]:
    """Yield every head with its text; lines without a head belong to the text before them.

    Args:
        order: of dates; a head whose date is none is text. None: every head counts.

    Raises:
        SourceError: the file is not UTF-8, or holds a line longer than any message.
    """
    opened: Head | None = None
    plain = ""
    rest: list[str] = []
    shapes, opens, head = file.shapes, _OPENS_HEAD, Heads()
    day: Day | None = None  # the last one, and whether it is a date
    is_date = False
    with file.open() as binary:
        for line in lines(binary, file.path):
            found = None
            start = line[:1]
            if start in opens or (start > "\x7f" and (start in MARKS or start.isdecimal())):
                bare = line.lstrip(MARKS)
                found = head(bare)
                if found is not None and shapes is not None:
                    if found[1] != day:
                        day = found[1]
                        is_date = order is None or as_date(day, order) is not None
                    if found[0] not in shapes or not is_date:
                        found = None
            if found is None:
                if opened is not None:
                    rest.append(line)
                elif not file.has_preamble and line.strip(MARKS + " "):
                    file.has_preamble = True
                continue
            if opened is not None:
                yield _entry(file, opened, plain, rest)
            end = found[3]
            opened, plain, rest = found, bare[:end], [bare[end:]]
    if opened is not None:
        yield _entry(file, opened, plain, rest)


def _entry(file: TextExport, found: Head, plain: str, rest: list[str]) -> Entry:
    text = rest[0] if len(rest) == 1 else "\n".join(rest).rstrip("\n")  # the application trims what is sent
    stripped = text.lstrip(MARKS) if text[:1] > "\x7f" else text
    place = stripped.find(":", 0, LONGEST_NAME + 1)
    name = stripped[:place]
    if name in file.usual and stripped.startswith(": ", place):
        if file.shapes is None:
            file.loose[name] += 1
        return (found, name, stripped[place + 2 :], plain)
    if file.shapes is None:
        loose = stripped.find(": ", 0, LONGEST_NAME)
        if loose > 0 and len(file.loose) < MOST_NAMES:
            file.loose[stripped[:loose]] += 1
    place = file.split(stripped)
    if place < 0:
        return (found, "", text, plain)
    name = stripped[:place].strip(MARKS)
    start = (
        place + 2 if (gap := stripped[place + 1 : place + 2]) == " " or (gap.isspace() and gap != "\n") else place + 1
    )
    if file.colons and (more := file.colons.get(name)) and stripped.startswith(f"{more}: ", start):
        return (found, f"{name}: {more}", stripped[start + len(more) + 2 :], plain)
    if file.known.get(name) and name not in file.colons:
        file.usual.add(name)
    return (found, name, stripped[start:], plain)


def _opens_a_quote(name: str) -> bool:
    """Tell whether a quotation begins in what stands before a colon: `Ann changed the subject to "Ski: 2024"`."""
    return (
        (name.count('"') % 2 == 1 and '"' in name)
        or any(name.count(a) > name.count(b) for a, b in ("“”", "«»", "「」"))
        or ("„" in name and not ("“" in name.partition("„")[2] or "”" in name.partition("„")[2]))
    )
