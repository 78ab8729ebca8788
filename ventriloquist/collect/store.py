"""Writing what a source yields: each row into exactly one of text_messages, tapbacks and skipped."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from ventriloquist.collect.plan import Plan
from ventriloquist.collect.tapback_texts import LAST_CHARACTERS, LAST_FOUR, may_be_tapback, read_tapback
from ventriloquist.errors import SourceError
from ventriloquist.records import Progress, Source, SourceMessage, SourceRow, SourceSkipped, SourceTapback

BATCH = 300

# A row that says no more than this does not displace what is known of it from another source.
SAYS_NOTHING = {
    "no_chat", "empty", "undecodable", "unknown_association", "reaction_without_target", "no_date", "scheduled",
}  # fmt: skip
FINAL = "unsent"  # a message that somebody unsent stays so, whatever an older source has

_PLACED = ("conversation_id", "sender_id", "flags")
_READ = (
    "guid", "source_rowid", "chat_guid", "sender_handle", "is_from_me", "sent_at", "text", "thread_originator_guid",
    "thread_originator_part", "edited", "revised_at", "service", "subject",
)  # fmt: skip
_NULL_IF_EMPTY = {
    "sender_handle", "text", "thread_originator_guid", "thread_originator_part", "service", "subject", "chat_guid",
    "emoji",
}  # fmt: skip
_KEPT = {"guid", "source_rowid"}  # as at first sight


def _insert(table: str, columns: Sequence[str], *, update: bool = False) -> str:
    """Return an insert; empty texts become NULL in it, since sqlite3 takes long to bind None."""
    values = ", ".join("nullif(?, '')" if column in _NULL_IF_EMPTY else "?" for column in columns)
    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})"  # noqa: S608  # fixed names
    if not update:
        return insert
    updated = [column for column in columns if column not in _KEPT]
    return (
        f"{insert} ON CONFLICT (guid) DO UPDATE SET {', '.join(f'{column} = excluded.{column}' for column in updated)} "
        f"WHERE ({', '.join(updated)}) IS NOT ({', '.join(f'excluded.{column}' for column in updated)})"
    )


_MESSAGE = (*_PLACED, *_READ)
_INSERT_MESSAGE = _insert("text_messages", _MESSAGE)
_UPSERT_MESSAGE = _insert("text_messages", _MESSAGE, update=True)
_TAPBACK = (
    "guid", "source_rowid", "chat_guid", "sender_handle", "is_from_me", "sent_at", "target_guid", "kind", "emoji",
    "removed",
)  # fmt: skip
_INSERT_TAPBACK = _insert("tapbacks", _TAPBACK)
_UPSERT_TAPBACK = _insert("tapbacks", _TAPBACK, update=True)


_TABLES = {SourceMessage: "text_messages", SourceTapback: "tapbacks", SourceSkipped: "skipped"}


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
    has_text: int
    from_text: int  # 1: a tapback that arrived as a text


@dataclass(slots=True)
class Tally:
    """What became of a source's rows. Of tapbacks that is known only when all are there."""

    messages: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    # The source's own among all in the file, where those are not all: tapbacks, and notes to self as received.
    tapbacks: set[str] | None = None
    received_notes: set[str] | None = None
    tapback_texts: dict[str, bool] | None = None  # messages that read like a tapback, and whether each is new
    quoting: set[int] = field(default_factory=set)  # conversations in which there are such
    added: int = 0  # messages that are new in the file
    changed: int = 0  # messages that are new or not as they were
    moved: int = 0  # of those added, the ones that turned out to be tapbacks


Placing = Callable[[SourceMessage], Place]


def store_rows(
    connection: sqlite3.Connection, source: Source, place: Placing, plan: Plan, *, is_new: bool, progress: Progress
) -> Tally:
    """Write every row of a source, a batch at a time.

    Args:
        place: finds a message's conversation and sender.
        is_new: nothing was ever collected into the file.

    Raises:
        SourceError: two rows have one guid.
    """
    tally = Tally() if is_new else Tally(tapbacks=set(), received_notes=set(), tapback_texts={})
    chosen = source.rows() if plan.leave_out is None else _chosen(source.rows(), plan.leave_out)
    done = 0
    with _one_row_a_guid(source), _indexes_built_last(connection) if is_new else nullcontext():
        while batch := list(islice(chosen, BATCH)):
            done += len(batch)
            if is_new:
                _write(connection, batch, _INSERT_MESSAGE, _INSERT_TAPBACK, place, tally)
            else:
                batch = _reconcile(connection, batch, plan, tally)
                _write(connection, batch, _UPSERT_MESSAGE, _UPSERT_TAPBACK, place, tally)
            progress(done, source.total)
    return tally


def _chosen(
    rows: Iterable[SourceRow], leave_out: Callable[[SourceMessage | SourceTapback], str | None]
) -> Iterator[SourceRow]:
    for row in rows:
        reason = None if isinstance(row, SourceSkipped) else leave_out(row)
        yield SourceSkipped(row.guid, reason) if reason else row


@contextmanager
def _indexes_built_last(connection: sqlite3.Connection) -> Iterator[None]:
    """Do without the indexes of empty tables while they are filled: sorting once is half the work."""
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master "
        "WHERE type = 'index' AND tbl_name IN ('text_messages', 'tapbacks') AND sql IS NOT NULL"
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    yield
    for _, sql in indexes:
        connection.execute(sql)


@contextmanager
def _one_row_a_guid(source: Source) -> Iterator[None]:
    """Blame a source in which two rows have one guid, which its own index was to prevent."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        if "guid" not in str(error):
            raise
        raise SourceError(
            f"{source.name}: the database is damaged: two rows have one guid.",
            hint="Take a fresh copy of it, or of its backup, and run the command again.",
        ) from error


def _write(
    connection: sqlite3.Connection,
    batch: Iterable[SourceRow],
    insert_message: str,
    insert_tapback: str,
    place: Placing,
    tally: Tally,
) -> None:
    messages: list[tuple[Any, ...]] = []
    attachments: list[tuple[Any, ...]] = []
    details: list[tuple[Any, ...]] = []
    tapbacks: list[SourceTapback] = []
    skipped: list[SourceSkipped] = []
    for row in batch:
        if isinstance(row, SourceMessage):
            placed = place(row)
            messages.append(placed + row[: len(_READ)])
            if (row.text[-1:] in LAST_CHARACTERS or row.text[-4:] in LAST_FOUR) and _reads_like_tapback(row):
                tally.quoting.add(placed.conversation_id)
            if row.attachments:
                attachments += [
                    (row.guid, position, attachment.mime_type, attachment.filename, attachment.transcript)
                    for position, attachment in enumerate(row.attachments)
                ]
                details += [
                    (row.guid, position, attachment.kind, attachment.part, attachment.text_before)
                    for position, attachment in enumerate(row.attachments)
                    if attachment.kind is not None
                ]
        elif isinstance(row, SourceTapback):
            tapbacks.append(row)
        else:
            skipped.append(row)
    changes = connection.total_changes
    connection.executemany(insert_message, messages)
    tally.changed += connection.total_changes - changes
    connection.executemany("INSERT INTO attachments VALUES (?, ?, ?, ?, ?)", attachments)
    connection.executemany("INSERT INTO attachment_details VALUES (?, ?, ?, ?, ?)", details)
    connection.executemany(insert_tapback, tapbacks)
    connection.executemany("INSERT OR REPLACE INTO skipped VALUES (?, ?)", skipped)
    tally.messages += len(messages)
    tally.added += len(messages)
    tally.skipped.update(row.reason for row in skipped)


def _reconcile(connection: sqlite3.Connection, batch: list[SourceRow], plan: Plan, tally: Tally) -> list[SourceRow]:
    """Return the rows that say something newer than the file does, and take what they replace out of the way."""
    known = _load_known(connection, [row.guid for row in batch])
    written: list[SourceRow] = []
    moved: dict[str, list[tuple[str]]] = {"text_messages": [], "tapbacks": [], "skipped": []}
    replaced: list[tuple[str]] = []  # messages: their attachments are written anew
    for row in batch:
        before = known.get(row.guid)
        stays = before is not None and _stays(before, row)
        table = before.table if before is not None and stays else _TABLES[type(row)]
        if table == "tapbacks" and tally.tapbacks is not None:
            tally.tapbacks.add(row.guid)
        if isinstance(row, SourceMessage):
            _note_what_may_move(row, before, plan, tally)
        if not stays:
            written.append(row)
        elif table == "text_messages":
            tally.messages += 1
        elif before is not None and table == "skipped":
            tally.skipped[before.reason] += 1
        if before is not None and not stays:
            if before.table == "text_messages":
                replaced.append((row.guid,))
            if before.table != table:
                moved[before.table].append((row.guid,))
            elif table == "text_messages":
                tally.added -= 1
    connection.executemany("DELETE FROM attachments WHERE message_guid = ?", replaced)
    for table, guids in moved.items():
        connection.executemany(f"DELETE FROM {table} WHERE guid = ?", guids)  # noqa: S608  # fixed names
    return written


def _note_what_may_move(row: SourceMessage, before: Known | None, plan: Plan, tally: Tally) -> None:
    """Note what may turn out to be no message once every row is there: received notes to self, texts of tapbacks."""
    if tally.received_notes is not None and not row.is_from_me:
        other = plan.of_chat[row.chat_guid].other
        if other is not None and other.is_me:
            tally.received_notes.add(row.guid)
    if tally.tapback_texts is not None and _reads_like_tapback(row):
        tally.tapback_texts[row.guid] = before is None or before.table != "text_messages"


def _stays(before: Known, row: SourceRow) -> bool:
    """Tell whether what is known of a guid is newer than a row, or says more."""
    if before.reason == FINAL:
        return not (isinstance(row, SourceSkipped) and row.reason == FINAL)
    if isinstance(row, SourceSkipped) and row.reason in SAYS_NOTHING:
        return before.reason not in SAYS_NOTHING
    if not isinstance(row, SourceMessage):
        return False
    if before.from_text or before.reason == "forgotten":  # what it quotes is found, or was forgotten
        return _reads_like_tapback(row)
    if before.has_text and not row.text:  # a body that cannot be decoded beside an attachment
        return before.revised_at >= row.revised_at
    return before.revised_at > row.revised_at


def _reads_like_tapback(row: SourceMessage) -> bool:
    return may_be_tapback(row.text) and not row.attachments and read_tapback(row.text) is not None


def _load_known(connection: sqlite3.Connection, guids: list[str]) -> dict[str, Known]:
    """Return what the file has of these guids."""
    listed = json.dumps(guids)
    found: dict[str, Known] = {}
    for table, details in (
        ("text_messages", "'', revised_at, text IS NOT NULL, 0"),
        ("tapbacks", "'', 0, 0, from_text"),
        ("skipped", "reason, 0, 0, 0"),
    ):
        for guid, *known in connection.execute(
            f"SELECT guid, {details} FROM {table} "  # noqa: S608  # fixed names
            "WHERE guid IN (SELECT value FROM json_each(?))",
            (listed,),
        ):
            found.setdefault(guid, Known(table, *known))
    return found
