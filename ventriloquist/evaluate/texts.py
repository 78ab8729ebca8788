"""What a person typed of a line's content: style is judged by nothing else."""

from __future__ import annotations

import re

from ventriloquist.transcript import reply_marker

_OPENING, _CLOSING = map(re.escape, reply_marker("\0").split("\0"))
_REPLY = re.compile(f"^{_OPENING}.*?{_CLOSING}")
_PLACEHOLDER = re.compile(r" ?\[[a-z][a-z0-9_-]{0,30}\]")  # what redaction leaves, a user's own rules included
_ATTACHMENT = re.compile(r"\[(?:voice message(?:: .*)?|file: .*)\]")  # that a model wrote as text: all of the content


def typed(content: str) -> str:
    """Return a content without the marker of a reply, which quotes somebody else, and without placeholders.

    Nothing is left of a content that is all placeholder: such a message says nothing of style.
    """
    if "[" not in content:  # nearly always
        return content
    own = _REPLY.sub("", content)
    if _ATTACHMENT.fullmatch(own):
        return ""
    left = _PLACEHOLDER.sub("", own)
    return left if left == own else left.strip()
