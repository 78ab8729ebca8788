"""A conversation as Markdown."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from invented import HOSTILE_CONTENTS, HOSTILE_NAMES

from ventriloquist.chat import markdown
from ventriloquist.chat.clock import parse_period
from ventriloquist.clock import at_hour, local_day
from ventriloquist.store.corpus import SentLine
from ventriloquist.transcript import Line

ZONE = ZoneInfo("Asia/Tokyo")


def said(name: str, content: str, day: str = "2024-03-15") -> SentLine:
    at = at_hour(parse_period(day)[0], ZONE, 12)
    return SentLine(Line(name, "<1m", content), at, local_day(at, ZONE))


def test_a_conversation_can_be_read() -> None:
    lines = [said("Robin", "hello"), said("Kim", "hi :)"), said("Kim", "still there?", "2024-03-16")]
    assert markdown(lines, whom="Kim", me="Robin", model="smollm2 (adapter 2024)", zone=ZONE).splitlines() == [
        "# A simulation of Kim",
        "",
        "Robin wrote their own lines. Everything else was written by smollm2 (adapter 2024).",
        "",
        "## 2024-03-15",
        "",
        "**Robin** 12:00: hello",
        "",
        "**Kim** 12:00: hi :)",
        "",
        "## 2024-03-16",
        "",
        "**Kim** 12:00: still there?",
    ]


@pytest.mark.parametrize(
    "content",
    ["![x](https://example.org/seen.png)", "<img src=x onerror=alert(1)>", "[a](b)", "**no**", "`x`", "a | b", "&amp;"],
)
def test_what_was_written_is_not_taken_for_markup(content: str) -> None:
    line = markdown([said("Kim", content)], whom="Kim", me="Robin", model="m", zone=ZONE).splitlines()[-1]
    shown = line.removeprefix("**Kim** 12:00: ")
    for sign in "<>[]!*`|&":
        assert shown.count(sign) == shown.count(f"\\{sign}") == content.count(sign)


def test_nobody_forges_a_line_or_drives_a_terminal() -> None:
    lines = [said(name, content) for name in HOSTILE_NAMES for content in HOSTILE_CONTENTS if "\n" not in content]
    text = markdown(lines, whom=HOSTILE_NAMES[0], me="Robin", model="m", zone=ZONE)
    assert len(text.splitlines()) == 5 + 2 * len(lines)
    assert "\x1b" not in text
