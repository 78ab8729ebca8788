"""Reading edits and unsent parts from `message_summary_info`, a property list.

Its keys: `ec` {part: [{"d": seconds, "t": typedstream}, …]} the versions of an edited part, oldest first;
`rp` [part, …] the parts that were unsent; `otr` {part: {"lo", "le"}} where the parts were in the original.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ventriloquist.sources.imessage import body as bodies
from ventriloquist.sources.imessage.plist import load_plist

MAX_BYTES = 16 << 20  # every version of a message's text is in it
MAX_PARTS = 1_000  # of each kind; each attachment and each text between two of them is a part
MAX_PART = 1 << 31  # its number is below
MAX_DIGITS = 9  # of a part's number that is a string
MAX_SECONDS = 1e11  # the year 5169


class Edits(NamedTuple):
    """What happened to a message after it was sent."""

    text: str | None  # the last version of the edited parts that still stand; None: no part was edited
    unsent_parts: frozenset[int]
    all_unsent: bool  # all parts that the list names were unsent
    at: float  # of the last change, seconds since 2001; 0: unknown


def read_edits(summary: bytes) -> Edits | None:
    """Read a summary. Return None if it holds no change or is damaged. Never raise."""
    if len(summary) > MAX_BYTES or not (_mentions(summary, b"ec") or _mentions(summary, b"rp")):
        return None
    try:
        return _edits(load_plist(summary), len(summary))
    except (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError):  # unexpected values
        return None


def _mentions(summary: bytes, key: bytes) -> bool:
    """Tell quickly whether a property list may hold a key of two letters, in binary (0x52: two ASCII bytes) or XML."""
    return b"R" + key in summary or b">" + key + b"<" in summary


def _edits(info: Any, size: int) -> Edits | None:
    if not isinstance(info, dict):
        return None
    versions_of, unsent_parts, original_parts = info.get("ec") or {}, info.get("rp") or (), info.get("otr") or ()
    if max(len(versions_of), len(unsent_parts), len(original_parts)) > MAX_PARTS:
        return None
    edited = {_part(part): versions for part, versions in versions_of.items() if versions}
    unsent = set(map(_part, unsent_parts))
    if not edited and not unsent:
        return None
    parts = set(map(_part, original_parts)) | edited.keys() | unsent
    last_versions = [edited[part][-1] for part in sorted(edited.keys() - unsent)]
    written = [version["t"] for version in last_versions]
    if sum(map(len, written)) > size:  # a trap: one version repeated for thousands of parts
        return None
    texts = [bodies.decode(version) for version in written]
    return Edits(
        text="".join(found[0] for found in texts if found) if any(texts) else None,
        unsent_parts=frozenset(unsent),
        all_unsent=bool(original_parts) and parts <= unsent,
        at=max((_seconds(versions[-1]) for versions in edited.values()), default=0.0),
    )


def _part(part: Any) -> int:
    """Return the number of a part, which is an integer or a string of digits.

    Raises:
        ValueError: it is neither, or too large.
    """
    if isinstance(part, str) and len(part) <= MAX_DIGITS and part.isdecimal():
        part = int(part)
    if not isinstance(part, int) or not 0 <= part < MAX_PART:
        raise ValueError
    return part


def _seconds(version: dict[str, Any]) -> float:
    """Return when a version was written, in seconds since 2001, or 0 if that is missing or invalid."""
    at = version.get("d")
    return float(at) if isinstance(at, (int, float)) and 0 < at < MAX_SECONDS else 0.0
