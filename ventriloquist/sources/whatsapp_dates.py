"""The head of a line in WhatsApp's text exports: its date, its time, and which number of a date means what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple

from ventriloquist.sources.whatsapp_words import AFTERNOON, BETWEEN, MORNING, NOON

Order = Literal["dmy", "mdy", "ymd", "ydm", "dym", "myd"]  # what the three numbers of a date are
Day = tuple[str, str, str]  # the three numbers of a date as they stand; an era comes with the year
MARKS = "\ufeff\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # byte order, direction
SHOWN: dict[Order, str] = {
    "dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day", "ydm": "year, day, month",
    "dym": "day, year, month", "myd": "month, year, day",
}  # fmt: skip
STRONG = "[-"  # shapes of a head that only WhatsApp writes; the others also stand in logs
FIRST_YEAR = 2009  # WhatsApp's
NEXT_YEAR = datetime.now(UTC).year + 1  # clocks may be wrong, and New Year comes while we run
MOST_REMEMBERED = 1 << 16  # dates, and times of day
MOST_RUNS = 200_000  # days that are looked at to find the order

_MARKS = frozenset(MARKS)
_COMMA = (6, 20)  # where one stands after a date
_MARK = rf"[{MARKS}]*"
_GAP = r"[\s\u200e\u200f]"
_PART = rf"{_MARK}{_GAP}?[./\-–年月년월]{_MARK}{_GAP}?{_MARK}"
_DATE = rf"(\d{{1,4}}){_PART}(\d{{1,4}}){_PART}([HR]?\d{{1,4}})(?!\d)"
_COLON = rf"{_MARK}[:.]{_MARK}"
_TIME = rf"(\d{{1,2}})(?:{_COLON}|\sh\s)(\d\d)(?:(?:{_COLON}|\smin\s)(\d\d)(?:\ss)?)?(?!\d)"  # Canada: 17 h 07 min 08 s
_WORDS = r"[^\d\n\[\]]"
_HEAD = re.compile(
    rf"(\[)?{_MARK}{_DATE}({_WORDS}{{1,24}}?){_TIME}(?(1)({_WORDS}{{0,24}}?)\]{_MARK}\s?{_MARK}|({_WORDS}{{0,24}}?)[-–—]{_MARK}\s{_MARK})"
)
# an old head ends with a colon or with nothing; WhatsApp Web copies the time before the date
_OLD = re.compile(rf"{_MARK}{_DATE}({_WORDS}{{1,24}}?){_TIME}(\s?[apAP]\.?\s?[mM]\b\.?)?(:)?{_GAP}")
_TIME_FIRST = re.compile(
    rf"(\[)?{_MARK}{_TIME}({_WORDS}{{0,16}}?)[,\s]{_GAP}?{_DATE}(?(1)\]{_GAP}?|{_GAP}[-–—]{_MARK}\s{_MARK})"
)


class Head(NamedTuple):
    """The head of a message."""

    shape: str  # one of "[-: ", or "t[", "t-" if the time stands first
    day: Day
    second: int  # of the day
    end: int  # where the rest of the line begins


def head(line: str) -> Head | None:
    """Return the head with which a line begins; marks of direction are stripped from the line already."""
    found = _HEAD.match(line)
    if found is not None:
        bracket, first, second, third, between, hour, minute, seconds, inside, after = found.groups()
        words = inside if bracket else after
        return _made(bracket or "-", (first, second, third), between, words, hour, minute, seconds, found.end())
    if found := _OLD.match(line):
        first, second, third, between, hour, minute, seconds, half, colon = found.groups()
        return _made(colon or " ", (first, second, third), between, half, hour, minute, seconds, found.end())
    if found := _TIME_FIRST.match(line):
        bracket, hour, minute, seconds, half, first, second, third = found.groups()
        return _made(f"t{bracket or '-'}", (first, second, third), half, "", hour, minute, seconds, found.end())
    return None


def _made(
    shape: str, day: Day, between: str, after: str | None, hour: str, minute: str, seconds: str | None, end: int
) -> Head | None:
    half, era = _half(between, after or "")
    number, minutes, rest = int(hour), int(minute), int(seconds) if seconds else 0
    if half is None or number > 24 or minutes > 59 or rest > 59:
        return None
    if not half:
        pass
    elif half == "am" and number <= 12:
        number %= 12
    elif (half == "pm" and number < 12) or (half == "noon" and number < 11):
        number += 12
    if number == 24:  # some phones call midnight so
        number = 0
    second = number * 3600 + minutes * 60 + rest
    return tuple.__new__(Head, (shape, (day[0], day[1], day[2] + era) if era else day, second, end))


class Heads:
    """Reads the heads of a file, and remembers dates and times of day: they come again, and `head` is slow."""

    def __init__(self) -> None:
        self._days: dict[str, Day] = {}
        self._times: dict[str, tuple[str, int]] = {}  # with what follows, up to the name → shape, and second of the day

    def __call__(self, line: str) -> Head | None:
        """Return what `head` does."""
        comma = line.find(", ", *_COMMA)
        end = (line.find("] ", comma) + 2 if line[0] == "[" else line.find(" - ", comma) + 3) if comma > 0 else 0
        if end <= comma or line[end : end + 1] in _MARKS:
            return head(line)
        date_text, time_text = line[:comma], line[comma + 2 : end]
        day, time = self._days.get(date_text), self._times.get(time_text)
        if day is not None and time is not None:
            return tuple.__new__(Head, (time[0], day, time[1], end))
        found = head(line)
        is_plain = line[comma - 1 : comma].isdecimal()  # no era, and no half of the day
        if found is not None and found.end == end and is_plain and found.day[2].isdecimal():
            if len(self._days) < MOST_REMEMBERED:
                self._days[date_text] = found.day
            if len(self._times) < MOST_REMEMBERED:
                self._times[time_text] = (found.shape, found.second)
        return found


@lru_cache(maxsize=512)
def _half(between: str, after: str) -> tuple[str | None, str]:
    """Return the half of the day (empty: 24 hours, None: unknown words) and the era that stand around a time."""
    half = era = ""
    for text in (between, after):
        plain = re.sub(rf"[.'’{MARKS}]", "", text).casefold()
        words = (
            re.sub(r"^[일日]", r"\g<0> ", plain.strip()).replace(",", " ").replace("،", " ").replace("、", " ").split()
        )
        whole = "".join(words)
        for word in [whole] if whole in MORNING or whole in AFTERNOON else words:
            if word in MORNING:
                half = "am"
            elif word in AFTERNOON:
                half = "pm"
            elif word in NOON:
                half = "noon"
            elif word in ("be", "พศ"):
                era = "B"
            elif word not in BETWEEN:
                return None, ""
    return half, era


@lru_cache(maxsize=4096)
def numbers(day: Day) -> tuple[int, int, int]:
    """Return the numbers of a date, with the years of eras as common ones."""
    first, second, third = day
    if third[0] in "HR":
        year = int(third[1:]) + (2018 if third[0] == "R" else 1988)
    else:
        year = int(third[:-1]) - 543 if third[-1] == "B" else int(third)
    return int(first), int(second), year


def as_date(day: Day, order: Order) -> date | None:
    """Return the date that is meant, or None if there is none. Buddhist and Persian years are known."""
    parts = numbers(day)
    year, month, day_of_month = (parts[order.index(part)] for part in "ymd")
    if year < 100:
        year += 2000
        if year > NEXT_YEAR and year - 43 >= FIRST_YEAR:  # 66 in Thailand: 2566 of the Buddhist era
            year -= 43
    if 1380 <= year <= 1425:
        return _persian(year, month, day_of_month)
    if year >= 2400:
        year -= 543
    if not 1970 <= year < 2100:
        return None
    try:
        return date(year, month, day_of_month)
    except ValueError:
        return None


def _persian(year: int, month: int, day: int) -> date | None:
    """Return the date in our calendar. Eight years of 33 are leap years, which holds from 1343 to 1472."""

    def is_leap(year: int) -> bool:
        return (25 * year + 11) % 33 < 8

    length = 31 if month <= 6 else 30 if month <= 11 or is_leap(year) else 29
    if not (1 <= month <= 12 and 1 <= day <= length):
        return None
    years = range(1400, year) if year >= 1400 else range(year, 1400)
    days = sum(366 if is_leap(one) else 365 for one in years)
    start = date(2021, 3, 21) + timedelta(days=days if year >= 1400 else -days)  # of the year 1400
    return start + timedelta(days=(month - 1) * 31 - max(0, month - 7) + day - 1)


@dataclass(frozen=True, slots=True)
class Decision:
    """How a file writes dates."""

    order: Order | None = None  # None: no order gives dates
    reason: str = ""  # if it was assumed
    runs_backwards: bool = False


def decide(  # noqa: PLR0911  # a rule a line
    days: Sequence[Day], heads: Sequence[str], day_first: bool | None, *, is_english: bool = True
) -> Decision:
    """Decide in which order a file writes its dates.

    A number over 12 decides; else the user; else the order that never runs backwards; else what changes more often is
    the day; else how phones write.

    Args:
        days: as they follow each other, without repeats.
        heads: some heads of lines, as they stand.
        day_first: what the user says.
        is_english: whether the application speaks English in the file, or nothing says what it speaks.
    """
    fitting = _fitting(days)
    if not fitting:
        return Decision()
    steps = {order: _backward_steps(days, order) for order in fitting}

    def decided(order: Order, reason: str = "") -> Decision:
        return Decision(order, reason, steps[order] > 0)

    if len(fitting) == 1:
        return decided(fitting[0])
    changes = [sum(a[part] != b[part] for a, b in pairwise(days)) for part in range(3)]
    last = [order for order in fitting if order[2] == "y"]
    if last and len(last) < len(fitting):  # two digits may be a year: what changes least is one
        best = min(steps.values())
        first_is_year = changes[2] > changes[0] or all(steps[order] > best for order in last)
        first_is_year = first_is_year or any(re.search(r"[\u4e00-\u9fff\uac00-\ud7a3]", one) for one in heads)
        fitting = [order for order in fitting if (order[2] != "y") == first_is_year]
        if len(fitting) == 1:
            return decided(fitting[0])
    if day_first is not None and fitting[0][2] == "y":
        return decided("dmy" if day_first else "mdy")
    forward = [order for order in fitting if not steps[order]]
    if len(forward) == 1:
        return decided(forward[0])
    if fitting[0][0] == "y":
        return decided("ymd")
    days_place, months_place = fitting[0].index("d"), fitting[0].index("m")
    amounts = [sum(abs(numbers(a)[part] - numbers(b)[part]) for a, b in pairwise(days)) for part in range(3)]
    for found in (changes, amounts):
        if found[days_place] != found[months_place]:
            return decided(fitting[0] if found[days_place] > found[months_place] else fitting[1])
    if all(as_date(day, fitting[0]) == as_date(day, fitting[1]) for day in days):
        return decided(fitting[0])  # both are the same
    return decided(*_as_phones_write(heads, is_english=is_english))


def _fitting(days: Sequence[Day]) -> list[Order]:
    """Return the orders in which the most dates are dates, the likely ones first."""
    distinct = set(days)
    if not distinct:
        return []
    long = [sum(len(day[part].strip("B")) >= 3 or day[part][0] in "HR" for day in distinct) for part in range(3)]
    place = long.index(max(long)) if max(long) * 2 > len(distinct) else -1
    orders: list[Order]
    if place >= 0:
        orders = [["ymd", "ydm"], ["dym", "myd"], ["dmy", "mdy"]][place]  # type: ignore[assignment]
    else:
        orders = ["dmy", "mdy", "ymd", "ydm"]
        orders = [order for order in orders if all(len(day[order.index("y")]) >= 2 for day in distinct)] or orders[:2]
    last_year = datetime.now(UTC).year + 1
    for years in (range(FIRST_YEAR, last_year + 1), range(1970, 2100)):
        wrong = {
            order: sum((found := as_date(day, order)) is None or found.year not in years for day in distinct)
            for order in orders
        }
        least = min(wrong.values())
        if least * 2 < len(distinct) or least == 0:
            return [order for order in orders if wrong[order] == least]
    return []


def _backward_steps(days: Sequence[Day], order: Order) -> int:
    dates = [found for day in days if (found := as_date(day, order))]
    return sum(later < earlier for earlier, later in pairwise(dates))


def _as_phones_write(heads: Sequence[str], *, is_english: bool) -> tuple[Order, str]:
    """Return the likely order, and why: only phones in the United States put the month first."""
    shown = " ".join(heads)
    day = r"(?:^|[\s\[])[\[]?"
    if re.search(r"\d[.\-]\d{1,2}[.\-]\d", shown):
        return "dmy", "dots or dashes mean that the day comes first"
    if re.search(rf"{day}(?:0\d/\d|\d{{1,2}}/0\d/)", shown):
        return "dmy", "a zero before a number means that the day comes first"
    if not is_english:
        return "dmy", "only phones in English put the month first, and WhatsApp speaks another language in this file"
    if re.search(r"[AP]M\b", shown) and not re.search(r"/\d{4}", shown):
        return "mdy", "such dates with AM or PM are those of the United States"
    return "dmy", "only phones in the United States put the month first, and they write otherwise"


class Clock:
    """Turns local times into Unix milliseconds."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._days: dict[date, tuple[int, bool]] = {}

    def unix_ms(self, day: date, second: int, previous: int) -> int:
        """Return the time of a message.

        Args:
            previous: the time of the message before. In the hour that comes twice in autumn it says which one is meant.
        """
        found = self._days.get(day)
        if found is None:
            start = datetime(day.year, day.month, day.day, tzinfo=self._zone)
            midnight = int(start.timestamp())
            is_plain = int(start.replace(hour=23, minute=59, second=59).timestamp()) - midnight == 86_399
            found = self._days[day] = (midnight, is_plain)
        midnight, is_plain = found
        if is_plain:
            return (midnight + second) * 1000
        hour, rest = divmod(second, 3600)
        local = datetime(day.year, day.month, day.day, hour, rest // 60, rest % 60, tzinfo=self._zone)
        first, again = (int(local.replace(fold=fold).timestamp()) * 1000 for fold in (0, 1))
        return again if first < previous <= again + 3_600_000 and again > first else first
