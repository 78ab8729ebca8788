"""Which reactions stand: of each message, person and kind the newest row decides, and every sticker stands."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from itertools import groupby, islice
from operator import itemgetter
from typing import NamedTuple

BATCH = 1000
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


def skip_reactions_to_forgotten(connection: sqlite3.Connection, seen: Collection[str] | None) -> int:
    """Skip every tapback on what `vq forget` removed, as it did itself; return how many of those to count there are.

    Args:
        seen: the guids to count, None for all.
    """
    theirs = connection.execute(
        "SELECT t.guid FROM tapbacks t JOIN skipped s ON s.guid = t.target_guid WHERE s.reason = 'forgotten'"
    ).fetchall()
    connection.executemany("DELETE FROM tapbacks WHERE guid = ?", theirs)
    connection.executemany("INSERT OR REPLACE INTO skipped VALUES (?, 'forgotten')", theirs)
    return sum(seen is None or guid in seen for (guid,) in theirs)


def derive_reactions(
    connection: sqlite3.Connection,
    person_of: Callable[[Tapback], int | None],
    seen: Collection[str] | None,
) -> Counter[str]:
    """Derive `reactions`, and why the other tapbacks are skipped, from all tapbacks ever read.

    Args:
        person_of: finds who reacted, None where nobody knows.
        seen: the guids to count, None for all.

    Returns:
        How many are skipped for each reason; for none, empty, those that stand.
    """
    connection.execute("DELETE FROM reactions")
    connection.execute("DELETE FROM skipped WHERE reason IN (?, ?)", DERIVED_REASONS)
    counts: Counter[str] = Counter()
    ordered = connection.execute(
        f"SELECT {', '.join(Tapback._fields)} FROM tapbacks "  # noqa: S608  # fixed names
        "ORDER BY target_guid, sent_at, source_rowid, guid"
    )
    by_target = groupby(map(Tapback._make, ordered), key=itemgetter(1))
    judged = (verdict for _, group in by_target for verdict in _judge(list(group), person_of))
    while batch := list(islice(judged, BATCH)):
        connection.executemany(
            "INSERT INTO reactions (guid, target_guid, person_id, kind, emoji, sent_at) VALUES (?, ?, ?, ?, ?, ?)",
            [(row.guid, row.target_guid, who, row.kind, row.emoji, row.sent_at) for row, who, why in batch if not why],
        )
        connection.executemany(
            "INSERT OR REPLACE INTO skipped VALUES (?, ?)", [(row.guid, why) for row, _, why in batch if why]
        )
        counts.update(why for row, _, why in batch if seen is None or row.guid in seen)
    return counts


def _judge(
    tapbacks: list[Tapback], person_of: Callable[[Tapback], int | None]
) -> Iterator[tuple[Tapback, int | None, str]]:
    """Yield each tapback of one message, who gave it, and why it does not stand; empty where it does."""
    people = [person_of(tapback) for tapback in tapbacks]
    reasons = [""] * len(tapbacks)
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
