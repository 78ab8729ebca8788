"""Handles and names in one form: numbers as E.164, addresses in lower case, names on one line."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache, partial

import phonenumbers

from ventriloquist.records import application_of
from ventriloquist.sources.imessage.texts import MAX_HANDLE, without_label
from ventriloquist.transcript import well_formed

_NUMBER = re.compile(r"[\s+\d().\-/·\u2010-\u2015\u00a0\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\uff0b]+")
_EXTENSION = re.compile(r"(?:ext\.?|x|#|;ext=)\s*\d{1,7}\s*$", re.IGNORECASE)
_SHORT_CODE_DIGITS = 6  # at most; such numbers are dialled as they are in every country


def normalizer(region: str | None) -> Callable[[str], str]:
    """Return `normalize` for a region, with a cache: parsing a number takes 34 µs."""
    return cache(partial(normalize, region=region))


def normalize(handle: str, region: str | None) -> str:
    """Return a handle in its one form: a number as E.164, an address in lower case, anything else as it is.

    A spam filter's label behind the handle is dropped. An application's own handle, such as `telegram:user777`, stays
    as it is. The region (two letters) is the country of numbers without a country code.
    """
    handle = handle.replace("\x00", "").strip()
    if application_of(handle):
        return handle
    handle = without_label(handle)
    if "@" in handle:
        return handle.lower()
    if len(handle) > MAX_HANDLE:  # no number is so long
        return handle
    number = _without_extension(handle)
    if not _NUMBER.fullmatch(number) or is_short_code(number):
        return handle
    readings = [_parse(number, region)]
    digits = phonenumbers.normalize_digits_only(number)
    if digits.startswith("00") and not (readings[0] and phonenumbers.is_valid_number(readings[0])):
        readings.append(_parse(f"+{digits[2:]}", None))
    possible = [reading for reading in readings if reading and phonenumbers.is_possible_number(reading)]
    if not possible:
        return handle
    best = next(filter(phonenumbers.is_valid_number, possible), possible[0])
    return phonenumbers.format_number(best, phonenumbers.PhoneNumberFormat.E164)


def _without_extension(number: str) -> str:
    """Remove an extension behind a number, such as `ext. 12`, and the white space before it."""
    found = _EXTENSION.search(number)
    return number[: found.start()].rstrip() if found else number


def _parse(number: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None


def is_short_code(handle: str) -> bool:
    """Tell whether a handle is the short number of a service, with or without a filter's label."""
    handle = without_label(handle)
    return handle.isascii() and handle.isdigit() and len(handle) <= _SHORT_CODE_DIGITS


def is_business(handle: str) -> bool:
    """Tell whether a handle is a business: one of Business Chat, or a name instead of a number or address.

    An application's own handle is a person's.
    """
    handle = without_label(handle)
    if application_of(handle):
        return False
    return handle.startswith("urn:biz:") or ("@" not in handle and any(map(str.isalpha, handle)))


def region_of(numbers: Iterable[str]) -> str | None:
    """Return the region of most numbers that have a country code, None if none has."""
    regions: Counter[str] = Counter()
    for number in map(without_label, numbers):
        if number.startswith("+"):
            parsed = _parse(number, None)
            if parsed is None:
                continue
            # a number that is not assigned has no region of its own: its country code's main one
            region = phonenumbers.region_code_for_number(parsed)
            region = region or phonenumbers.region_code_for_country_code(parsed.country_code or 0)
            if region not in (None, "ZZ", "001"):
                regions[region] += 1
    return min(regions, key=lambda region: (-regions[region], region)) if regions else None


def one_line(name: str) -> str:
    """Put a name on one line with single spaces, in NFC, and drop NUL, which begins our own placeholders.

    Tokenizers of several base models normalise to NFC, so a model could never write another spelling.
    """
    return unicodedata.normalize("NFC", " ".join(well_formed(name).replace("\x00", "").split()))
