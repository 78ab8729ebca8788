"""Text of other people is shown as it was written, and does nothing."""

from __future__ import annotations

import json

import pytest

from ventriloquist.safe_text import (
    escape_html,
    escape_html_lines,
    escape_json,
    escape_markdown,
    escape_markdown_lines,
    harmless,
    html_head,
    one_line,
)

HOSTILE = ["\x1b[2J", "a\rb", "\x07", "\x9b31m", "\u202eevil", "\u2066x", "a\u2028b", "\x7f"]


@pytest.mark.parametrize("text", HOSTILE)
def test_every_control_character_becomes_visible(text: str) -> None:
    for safe in (harmless(text), one_line(text), escape_markdown(text), escape_html(text)):
        assert safe.isprintable()


def test_tabs_and_newlines_stay_on_a_terminal() -> None:
    assert harmless("a\tb\nc") == "a\tb\nc"
    assert one_line("a\nb") == "a\\nb"


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_json_has_the_same_value(text: str) -> None:
    rendered = escape_json(json.dumps([text], ensure_ascii=False))
    assert json.loads(rendered) == [text]
    assert rendered.isprintable()


def test_lines_of_a_text_stay_lines_in_html_and_in_markdown() -> None:
    assert escape_html_lines("a\r\nb\rc\u2028<i>\n\x1b") == "a\nb\nc\n&lt;i&gt;\n\\x1b"
    assert escape_markdown_lines("# a\n\n*b*\x1b") == "# a<br><br>\\*b\\*\\\\x1b"


def test_the_head_of_a_page_allows_no_script_and_escapes_its_title() -> None:
    head = html_head("</title><script>", "p { margin: 0 }")
    assert "default-src 'none'" in head
    assert "<title>&lt;/title&gt;&lt;script&gt;</title><style>p { margin: 0 }</style>" in head


def test_html_has_no_tag_of_the_text_and_one_line() -> None:
    assert escape_html("<b>\n&") == "&lt;b&gt; &amp;"
