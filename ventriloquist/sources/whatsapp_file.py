"""A text file of WhatsApp's: what a first look shows, and its heads with their texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ventriloquist.errors import SourceError
from ventriloquist.sources.text_lines import lines
from ventriloquist.sources.whatsapp_dates import (
    MARKS,
    MOST_RUNS,
    STRONG,
    Day,
    Decision,
    Head,
    Heads,
    Order,
    as_date,
    decide,
)
from ventriloquist.sources.whatsapp_text import (
    Language,
    Title,
    alike,
    content,
    is_about_somebody,
    language_of,
    opens_a_quote,
    says_group,
)

LONGEST_NAME = 120  # characters; the name of a group has 100
MOST_NAMES = 100_000  # that are counted
MOST_HEADS = 50  # that are kept to see how a phone writes
MOST_HEARD = 100  # texts of the application's by which its language is found
LONGEST_WORDS = 400  # characters of such a text
RARE = 10  # times fewer heads of another shape: they were pasted
_IPHONES = ("[", ":")  # shapes of heads; the second one is that of old iPhones
_MARK = re.compile("[\u200e\u200f]")
_OPENS_PHRASE = "<\u200e\u200f"
_OPENS_HEAD = frozenset("[0123456789")

# a head, the name (empty: a line of the application's own), the text up to the next head, and the head as it stands
Entry = tuple[Head, str, str, str]


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
    has_marks: bool = False  # of direction, with which an iPhone begins what the application says
    languages: Counter[Language] = field(default_factory=Counter)  # of what the application says, as far as it is seen
    voice: str = ""  # under whose name the application speaks of encryption: the chat's
    unmarked: Language = ""  # an iPhone's file has lost its marks: the language in which the application speaks
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
            if shape in _IPHONES and not self.has_marks:
                self.has_marks = bool(_MARK.search(text) or _MARK.search(plain))
                if len(text) < LONGEST_WORDS:
                    self._hear(name, text)
            elif not name or text[:1] in _OPENS_PHRASE:
                self._hear(name, text)
            if not name:
                self.is_group = self.is_group or says_group(text)
            elif text[:1] == "\u200e":
                spoken[name] = text
                if not self.is_group and says_group(text):
                    self.is_group = content(text, True, name) == "event"
            elif name in self.names or len(self.names) < MOST_NAMES:
                self.names[name] += 1
                if prefixes.get(name, "") is not None:
                    self._count_colon(prefixes, name, text)
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
        language: Language = max(self.languages, key=self.languages.__getitem__, default="")
        if not (self.has_marks or (self.shapes or set()).isdisjoint(_IPHONES)):
            self.unmarked = language
        if self.unmarked and self.title.is_sure and alike(self.voice, self.title.text) and len(self.names) > 2:
            self.is_group = True  # a chat with one person has two names
        else:
            self.voice = ""
        self.decision = decide(days, self.heads, day_first, is_english=language != "another")
        self.is_sorted = self.is_sorted and not self.decision.runs_backwards

    def _hear(self, name: str, text: str) -> None:
        """Count the language of a text if only the application writes such a text."""
        if self.languages.total() < MOST_HEARD:
            language, is_sure = language_of(text)
            if language:
                self.languages[language] += MOST_HEARD if is_sure else 1
                self.voice = self.voice or (name if is_sure else "")

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
        """Take the name under which only the application speaks, or speaks of encryption: iPhones call the chat so."""
        silent = [name for name in spoken if name not in self.names]
        if not self.title.text and len(silent) == 1 and content(spoken[silent[0]], True, silent[0]) == "event":
            self.title = Title(silent[0], True)
        elif not self.title.text:
            self.title = Title(self.voice, bool(self.voice))

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
            is_name = not (opens_a_quote(name) or (self.loose[name] <= 1 and is_about_somebody(name, self.loose)))
            if self.shapes is not None and len(self.known) < MOST_NAMES:
                self.known[name] = is_name
            elif is_name and self.loose[name] > 1:
                self.known[name] = True
        return place if is_name else -1


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
