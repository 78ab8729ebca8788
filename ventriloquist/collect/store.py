"""Writing what a source yields: each row into exactly one of text_messages, tapbacks and skipped."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from ventriloquist.records import Progress, SourceMessage, SourceRow, SourceSkipped, SourceTapback

BATCH = 1000

# A row that says no more than this does not displace what is known of it from another source.
SAYS_NOTHING = {"no_chat", "empty", "undecodable", "unknown_association", "reaction_without_target"}
FINAL = "unsent"  # a message that somebody unsent stays so, whatever an older source has

_COLUMNS = (
    "conversation_id, sender_id, sent_at, text, is_from_me, thread_originator_guid, thread_originator_part, edited, "
    "revised_at, service, subject, flags, sender_handle, chat_guid"
)
_UPDATES = ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS.split(", "))
_EXCLUDED = ", ".join(f"excluded.{column}" for column in _COLUMNS.split(", "))
_UPSERT_MESSAGE = f"""
INSERT INTO text_messages ({_COLUMNS}, guid, source_rowid) VALUES ({"?, " * 15}?)
ON CONFLICT (guid) DO UPDATE SET {_UPDATES} WHERE ({_COLUMNS}) IS NOT ({_EXCLUDED})
"""  # noqa: S608  # fixed names
_UPSERT_TAPBACK = """
INSERT INTO tapbacks (
    guid, source_rowid, chat_guid, sender_handle, is_from_me, sent_at, target_guid, kind, emoji, removed
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (guid) DO UPDATE SET
    chat_guid = excluded.chat_guid, sender_handle = excluded.sender_handle, is_from_me = excluded.is_from_me,
    sent_at = excluded.sent_at, target_guid = excluded.target_guid, kind = excluded.kind, emoji = excluded.emoji,
    removed = excluded.removed
"""


class Place(NamedTuple):
    """Where a message belongs and whose it is."""

    conversation_id: int
    sender_id: int | None
    flags: str


class Known(NamedTuple):
    """What the file has under a guid: in which table, and how new."""

    table: str
    reason: str
    revised_at: int


@dataclass(slots=True)
class Tally:
    """What became of a source's rows. Those of tapbacks is known only when all are there."""

    messages: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    tapbacks: set[str] = field(default_factory=set)
    added: int = 0  # messages that were not there before
    updated: int = 0  # messages that were, and changed


Placing = Callable[[SourceMessage], Place]
LeavingOut = Callable[[SourceMessage | SourceTapback], str | None]


def store_rows(
    connection: sqlite3.Connection,
    rows: Iterable[SourceRow],
    place: Placing,
    leave_out: LeavingOut,
    *,
    total: int,
    progress: Progress,
) -> Tally:
    """Write every row, a batch at a time.

    Args:
        place: finds a message's conversation and sender.
        leave_out: the reason why a row is not wanted, None where it is.
        total: rows there will be, for `progress`.
    """
    tally = Tally()
    rows = iter(rows)
    is_new = not any(_has_rows(connection, table) for table in ("text_messages", "tapbacks", "skipped"))
    done = 0
    while batch := list(islice(rows, BATCH)):
        known = {} if is_new else _load_known(connection, [row.guid for row in batch])
        _write(connection, batch, known, place, leave_out, tally)
        done += len(batch)
        progress(done, total)
    return tally


def _write(
    connection: sqlite3.Connection,
    batch: list[SourceRow],
    known: Mapping[str, Known],
    place: Placing,
    leave_out: LeavingOut,
    tally: Tally,
) -> None:
    messages: list[tuple[Any, ...]] = []
    attachments: list[tuple[Any, ...]] = []
    tapbacks: list[SourceTapback] = []
    skipped: list[tuple[str, str]] = []
    replaced: list[tuple[str]] = []  # messages known before: their attachments are written anew
    moved: dict[str, list[tuple[str]]] = {"text_messages": [], "tapbacks": [], "skipped": []}
    added = 0
    for row in batch:
        guid = row.guid
        before = known.get(guid)
        if not isinstance(row, SourceSkipped) and (reason := leave_out(row)):
            row = SourceSkipped(guid, reason)  # noqa: PLW2901  # from here on it is one
        if before is not None and _stays(before, row):
            _count(tally, before, guid)
            continue
        if isinstance(row, SourceMessage):
            table = "text_messages"
            tally.messages += 1
            added += before is None or before.table != table
            messages.append(_message_row(row, place(row)))
            attachments += [
                (guid, position, attachment.mime_type, attachment.filename, attachment.transcript)
                for position, attachment in enumerate(row.attachments)
            ]
        elif isinstance(row, SourceTapback):
            table = "tapbacks"
            tally.tapbacks.add(guid)
            tapbacks.append(row)
        else:
            table = "skipped"
            tally.skipped[row.reason] += 1
            skipped.append((guid, row.reason))
        if before is not None:
            if before.table == "text_messages":
                replaced.append((guid,))
            if before.table != table:
                moved[before.table].append((guid,))
    tally.added += added
    connection.executemany("DELETE FROM attachments WHERE message_guid = ?", replaced)
    for table, guids in moved.items():
        connection.executemany(f"DELETE FROM {table} WHERE guid = ?", guids)  # noqa: S608  # fixed names
    changes = connection.total_changes
    connection.executemany(_UPSERT_MESSAGE, messages)
    tally.updated += connection.total_changes - changes - added
    connection.executemany("INSERT INTO attachments VALUES (?, ?, ?, ?, ?)", attachments)
    connection.executemany(_UPSERT_TAPBACK, tapbacks)
    connection.executemany("INSERT OR REPLACE INTO skipped VALUES (?, ?)", skipped)


def _stays(before: Known, row: SourceRow) -> bool:
    """Tell whether what is known of a guid is newer than a row, or says more."""
    if before.reason == FINAL:
        return not (isinstance(row, SourceSkipped) and row.reason == FINAL)
    if isinstance(row, SourceSkipped) and row.reason in SAYS_NOTHING:
        return before.reason not in SAYS_NOTHING
    return not isinstance(row, (SourceTapback, SourceSkipped)) and before.revised_at > row.revised_at


def _count(tally: Tally, known: Known, guid: str) -> None:
    """Count a row by what is known of it."""
    if known.table == "text_messages":
        tally.messages += 1
    elif known.table == "tapbacks":
        tally.tapbacks.add(guid)
    else:
        tally.skipped[known.reason] += 1


def _message_row(row: SourceMessage, place: Place) -> tuple[Any, ...]:
    return (
        place.conversation_id,
        place.sender_id,
        row.sent_at,
        row.text,
        row.is_from_me,
        row.thread_originator_guid,
        row.thread_originator_part,
        row.edited,
        row.revised_at,
        row.service,
        row.subject,
        place.flags,
        row.sender_handle,
        row.chat_guid,
        row.guid,
        row.rowid,
    )


def _load_known(connection: sqlite3.Connection, guids: list[str]) -> dict[str, Known]:
    """Return what the file has of these guids."""
    listed = json.dumps(guids)
    found: dict[str, Known] = {}
    for table, reason, revised_at in (
        ("text_messages", "''", "revised_at"),
        ("tapbacks", "''", "0"),
        ("skipped", "reason", "0"),
    ):
        for guid, *details in connection.execute(
            f"SELECT guid, {reason}, {revised_at} FROM {table} "  # noqa: S608  # fixed names
            "WHERE guid IN (SELECT value FROM json_each(?))",
            (listed,),
        ):
            found.setdefault(guid, Known(table, *details))
    return found


def _has_rows(connection: sqlite3.Connection, table: str) -> bool:
    (found,) = connection.execute(f"SELECT EXISTS (SELECT 1 FROM {table})").fetchone()  # noqa: S608  # fixed names
    return bool(found)
