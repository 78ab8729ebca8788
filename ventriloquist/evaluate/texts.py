"""What a person typed of a line's content: style is judged by nothing else.

A person may type what looks like a placeholder, as in "[redacted] lol [sic]". Of a message that was collected its own
text decides: what stands in it was typed. Of what a model wrote only the content is at hand: there what counts is what
`vq prepare` wrote into the file that the model learnt from.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

from ventriloquist.store import Connection
from ventriloquist.transcript import REACTION_VERBS, SECRETS, reply_marker, text_lines

_OPENING, _CLOSING = reply_marker("\0").split("\0")
_REPLY = re.compile(f"^{re.escape(_OPENING)}.*?{re.escape(_CLOSING)}")
_PLACEHOLDER = re.compile(
    r" ?\[(?P<kind>[a-z][a-z0-9_-]{0,30})\]"
)  # as redaction writes it, of a user's own rules, too
_ATTACHMENT = re.compile(r"\[(?:photo|video|sticker|file|voice message|voice message: .*|file: .*)\]")
_REACTION = re.compile(rf"\[(?:{'|'.join(REACTION_VERBS.values())}|sticker on|reacted .* to) \".*\"\]")


@dataclass(frozen=True, slots=True)
class Marks:
    """What prepare wrote into contents beside what people typed."""

    secrets: frozenset[str] = frozenset(SECRETS)  # kinds of placeholders
    attachments: bool = True
    reactions: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """The text of a message as it was collected: its lines, and what looks like a placeholder in it."""

    lines: frozenset[str]
    first: str
    placeholders: frozenset[str]
    may_look_like_a_reply: bool


USUAL = Marks()


def typed(content: str, marks: Marks = USUAL) -> str:
    """Return the typed part of a content of which no more is known: not a reply's marker, nor placeholders.

    Nothing is left of a content that is all placeholder: such a message says nothing of style.
    """
    if "[" not in content:  # nearly always
        return content
    own = _REPLY.sub("", content)
    if (marks.attachments and _ATTACHMENT.fullmatch(own)) or (marks.reactions and _REACTION.fullmatch(own)):
        return ""
    return _without(own, marks.secrets)


def typed_of(content: str, said: Said) -> str:
    """Return the typed part of a line of a message, by the message's own text.

    A line that redaction did not touch is one of its lines, or, as that of a reply, its first one after a marker.
    """
    if "[" not in content or content in said.lines:
        return content
    if said.first and content.endswith(said.first) and _is_marker(content[: -len(said.first)]):
        return said.first
    own = content if said.may_look_like_a_reply else _REPLY.sub("", content)
    return _without(own, written_by_redaction(own, said))


def written_by_redaction(own: str, said: Said) -> set[str]:
    """Return the kinds of placeholders in a line that do not stand in its message's own text."""
    return {match["kind"] for match in _PLACEHOLDER.finditer(own)} - said.placeholders


class Texts:
    """Tells what was typed in a file's training messages. Ask in their order: each message is read once."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._last: tuple[int, Said | None] = (0, None)

    def typed(self, content: str, message_id: int | None) -> str:
        """Return the typed part of a content of kind `text`."""
        if "[" not in content:
            return content
        said = self.said(message_id)
        return typed(content) if said is None else typed_of(content, said)

    def said(self, message_id: int | None) -> Said | None:
        """Return a message's own text; None where it is not in the file any more."""
        if message_id is None:
            return None
        if self._last[0] != message_id:
            row = self._db.execute("SELECT text FROM text_messages WHERE id = ?", (message_id,)).fetchone()
            self._last = message_id, _read(row[0]) if row and row[0] is not None else None
        return self._last[1]


def read_marks(db: Connection) -> Marks:
    """Return what prepare wrote into this file."""
    kinds = {kind for (kind,) in db.execute("SELECT DISTINCT kind FROM training_messages")}
    texts = Texts(db)
    secrets: set[str] = set()
    for content, message_id in db.execute(
        "SELECT content, message_id FROM training_messages WHERE kind = 'text' AND instr(content, '[')"
        " ORDER BY conversation_id, position"
    ):
        said = texts.said(message_id)
        if said is not None and content not in said.lines and not content.endswith(said.first):
            secrets |= written_by_redaction(_REPLY.sub("", content), said)
    return Marks(frozenset(secrets), "attachment" in kinds, "reaction" in kinds)


def _read(text: str) -> Said:
    lines = text_lines(text)
    return Said(
        frozenset(lines),
        lines[0] if lines else "",
        frozenset(match["kind"] for match in _PLACEHOLDER.finditer(text)),
        any(line.startswith(_OPENING) for line in lines),
    )


def _is_marker(beginning: str) -> bool:
    return beginning.startswith(_OPENING) and beginning.endswith(_CLOSING)


def _without(own: str, kinds: Container[str]) -> str:
    """Return a text without placeholders of some kinds, and without the spaces that they leave at its ends."""
    left = _PLACEHOLDER.sub(lambda match: "" if match["kind"] in kinds else match[0], own)
    return left if left == own else left.strip()
