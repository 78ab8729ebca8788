"""Cleaning texts of Messages: they hold slots for attachments and apps, and may hold broken UTF-16 surrogates."""

from __future__ import annotations

import re

from ventriloquist.transcript import well_formed

OBJECT_SLOT = "\ufffc"  # the place of an attachment
APP_SLOT = "\ufffd"  # the place of an app's message

# Labels that spam filters append to a handle: (smsft), (smsfp), (smsft_fi), (smsfp_rm), (filtered) …
# The patterns are for what stands behind the last bracket: searching a handle for them would take quadratic time.
_REST = r"(?:[_-][a-z0-9]+)*\s*\)[\s\u200b-\u202e\u2066-\u2069]*"
_LABEL = re.compile(rf"\s*(?:(?:sms|mms|rcs)[a-z]*|filtered|junk|spam){_REST}", re.IGNORECASE)
# After a number or an address any word in brackets is a label.
_WORD = re.compile(rf"\s*[a-z]+{_REST}", re.IGNORECASE)
_NUMBER = re.compile(r"[+\d\s().\-]+")
_DIGIT = re.compile(r"\d")
MAX_HANDLE = 1_000  # characters; a longer one is not a number or address, and stays as it is
# Invisible characters: slots, white space, controls, direction marks, joiners, variation selectors and fillers.
_INVISIBLE = (
    OBJECT_SLOT + APP_SLOT + "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u2800\u3164\ufeff\uffa0"
    + "".join(map(chr, (*range(0x21), *range(0x7F, 0xA1), *range(0x2000, 0x2010), *range(0x2028, 0x2030))))
    + "".join(map(chr, (*range(0x205F, 0x2070), *range(0xFE00, 0xFE10), 0x1680, 0x3000, *range(0xFFF9, 0xFFFC))))
)  # fmt: skip


def is_visible(text: str) -> bool:
    """Tell whether a text has a visible character."""
    return "!" <= text[:1] <= "~" or bool(text.strip(_INVISIBLE))  # a fast test of the first character


def without_slots(text: str) -> str:
    """Remove the slots of attachments and apps from a text."""
    if OBJECT_SLOT in text or APP_SLOT in text:
        return text.replace(OBJECT_SLOT, "").replace(APP_SLOT, "")
    return text


def clean(text: str) -> str:
    """Remove the slots from a text, and replace lone surrogates, which UTF-8 cannot encode."""
    return well_formed(without_slots(text))


def is_blank(identifier: str | None) -> bool:
    """Tell whether a number or address is empty. Two people with an empty one do not share a handle."""
    return not (identifier or "").replace("\x00", "").strip()


def without_label(handle: str) -> str:
    """Remove the label of a spam filter from a handle. A handle that is only a label stays as it is."""
    while ")" in handle[-16:] and len(handle) <= MAX_HANDLE:
        before, bracket, label = handle.rpartition("(")
        before = before.rstrip()
        if not bracket or not before.strip():
            break
        if not _LABEL.fullmatch(label) and not (_WORD.fullmatch(label) and _is_number_or_address(before.strip())):
            break
        handle = before
    return handle


def _is_number_or_address(handle: str) -> bool:
    """Tell whether a handle without white space around it is a number or an address."""
    if "@" in handle[1:-1]:
        return len(handle.split(maxsplit=1)) == 1
    return bool(_NUMBER.fullmatch(handle) and _DIGIT.search(handle))


def decode_utf8(data: bytes) -> str:
    """Decode UTF-8 that may hold surrogates: pairs are joined, lone ones stay.

    Raises:
        UnicodeDecodeError: it is invalid in another way.
    """
    try:
        return data.decode()
    except UnicodeDecodeError:
        text = data.decode("utf-8", "surrogatepass")
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def decode_text(data: bytes) -> str:
    """Decode any bytes of a TEXT column to valid Unicode, with U+FFFD for what is invalid."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        try:
            return well_formed(decode_utf8(data))
        except UnicodeDecodeError:
            return data.decode("utf-8", "replace")
