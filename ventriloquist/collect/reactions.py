"""Which reactions stand: of each message, person and kind the newest row decides, and every sticker stands."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

DERIVED_REASONS = ("reaction_removed", "reaction_superseded")


class Tapback(NamedTuple):
    """A row of `tapbacks`."""

    guid: str
    target_guid: str
    sender_handle: str | None
    is_from_me: int
    chat_guid: str | None
    kind: str
    emoji: str | None
    removed: int
    sent_at: int


def derive_reactions(
    connection: sqlite3.Connection,
    person_of: Callable[[Tapback], int | None],
    seen: Collection[str],
) -> tuple[int, Counter[str]]:
    """Derive `reactions`, and why the other tapbacks are skipped, from all tapbacks ever read.

    Args:
        person_of: finds who reacted, None where nobody knows.
        seen: guids to count.

    Returns:
        Of those guids, how many stand, and how many are skipped for each reason.
    """
    connection.execute("DELETE FROM reactions")
    connection.execute("DELETE FROM skipped WHERE reason IN (?, ?)", DERIVED_REASONS)
    standing = 0
    skipped: Counter[str] = Counter()
    ordered = connection.execute(
        f"SELECT {', '.join(Tapback._fields)} FROM tapbacks "  # noqa: S608  # fixed names
        "ORDER BY target_guid, sent_at, source_rowid, guid"
    )
    for _, group in groupby(map(Tapback._make, ordered), key=itemgetter(1)):
        for tapback, person_id, reason in _judge(list(group), person_of):
            if reason is None:
                standing += tapback.guid in seen
                connection.execute(
                    "INSERT INTO reactions (guid, target_guid, person_id, kind, emoji, sent_at) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (tapback.guid, tapback.target_guid, person_id, tapback.kind, tapback.emoji, tapback.sent_at),
                )
            else:
                skipped[reason] += tapback.guid in seen
                connection.execute("INSERT OR REPLACE INTO skipped VALUES (?, ?)", (tapback.guid, reason))
    return standing, skipped


def _judge(
    tapbacks: list[Tapback], person_of: Callable[[Tapback], int | None]
) -> Iterator[tuple[Tapback, int | None, str | None]]:
    """Yield each tapback of one message, who gave it, and why it does not stand."""
    people = [person_of(tapback) for tapback in tapbacks]
    reasons: list[str | None] = [None] * len(tapbacks)
    standing: dict[tuple[int | None, str], list[int]] = {}
    for place, (tapback, person_id) in enumerate(zip(tapbacks, people, strict=True)):
        before = standing.setdefault((person_id, tapback.kind), [])
        if tapback.removed:
            reasons[place] = "reaction_removed"
            if before:  # of several stickers, the last
                reasons[before.pop()] = "reaction_removed"
        else:
            if before and tapback.kind != "sticker":
                reasons[before.pop()] = "reaction_superseded"
            before.append(place)
    yield from zip(tapbacks, people, reasons, strict=True)
