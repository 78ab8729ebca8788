"""Text that other people wrote, made safe to show: on a terminal, in JSON, in Markdown and in HTML."""

from __future__ import annotations

import html
import json
import re
from typing import Any

# C0 except tab and newline, DEL, C1, the characters that reorder a line, U+2028 and U+2029, which end one, and lone
# surrogates, which stand for the bytes of a path that is not UTF-8
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_ENDS = re.compile("[\n\r\u2028\u2029]")
_LINE_END = re.compile("\r\n|[\n\r\u2028\u2029]")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>!|~&$])")  # within a line


def harmless(text: str) -> str:
    """Make control characters visible, so that the text cannot drive a terminal."""
    return _CONTROL.sub(_visible, text)


def one_line(text: str) -> str:
    """Make newlines visible, too, so that the text cannot forge a row or a line."""
    return harmless(text).replace("\n", "\\n")


def to_json(value: object, **options: Any) -> str:
    """Render JSON that UTF-8 can hold: lone surrogates, as in a path that is not UTF-8, are escaped."""
    rendered = json.dumps(value, ensure_ascii=False, **options)
    return _SURROGATE.sub(_escaped, rendered)


def escape_json(text: str) -> str:
    """Escape control characters in rendered JSON; its value stays the same."""
    return _CONTROL.sub(_escaped, text)


def escape_markdown(text: str) -> str:
    """Return Markdown that shows the text as it was written: no picture, no link, no heading."""
    return _MARKDOWN.sub(r"\\\1", one_line(text))


def escape_html(text: str) -> str:
    """Return HTML that shows the text in one line: no tag, and nothing that reorders its surroundings."""
    return html.escape(harmless(_LINE_ENDS.sub(" ", text)))


def escape_markdown_lines(text: str) -> str:
    """Return Markdown, in one line of the file, that shows all lines of the text."""
    return "<br>".join(map(escape_markdown, _LINE_END.split(text)))


def escape_html_lines(text: str) -> str:
    """Return HTML that shows the lines of the text, in an element with `white-space: pre-wrap`."""
    return html.escape(harmless(_LINE_END.sub("\n", text)))


def html_head(title: str, style: str) -> str:
    """Return the beginning of a page up to its body. The page can run no script and fetch nothing."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f'<meta name="referrer" content="no-referrer"><title>{escape_html(title)}</title><style>{style}</style></head>'
    )


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
