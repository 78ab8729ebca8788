"""A conversation as Markdown, for people to read; the training format is for programs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from ventriloquist.clock import EPOCH, MILLISECOND
from ventriloquist.store.corpus import SentLine

# within a line; each escaped, or a viewer might fetch a picture or run what somebody wrote
_MARKUP = re.compile(r"([\\`*_\[\]<>!|~&$])")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def markdown(said: Sequence[SentLine], *, whom: str, me: str, model: str, zone: ZoneInfo) -> str:
    """Return lines as Markdown, under a heading a day, each with the local time at which it was said.

    Args:
        whom: who is imitated.
        me: as whom the user wrote.
        model: what wrote the others' lines.
        zone: whose time is shown.
    """
    about = f"Nobody but {me} said any of this: {model} wrote the rest."
    parts = [f"# A simulation of {_plain(whom)}", _plain(about)]
    day = ""
    for one in said:
        if one.day != day:
            day = one.day
            parts.append(f"## {day}")
        time = (EPOCH + one.sent_at * MILLISECOND).astimezone(zone).strftime("%H:%M")
        parts.append(f"**{_plain(one.line.name)}** {time}: {_plain(one.line.content)}")
    return "\n\n".join(parts) + "\n"


def _plain(text: str) -> str:
    """Return text that is shown as it was written, whatever it looks like."""
    return _MARKUP.sub(r"\\\1", _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text))
