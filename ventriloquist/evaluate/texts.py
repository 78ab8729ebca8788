"""The typed part of a line's content: what its writer typed, without placeholders. Style is judged by it alone.

A person may type what looks like a placeholder, as in "[redacted] lol [sic]". For a collected message, its own text
decides: whatever it contains was typed. A model's message has only its content. There, the placeholders are those that
`vq prepare` wrote into the data that the model was trained on.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

from ventriloquist.store import Connection
from ventriloquist.store.collected import text_of
from ventriloquist.store.corpus import line_kinds, typed_lines
from ventriloquist.transcript import (
    REACTION_VERBS,
    REPLY_CLOSING,
    REPLY_OPENING,
    SECRETS,
    text_lines,
    without_reply_marker,
)

_PLACEHOLDER = re.compile(r" ?\[(?P<kind>[a-z][a-z0-9_-]{0,30})\]")  # of redaction, with the user's own kinds
_ATTACHMENT = re.compile(r"\[(?:photo|video|sticker|file|voice message|voice message: .*|file: .*)\]")
_REACTION = re.compile(rf"\[(?:{'|'.join(REACTION_VERBS.values())}|sticker on|reacted .* to) \".*\"\]")


@dataclass(frozen=True, slots=True)
class Placeholders:
    """The kinds of placeholders that prepare wrote into contents."""

    secrets: frozenset[str] = frozenset(SECRETS)  # the kinds of redaction
    attachments: bool = True
    reactions: bool = False


@dataclass(frozen=True, slots=True)
class MessageText:
    """The text of a collected message: its lines, and what looks like a placeholder in it."""

    lines: frozenset[str]
    first: str
    placeholders: frozenset[str]
    looks_like_a_reply: bool


USUAL = Placeholders()


def typed(content: str, written: Placeholders = USUAL) -> str:
    """Return the typed part of a content whose message is not known: without a reply's marker and placeholders.

    It is empty if the content is nothing but a placeholder.
    """
    if "[" not in content:  # nearly always
        return content
    own = without_reply_marker(content)
    if (written.attachments and _ATTACHMENT.fullmatch(own)) or (written.reactions and _REACTION.fullmatch(own)):
        return ""
    return _without(own, written.secrets)


def typed_of(content: str, text: MessageText) -> str:
    """Return the typed part of a line of a message.

    A line that redaction did not change is a line of the message's text; in a reply, the first line follows a marker.
    """
    if "[" not in content or content in text.lines:
        return content
    marker = content.removesuffix(text.first)
    if text.first and marker != content and marker.startswith(REPLY_OPENING) and marker.endswith(REPLY_CLOSING):
        return text.first
    own = content if text.looks_like_a_reply else without_reply_marker(content)
    return _without(own, written_by_redaction(own, text))


def written_by_redaction(own: str, text: MessageText) -> set[str]:
    """Return the kinds of placeholders in a line that its message's own text does not contain."""
    return {match["kind"] for match in _PLACEHOLDER.finditer(own)} - text.placeholders


class Texts:
    """The typed parts of prepared lines. Asked for in the lines' order, each message is read once."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._last: tuple[int, MessageText | None] = (0, None)

    def typed(self, content: str, message_id: int | None) -> str:
        """Return the typed part of a content of kind `text`."""
        if "[" not in content:
            return content
        text = self.of(message_id)
        return typed(content) if text is None else typed_of(content, text)

    def of(self, message_id: int | None) -> MessageText | None:
        """Return the text of a message; None if it was removed since."""
        if message_id is None:
            return None
        if self._last[0] != message_id:
            text = text_of(self._db, message_id)
            self._last = message_id, None if text is None else _read(text)
        return self._last[1]


def read_placeholders(db: Connection) -> Placeholders:
    """Return the placeholders that prepare wrote into this file."""
    texts = Texts(db)
    secrets: set[str] = set()
    for _, _, _, content, _, _, _, message_id in typed_lines(db):
        text = texts.of(message_id) if "[" in content else None
        if text is not None and content not in text.lines and not content.endswith(text.first):
            secrets |= written_by_redaction(without_reply_marker(content), text)
    kinds = line_kinds(db)
    return Placeholders(frozenset(secrets), "attachment" in kinds, "reaction" in kinds)


def _read(text: str) -> MessageText:
    lines = text_lines(text)
    return MessageText(
        frozenset(lines),
        lines[0] if lines else "",
        frozenset(match["kind"] for match in _PLACEHOLDER.finditer(text)),
        any(line.startswith(REPLY_OPENING) for line in lines),
    )


def _without(own: str, kinds: Container[str]) -> str:
    """Remove placeholders of some kinds, and the spaces that they leave at the ends."""
    left = _PLACEHOLDER.sub(lambda match: "" if match["kind"] in kinds else match[0], own)
    return left if left == own else left.strip()
