"""Reading edits and unsent parts from `message_summary_info`, a property list.

Its keys: `ec` {part: [{"d": seconds, "t": typedstream}, …]} the versions of an edited part, oldest first;
`rp` [part, …] the parts that were unsent; `otr` {part: {"lo", "le"}} where the parts were in the original.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ventriloquist.sources.imessage import body as bodies
from ventriloquist.sources.imessage.plist import load_plist

MAX_BYTES = 16 << 20  # every version of a message's text is in it
MAX_PARTS = 1_000  # edited ones; each attachment and each text between two of them is a part
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
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):  # values of unexpected types
        return None


def _mentions(summary: bytes, key: bytes) -> bool:
    """Tell quickly whether a property list may hold a key of two letters, in binary (0x52: two ASCII bytes) or XML."""
    return b"R" + key in summary or b">" + key + b"<" in summary


def _edits(info: Any, size: int) -> Edits | None:
    if not isinstance(info, dict):
        return None
    edited = {int(part): versions for part, versions in (info.get("ec") or {}).items() if versions}
    unsent = {int(part) for part in info.get("rp") or ()}
    if (not edited and not unsent) or len(edited) > MAX_PARTS:
        return None
    parts = {int(part) for part in info.get("otr") or ()} | edited.keys() | unsent
    last_versions = [edited[part][-1] for part in sorted(edited.keys() - unsent)]
    written = [version["t"] for version in last_versions]
    if sum(map(len, written)) > size:  # a trap: one version repeated for thousands of parts
        return None
    texts = [bodies.decode(version) for version in written]
    return Edits(
        text="".join(found[0] for found in texts if found) if any(texts) else None,
        unsent_parts=frozenset(unsent),
        all_unsent=bool(info.get("otr")) and parts <= unsent,
        at=max((_seconds(versions[-1]) for versions in edited.values()), default=0.0),
    )


def _seconds(version: dict[str, Any]) -> float:
    """Return when a version was written, in seconds since 2001, or 0 if that is missing or invalid."""
    at = float(version.get("d") or 0)
    return at if 0 < at < MAX_SECONDS else 0.0
