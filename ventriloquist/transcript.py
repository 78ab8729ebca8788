"""The training format: render a transcript and parse it.

A transcript is a JSON header and one JSON line for each message, each ended by exactly one newline:

    {"type": "dm", "members": ["Aidan", "Sam"], "start": "2024-03-15"}
    {"name": "Sam", "delta": "<5m", "content": "[replying to \\"how are you\\"] great thanks!"}

`parse(render(x)) == x` for every text without lone surrogates; those become U+FFFD on the way in (`well_formed`).

Export, training, chat and evaluation write and read lines through this module alone. Two other places describe the same
bytes, and tests compare them with it: the SQL view `rendered_windows`, for people, and the grammar in model/grammar.py,
which holds a model to the format.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring as _quoted
from typing import Literal, NamedTuple

from ventriloquist.media import media_kind

FORMAT_VERSION = 1  # raise it when a rendered byte changes: adapters of another format are refused

ConversationType = Literal["dm", "group"]
Kind = Literal["text", "attachment", "reaction"]

SECRETS = ("email", "card", "account", "password", "code", "address", "phone")  # placeholders, as in [phone]
UNKNOWN = "Unknown"  # the name of an unknown sender
QUOTE_CHARACTERS = 60
REPLY_OPENING, REPLY_CLOSING = '[replying to "', '"] '  # the marker of an inline reply, around the quote

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
# upper limit of each bucket, exclusive
DELTA_LIMITS_MS = {"<1m": MINUTE_MS, "<5m": 5 * MINUTE_MS, "<1h": HOUR_MS, "<12h": 12 * HOUR_MS, "<1d": 24 * HOUR_MS}
DELTAS = (*DELTA_LIMITS_MS, "1d+")

REACTION_VERBS = {
    "love": "loved",
    "like": "liked",
    "dislike": "disliked",
    "laugh": "laughed at",
    "emphasize": "emphasized",
    "question": "questioned",
}

_SPECIAL_TOKEN = re.compile(r"<(?=[|/A-Za-z])")
_PLACEHOLDERS = {"photo": "[photo]", "video": "[video]", "voice": "[voice message]", "sticker": "[sticker]"}
_LINE_BREAK = re.compile(r"\r\n|\n|\r")  # not U+2028 and U+0085: they are part of a message
_SURROGATE = re.compile("[\ud800-\udfff]")


class TranscriptError(ValueError):
    """A line that is not in the format; the message says where."""


@dataclass(frozen=True, slots=True)
class Header:
    """A conversation's first line. `start` is the local date (ISO) of the first message that is shown."""

    type: ConversationType
    members: tuple[str, ...]
    start: str


class Line(NamedTuple):
    """A line of a conversation: the sender's name, the time since the previous line, and the content."""

    name: str
    delta: str
    content: str


def delta_bucket(milliseconds: int) -> str:
    """Return the bucket of the time since the previous message."""
    for bucket, limit in DELTA_LIMITS_MS.items():
        if milliseconds < limit:
            return bucket
    return "1d+"


def well_formed(text: str) -> str:
    """Replace lone surrogates, which no UTF-8 file can hold, by U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text)
    return text


# Rendering


def render_header(header: Header) -> str:
    """Render the header, without its newline."""
    members = render_members(header.members)
    return f'{{"type": "{header.type}", "members": {members}, "start": {json.dumps(header.start)}}}'


def render_members(members: Sequence[str]) -> str:
    """Render the members of a header: a JSON array."""
    return _escape(json.dumps(list(members), ensure_ascii=False))


def render_line(line: Line) -> str:
    """Render a line, without its newline. `<` becomes \\u003c where a special token could begin (`<|`, `</`, `<a`)."""
    name, delta, content = line
    # the bytes of json.dumps(…, ensure_ascii=False), in a tenth of its time
    rendered = f'{{"name": {_quoted(name)}, "delta": {_quoted(delta)}, "content": {_quoted(content)}}}'
    return _escape(rendered) if "<" in content or "<" in name else rendered


def line_opening(name: str) -> str:
    """Render a line up to the end of its name, for a model to continue as that person."""
    return _escape(json.dumps({"name": name}, ensure_ascii=False)[:-1]) + ","


def content_span(line: Line) -> tuple[int, int]:
    """Return where a rendered line's name ends, with its quote, and where its content begins, after its quote.

    Both in code points.
    """
    opening = line_opening(line.name)
    before_content = f'{opening} "delta": "{line.delta}", "content": "'
    return len(opening) - 1, len(before_content)


def render(header: Header, lines: Iterable[Line]) -> str:
    """Render a whole transcript, every line ended by one newline."""
    return render_window(render_header(header), map(render_line, lines))


def render_window(header: str, lines: Iterable[str]) -> str:
    """Join a rendered header and rendered lines, each ended by one newline."""
    return "\n".join([header, *lines, ""])


def order_members(owner: str, others: Iterable[str]) -> tuple[str, ...]:
    """Order a header's members: the owner, the others by name, an unknown sender last."""
    rest = set(others) - {owner}
    last = (UNKNOWN,) if UNKNOWN in rest else ()
    return (owner, *sorted(rest - {UNKNOWN}), *last)


def _escape(rendered: str) -> str:
    return _SPECIAL_TOKEN.sub(r"\\u003c", rendered) if "<" in rendered else rendered


# Parsing


def parse_header(text: str) -> Header:
    """Parse a header line.

    Raises:
        TranscriptError: it is not exactly a header.
    """
    fields = _parse_object(text, ("type", "members", "start"))
    type_, members, start = fields["type"], fields["members"], fields["start"]
    if type_ not in ("dm", "group"):
        raise TranscriptError(f"unknown type {type_!r}")
    if type(members) is not list or not all(isinstance(member, str) for member in members):
        raise TranscriptError("members is not a list of names")
    if not isinstance(start, str):
        raise TranscriptError("start is not a date")
    return Header(type_, tuple(well_formed(member) for member in members), start)


def parse_members(text: str) -> tuple[str, ...]:
    """Parse what `render_members` returns."""
    return tuple(json.loads(text))


def parse_line(text: str) -> Line:
    """Parse a line strictly: a JSON object with name, delta and content in this order, and a known delta.

    Raises:
        TranscriptError: it is anything else.
    """
    fields = _parse_object(text, Line._fields)
    if not all(isinstance(value, str) for value in fields.values()):
        raise TranscriptError("a value is not a string")
    if fields["delta"] not in DELTAS:
        raise TranscriptError(f"unknown delta {fields['delta']!r}")
    return Line(*(well_formed(str(value)) for value in fields.values()))


def parse(text: str) -> tuple[Header, list[Line]]:
    """Parse a whole transcript.

    Raises:
        TranscriptError: a line is not in the format or the last one is not ended by a newline.
    """
    *lines, rest = text.split("\n")  # never splitlines(): U+2028 and U+0085 would end a line
    if rest or not lines:
        raise TranscriptError("the last line is not ended by a newline")
    return parse_header(lines[0]), [parse_line(line) for line in lines[1:]]


def _parse_object(text: str, keys: Sequence[str]) -> dict[str, object]:
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as error:
        raise TranscriptError(f"not JSON: {error}") from None
    if not isinstance(pairs, _Pairs):
        raise TranscriptError("not a JSON object")
    if [key for key, _ in pairs] != list(keys):
        raise TranscriptError(f"the keys are not {', '.join(keys)}")
    return dict(pairs)


class _Pairs(list[tuple[str, object]]):
    """A JSON object as pairs, which keep order and repeated keys."""


class LineReader:
    """Reads a line while it is being written, so that its content can be shown as it appears.

    Feed it the bytes of one rendered line as they come. `name` and `delta` are set when they are complete. `feed`
    returns the new part of the content, un-escaped, and never half a character.
    """

    def __init__(self) -> None:
        self.name: str | None = None
        self.delta: str | None = None
        self.finished = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")  # holds back an unfinished character
        self._text = ""
        self._shown = 0  # characters of the content returned so far

    def feed(self, data: bytes) -> str:
        """Read more bytes of the line and return the new characters of its content."""
        self._text += self._decoder.decode(data)
        match = _OPENING.match(self._text)
        if match is None:
            return ""
        self.name = well_formed(json.loads(match["name"]))
        self.delta = match["delta"]
        body = self._text[match.end() :]
        closing = _STRING_BODY.match(body)
        complete = closing.group() if closing else ""
        self.finished = body[len(complete) :].startswith('"')
        content = well_formed(json.loads(f'"{_without_half_a_pair(complete, self.finished)}"'))
        new, self._shown = content[self._shown :], len(content)
        return new


# the inside of a JSON string, up to its end or the first incomplete escape
_STRING_BODY = re.compile(r'(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*')
_OPENING = re.compile(
    r'\{"name": (?P<name>"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"), '
    r'"delta": "(?P<delta>[^"\\]*)", "content": "'
)
_HALF_A_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}$")


def _without_half_a_pair(body: str, finished: bool) -> str:
    """Drop a first surrogate at the end of an unfinished body: its second half may still come."""
    return body if finished else _HALF_A_PAIR.sub("", body)


# Contents


def text_lines(text: str) -> list[str]:
    """Split a message's text into its lines, without the blank ones."""
    if "\n" not in text and "\r" not in text:  # nearly always
        return [text] if text.strip() else []
    return [line for line in _LINE_BREAK.split(text) if line.strip()]


def attachment_placeholder(
    mime_type: str | None, filename: str | None, transcript: str | None, kind: str | None = None
) -> str:
    """Return the content of an attachment's line.

    Args:
        kind: a `media.MediaKind` if collect has stored it; None to decide by type and name.
    """
    name = _single_spaced(filename or "")
    if transcript and transcript.strip():
        return f"[voice message: {_single_spaced(transcript)}]"
    placeholder = _PLACEHOLDERS.get(kind or media_kind(mime_type, None, name))
    if placeholder is None:
        return f"[file: {name}]" if name else "[file]"
    return placeholder


def quote(text: str) -> str:
    """Shorten a text for a quote: single spaces, and at most 60 characters before an ellipsis."""
    text = _single_spaced(text)
    return text if len(text) <= QUOTE_CHARACTERS else text[:QUOTE_CHARACTERS] + "…"


def reply_marker(target: str) -> str:
    """Return the beginning of an inline reply's first line; `target` is a text or a placeholder."""
    return f"{REPLY_OPENING}{quote(target)}{REPLY_CLOSING}"


def without_reply_marker(content: str) -> str:
    """Return a content without the marker of an inline reply.

    The quote ends where its brackets are closed, since a quoted text may contain what ends a marker, as in `["no"] ok`.
    If it never does so, it ends at the first place where it could.
    """
    if not content.startswith(REPLY_OPENING):
        return content
    begin = len(REPLY_OPENING)
    first = end = content.find(REPLY_CLOSING, begin)
    while begin <= end <= begin + 2 * QUOTE_CHARACTERS:  # a placeholder may be longer than what it replaced
        quoted = content[begin:end]
        is_cut = quoted.endswith("…") and len(quoted) > QUOTE_CHARACTERS
        if is_cut or quoted.count("[") == quoted.count("]"):
            return content[end + len(REPLY_CLOSING) :]
        end = content.find(REPLY_CLOSING, end + 1)
    return content if first < 0 else content[first + len(REPLY_CLOSING) :]


def reaction_content(kind: str, emoji: str | None, target: str) -> str:
    """Return the content of a reaction's line; `target` is a text or a placeholder."""
    if kind == "emoji":
        return f'[reacted {quote(emoji or "") or "?"} to "{quote(target)}"]'  # some sources allow any text here
    if kind == "sticker":
        return f'[sticker on "{quote(target)}"]'
    return f'[{REACTION_VERBS[kind]} "{quote(target)}"]'


def _single_spaced(text: str) -> str:
    """Replace every run of white space by one space, and drop it at both ends."""
    return " ".join(text.split())
