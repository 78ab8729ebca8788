"""Writing a conversation as Markdown, for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from ventriloquist.clock import local_time
from ventriloquist.safe_text import escape_markdown
from ventriloquist.store.corpus import SentLine


def markdown(said: Sequence[SentLine], *, whom: str, me: str, model: str, zone: ZoneInfo) -> str:
    """Return lines as Markdown, with a heading for each day and the local time of each line.

    The user wrote as `me`. The `model` wrote the other lines and imitated `whom`.
    """
    about = f"{me} wrote their own lines. Everything else was written by {model}."
    parts = [f"# A simulation of {escape_markdown(whom)}", escape_markdown(about)]
    day = ""
    for one in said:
        if one.day != day:
            day = one.day
            parts.append(f"## {day}")
        time = local_time(one.sent_at, zone)
        parts.append(f"**{escape_markdown(one.line.name)}** {time}: {escape_markdown(one.line.content)}")
    return "\n\n".join(parts) + "\n"
