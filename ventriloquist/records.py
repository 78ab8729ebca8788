"""Rows that pass between stages: plain, slotted, immutable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

ReactionKind = Literal["love", "like", "dislike", "laugh", "emphasize", "question", "emoji", "sticker"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file sent with a message: what it is, never its bytes."""

    mime_type: str | None
    filename: str | None
    transcript: str | None = None  # of a voice message


Progress = Callable[[int, int], None]
"""Called as work goes on with (done, total); a total of 0 is unknown."""
