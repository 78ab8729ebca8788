"""What a user can ask of prepare."""

from __future__ import annotations

from dataclasses import dataclass

UNWANTED_FLAGS = ("spam", "short_code", "business")  # left out unless asked for; `failed` was still written by somebody


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """Every switch of prepare; the defaults keep the small talk, where the style is.

    Attributes:
        timezone: IANA name of the owner's time zone, in which days begin; None for that of the machine that collected.
        redact: kinds of secrets to replace; None for all, none for none.
        reactions: whether reactions become lines of the person who reacted.
        holdout: lines that test takes of each conversation, and validation as many, 2 at least; 0 for none; None for a
            twentieth.
        split_date: hold out everything since this local date (ISO) instead; its second half is test.
        keep: flags of `UNWANTED_FLAGS` whose messages stay.
        exclude_people: names whose messages, and whose one-to-one conversations, are left out.
        exclude_conversations: titles, names of one-to-one conversations, or ids that are left out.
        since: the first local date (ISO) to use.
        until: the last local date (ISO) to use.
        min_messages: conversations with fewer collected messages are left out.
    """

    timezone: str | None = None
    redact: tuple[str, ...] | None = None
    reactions: bool = False
    holdout: int | None = None
    split_date: str | None = None
    keep: tuple[str, ...] = ()
    exclude_people: tuple[str, ...] = ()
    exclude_conversations: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    min_messages: int = 0
