"""Texts as Messages stores them: with slots for what is no text, and, since they are UTF-16 inside, broken pairs."""

from __future__ import annotations

import re

from ventriloquist.transcript import well_formed

OBJECT_SLOT = "\ufffc"  # where an attachment stands
APP_SLOT = "\ufffd"

# What filters of text messages write behind a handle: (smsft), (smsfp), (smsft_fi), (smsfp_rm), (filtered) …
_REST = r"(?:[_-][a-z0-9]+)*\s*\)[\s\u200b-\u202e\u2066-\u2069]*$"
_LABEL = re.compile(rf"\s*\(\s*(?:(?:sms|mms|rcs)[a-z]*|filtered|junk|spam){_REST}", re.IGNORECASE)
# Behind a number or an address any word in brackets is one.
_WORD = re.compile(rf"\s*\(\s*[a-z]+{_REST}", re.IGNORECASE)
_NUMBER_OR_ADDRESS = re.compile(r"[+\d\s().\-]*\d[+\d\s().\-]*|\S+@\S+")
MAX_HANDLE = 1_000  # characters; what is longer is no number, and looked at no further
# What nobody sees: slots, white space, controls, marks of direction and joining, selectors, fillers and blanks.
_INVISIBLE = (
    OBJECT_SLOT + APP_SLOT + "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u2800\u3164\ufeff\uffa0"
    + "".join(map(chr, (*range(0x21), *range(0x7F, 0xA1), *range(0x2000, 0x2010), *range(0x2028, 0x2030))))
    + "".join(map(chr, (*range(0x205F, 0x2070), *range(0xFE00, 0xFE10), 0x1680, 0x3000, *range(0xFFF9, 0xFFFC))))
)  # fmt: skip


def is_visible(text: str) -> bool:
    """Tell whether there is anything to see in a text."""
    return "!" <= text[:1] <= "~" or bool(text.strip(_INVISIBLE))  # the first alone: a fifth of the time


def without_slots(text: str) -> str:
    """Drop the slots of attachments and apps from a text."""
    if OBJECT_SLOT in text or APP_SLOT in text:
        return text.replace(OBJECT_SLOT, "").replace(APP_SLOT, "")
    return text


def clean(text: str) -> str:
    """Drop the slots from a text, and replace what no UTF-8 file can hold."""
    return well_formed(without_slots(text))


def is_blank(identifier: str | None) -> bool:
    """Tell whether a number or address is none: two people who have none do not share it."""
    return not (identifier or "").replace("\x00", "").strip()


def without_label(handle: str) -> str:
    """Drop what a filter wrote behind a handle; a handle that is nothing else stays as it is."""
    while ")" in handle[-16:] and len(handle) <= MAX_HANDLE:
        rest = _LABEL.sub("", handle)
        if rest == handle:
            rest = _WORD.sub("", handle)
            if not _NUMBER_OR_ADDRESS.fullmatch(rest.strip()):
                break
        if rest == handle or not rest.strip():
            break
        handle = rest
    return handle


def decode_utf8(data: bytes) -> str:
    """Decode UTF-8 that may hold surrogates; pairs are joined, lone ones stay.

    Raises:
        UnicodeDecodeError: it is not even that.
    """
    try:
        return data.decode()
    except UnicodeDecodeError:
        text = data.decode("utf-8", "surrogatepass")
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def decode_text(data: bytes) -> str:
    """Decode a TEXT column, whatever is in it, to what a file can hold."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        try:
            return well_formed(decode_utf8(data))
        except UnicodeDecodeError:
            return data.decode("utf-8", "replace")
