"""Telephone numbers: find them by unmistakable shapes, then by libphonenumber for the owner's regions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from ventriloquist.prepare.redact.words import PHONE, alternatives, word_set

MIN_DIGITS, MAX_DIGITS = 7, 15  # E.164 allows fifteen

# a run of digits and separators; bounded, so that the time grows with the length of a text only
_RUN = re.compile(
    r"(?<![^\W\u3040-\u30ff\u3400-\u9fff])(?<![#$€£¥%*^\\+-])(?<!\d[.,:/])"
    r"[+(（]{0,2}\d(?:[ \u00a0.\-‐-―/()（）]{0,3}\d){5,24}"
    r"(?: ?(?:ext\.?|x) ?\d{1,6})?(?![^\W\u3040-\u30ff\u3400-\u9fff]|[%€$£元円圆块万億亿年月日]|[.,:]\d)",
    re.IGNORECASE,
)
_LED = re.compile(rf"(?<!\w)(?:{alternatives(PHONE)})(?!\w)[^\d\n\[\]]{{0,40}}$", re.IGNORECASE)
_NANP = re.compile(r"(?:1[-. ]?)?(?:\([2-9]\d\d\) ?|[2-9]\d\d[-. ])\d{3}[-. ]?\d{4}")
_NANP_LOCAL = re.compile(r"[2-9]\d\d-\d{4}")
_DAY = r"(?:(?:19|20)\d\d[-./ ]?[01]?\d[-./ ]?[0-3]?\d|[0-3]?\d[-./ ][0-3]?\d[-./ ](?:19|20)?\d\d)"
DATE = re.compile(rf"{_DAY}(?: ?[-‐-―/] ?{_DAY}|[ -]+\d{{1,2}}(?:[.:]\d\d)?)?")
_DOTTED_QUAD = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3})+|\d{1,3}(?: \d{3})+|\d+\.\d+")
_YEARS = re.compile(r"(?:19|20)\d\d ?[-‐-―/] ?(?:19|20)\d\d")
_AREA_CODE = re.compile(r"0\d{1,3}[-/]\d[\d ]+")
_EXTENSION = re.compile(r" ?(?:ext\.?|x) ?\d+$", re.IGNORECASE)
_SPACE = re.compile(r"[ \u00a0]+")


def phone_spans(text: str, regions: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the spans of telephone numbers; see `is_phone` for `regions`."""
    for run in _RUN.finditer(text):
        start, end = run.span()
        numbers = list(_within(text, start, end, led=False, regions=tuple(regions)))
        if not numbers and _LED.search(text, max(0, start - 60), start):
            numbers = list(_within(text, start, end, led=True, regions=tuple(regions)))
        yield from numbers


def _within(text: str, start: int, end: int, *, led: bool, regions: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Yield the longest number from the left, then go on after it: a run may hold two numbers."""
    gaps = [gap.span() for gap in _SPACE.finditer(text, start, end)]
    starts, ends = [start, *(after for _, after in gaps)], [*(before for before, _ in gaps), end]
    index = 0
    while index < len(starts):
        for last in range(len(ends) - 1, index - 1, -1):
            first = starts[index] + _unclosed(text[starts[index] : ends[last]])
            if is_phone(text[first : ends[last]], led, regions):
                yield first, ends[last]
                index = last
                break
        index += 1


def _unclosed(candidate: str) -> int:
    """Return how many brackets at the beginning belong to the sentence around the number."""
    closing = candidate.count(")") + candidate.count("）")
    opening = candidate.count("(") + candidate.count("（")
    return opening - closing if candidate.startswith(("(", "（")) and opening > closing else 0


@lru_cache(maxsize=4096)
def is_phone(candidate: str, led: bool, regions: tuple[str, ...]) -> bool:
    """Return whether a run of digits is a telephone number.

    Args:
        led: whether a word such as "call" or "number" comes before it.
        regions: countries that a number without a country code may belong to.
    """
    plain = _EXTENSION.sub("", candidate.translate(_PLAIN))
    digits = "".join(str(int(c)) for c in plain if c.isdigit())
    if not MIN_DIGITS <= len(digits) <= MAX_DIGITS or len(set(digits)) < 3:
        return False
    if plain.startswith("+"):
        return len(digits) >= 8
    if _NANP.fullmatch(plain) or (_NANP_LOCAL.fullmatch(plain) and not digits.endswith("00")):
        return True
    if any(shape.fullmatch(plain) for shape in (DATE, _DOTTED_QUAD, _YEARS)) or _single_digits(plain):
        return False
    if any(DATE.fullmatch(part) for part in plain.split()):
        return False
    return (led and "." not in plain) or _is_national(plain, digits, regions)


def _is_national(plain: str, digits: str, regions: tuple[str, ...]) -> bool:
    if _THOUSANDS.fullmatch(plain) and not any(_is_valid(digits, region) for region in regions):
        return False
    if digits.startswith("0"):
        return len(digits) >= 9 or (len(digits) == 8 and _AREA_CODE.fullmatch(plain) is not None)
    return (plain != digits or len(digits) >= 8) and any(_is_valid(digits, region) for region in regions)


def _single_digits(plain: str) -> bool:
    """Return whether this is counting, as "1 2 3 4 5 6 7", and not a number in groups."""
    groups = re.findall(r"\d+", plain)
    return len(groups) > 3 and sum(map(len, groups)) / len(groups) < 1.8


def _is_valid(digits: str, region: str) -> bool:
    import phonenumbers  # slow to import, and most texts do not need it

    if region not in _WITHOUT_TRUNK_PREFIX:
        return False  # elsewhere numbers begin with 0, and nearly any ten digits are valid without it
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(digits, region))
    except phonenumbers.NumberParseException:
        return False


# countries where numbers are written without a leading 0
_WITHOUT_TRUNK_PREFIX = word_set(
    """
    US CA PR DO JM TT BS BB MX GT HN SV NI CR PA CO PE CL ES PT IT GR DK NO PL CZ EE LV LU MT CY IS CN HK SG IN BR
    """
)
_PLAIN = str.maketrans({"（": "(", "）": ")", "\u00a0": " ", **dict.fromkeys("‐‑‒–—―", "-")})
