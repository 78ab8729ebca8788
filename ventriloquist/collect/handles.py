"""Handles in one form, without a filter's label: numbers as E.164, addresses in lower case, all else as it came."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import phonenumbers

from ventriloquist.sources.imessage.texts import without_label

_NUMBER = re.compile(r"[\s+\d().\-/·\u2010-\u2015\u00a0\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\uff0b]+")
_EXTENSION = re.compile(r"\s*(?:ext\.?|x|#|;ext=)\s*\d{1,7}\s*$", re.IGNORECASE)
_SHORT_CODE_DIGITS = 6  # numbers of so few digits are dialled as they are, in every country


class Normalizer:
    """Brings handles into one form, each parsed once (34 µs)."""

    def __init__(self, region: str | None) -> None:
        self.region = region
        self._known: dict[str, str] = {}

    def __call__(self, handle: str) -> str:
        known = self._known.get(handle)
        if known is None:
            known = self._known[handle] = normalize(handle, self.region)
        return known


def normalize(handle: str, region: str | None) -> str:
    """Return a handle's one form.

    Args:
        handle: as a message or a card has it.
        region: two letters, of the country whose numbers may be written without a country code.
    """
    handle = without_label(handle.replace("\x00", "").strip())
    if "@" in handle:
        return handle.lower()
    number = _EXTENSION.sub("", handle)
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


def _parse(number: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None


def is_short_code(handle: str) -> bool:
    """Tell whether a handle is the short number of a service, whatever a filter wrote behind it."""
    handle = without_label(handle)
    return handle.isascii() and handle.isdigit() and len(handle) <= _SHORT_CODE_DIGITS


def is_business(handle: str) -> bool:
    """Tell whether a handle is a business: one of Business Chat, or a name where people have a number."""
    handle = without_label(handle)
    return handle.startswith("urn:biz:") or ("@" not in handle and any(map(str.isalpha, handle)))


def region_of(numbers: Iterable[str]) -> str | None:
    """Return the region that most of the numbers with a country code are of, None without any."""
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
