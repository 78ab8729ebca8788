"""What a user can ask of prepare."""

from __future__ import annotations

from dataclasses import dataclass

UNWANTED_FLAGS = ("spam", "short_code", "business")  # not `failed`: somebody wrote those messages


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """The options of prepare. By default, short messages stay: they show most of a person's style.

    Attributes:
        timezone: IANA name of the time zone in which days begin; None for that of the machine that collected.
        redact: kinds of secrets to replace; None for all, none for none.
        reactions: whether reactions become lines of the person who reacted.
        holdout: lines of each conversation for test, and as many for validation: 0, or at least 2; None for
            a twentieth.
        split_date: hold out everything since this local date (ISO) instead; the second half of it is test.
        keep: flags of `UNWANTED_FLAGS` whose messages stay.
        exclude_people: names of people whose messages and one-to-one conversations are left out.
        exclude_conversations: titles, names of one-to-one conversations, ids, or sources that are left out.
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
