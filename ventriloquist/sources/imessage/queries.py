"""Every query on chat.db, adapted to the columns of this database.

Columns differ between versions of macOS, and even between two machines with the same version. So each column is
looked up, and a missing one is read as NULL. Values are cast, because any column of SQLite may hold any type.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ventriloquist.errors import SourceError
from ventriloquist.records import SourceChat
from ventriloquist.sources.imessage import flags
from ventriloquist.sources.imessage.body import MAX_BYTES
from ventriloquist.sources.imessage.dates import is_message_date, to_unix_ms
from ventriloquist.sources.imessage.texts import is_blank, without_label
from ventriloquist.transcript import well_formed

REQUIRED = {
    "message": ("guid", "text", "date", "is_from_me", "handle_id"),
    "chat": ("guid",),
    "handle": ("id",),
    "chat_message_join": ("chat_id", "message_id"),
}
OPTIONAL = (
    "attachment", "message_attachment_join", "chat_handle_join", "chat_recoverable_message_join", "chat_lookup",
)  # fmt: skip
TABLES = (*REQUIRED, *OPTIONAL)

GROUP_STYLE, DM_STYLE = 43, 45
OTHER_DATES = ("date_delivered", "date_read")  # they replace a missing date, in this order

# The order in which messages.py unpacks a row.
_MESSAGE_COLUMNS = (
    ("guid", "GUID"),
    ("handle_id", "INTEGER"),
    ("is_from_me", "INTEGER"),
    ("date", "INTEGER"),
    ("text", "TEXT"),
    ("attributedBody", "BODY"),
    ("item_type", "INTEGER"),
    ("associated_message_type", "INTEGER"),
    ("associated_message_guid", "TEXT"),
    ("associated_message_emoji", "TEXT"),
    ("thread_originator_guid", "TEXT"),
    ("thread_originator_part", "TEXT"),
    ("message_summary_info", "BLOB"),
    ("date_edited", "INTEGER"),
    ("date_retracted", "INTEGER"),
    ("service", "TEXT"),
    ("subject", "TEXT"),
    ("error", "INTEGER"),
)  # and flags.expression as the last one


def columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """Return the names of a table's columns, or an empty set if there is no such table."""
    return {str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")}


def check_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Check that this is a database of Messages, and that no two messages have the same guid.

    Raises:
        SourceError: it is not a database of Messages, or a guid occurs twice.
    """
    hint = "Name Messages' own database: --chat-db chat.db"
    for table, needed in REQUIRED.items():
        missing = set(needed) - columns(connection, table)
        if missing:
            raise SourceError(
                f"{path} is a database, but not of Messages: it has no {table}.{min(missing)}.", hint=hint
            )
    twice = "SELECT 1 FROM message WHERE guid IS NOT NULL GROUP BY guid HAVING count(*) > 1 LIMIT 1"
    if not _is_unique(connection, "message", "guid") and connection.execute(twice).fetchone():
        raise SourceError(
            f"{path} holds two messages with the same guid.",
            hint="Take a fresh copy of it. If it was merged from several databases, collect those one after the other.",
        )


def _is_unique(connection: sqlite3.Connection, table: str, column: str) -> bool:
    for _, index, is_unique, _, is_partial in connection.execute(f"PRAGMA index_list({table})").fetchall():
        if is_unique and not is_partial:
            quoted = index.replace('"', '""')
            if [name for _, _, name in connection.execute(f'PRAGMA index_info("{quoted}")')] == [column]:
                return True
    return False


def count_messages(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute("SELECT count(*) FROM message").fetchone()
    return int(count)


def messages(connection: sqlite3.Connection, *, after: int | None = None) -> Iterator[tuple[Any, ...]]:
    """Yield ROWID and the columns of every message in the order of ROWID, or only of those after a ROWID."""
    has = columns(connection, "message")
    chosen = [_column(name, kind) if name in has else "NULL" for name, kind in _MESSAGE_COLUMNS]
    chosen.append(flags.expression(has))
    where = "" if after is None else f"WHERE ROWID > {after}"
    return connection.execute(f"SELECT ROWID, {', '.join(chosen)} FROM message {where} ORDER BY ROWID")


def _column(name: str, kind: str) -> str:
    if kind == "GUID":  # a cast of another type could produce the guid of another message
        return f"CASE WHEN typeof({name}) = 'text' THEN {name} END"
    if kind == "BODY":  # a body above the limit is read as X'00', which cannot be decoded
        return f"CASE WHEN length({name}) > {MAX_BYTES} THEN X'00' ELSE CAST({name} AS BLOB) END"
    return f"CAST({name} AS {kind})"


def chat_of_each_message(
    connection: sqlite3.Connection, chats: Mapping[int, SourceChat]
) -> Callable[[int], SourceChat | None]:
    """Return a function from a message's ROWID to its chat. If it is in several, the lowest ROWID decides.

    It takes four bytes a message. A join in SQL would be slow in a file without the index, which we cannot rely on.
    """
    first, last, count = connection.execute(
        "SELECT ifnull(min(ROWID), 0), ifnull(max(ROWID), 0), count(*) FROM message"
    ).fetchone()
    known = [None, *(chats[rowid] for rowid in sorted(chats))]
    number = {rowid: place for place, rowid in enumerate(sorted(chats), 1)}
    is_dense = first >= 0 and last < 8 * count + 1_000_000
    of_message: array[int] | dict[int, int] = array("i", bytes(4 * (last + 1))) if is_dense else {}
    joined = connection.execute(  # one text of numbers for each chat takes a fifth of the time
        "SELECT chat_id, group_concat(message_id) FROM chat_message_join WHERE chat_id IN (SELECT ROWID FROM chat) "
        "AND typeof(message_id) = 'integer' AND message_id BETWEEN ? AND ? GROUP BY chat_id ORDER BY chat_id DESC",
        (first, last),
    )
    for chat, messages_of in joined:
        place = number.get(chat, 0)  # in a damaged file a scan may miss a row that a search finds
        for piece in _pieces(messages_of):
            for message in map(int, piece.split(",")):
                of_message[message] = place  # the lowest chat is written last
    if isinstance(of_message, dict):
        sparse = of_message
        return lambda message: known[sparse.get(message, 0)]
    dense = of_message
    return lambda message: known[dense[message]] if 0 <= message <= last else None


def _pieces(listed: str) -> Iterator[str]:
    """Split a long list of numbers at commas, into pieces of about 64 KiB."""
    start = 0
    while start < len(listed):
        end = listed.find(",", start + 65_536)
        end = len(listed) if end < 0 else end
        yield listed[start:end]
        start = end + 1


def recently_deleted(connection: sqlite3.Connection) -> set[int]:
    """Return the ROWIDs of messages in Recently Deleted."""
    if "message_id" not in columns(connection, "chat_recoverable_message_join"):
        return set()
    return {message for (message,) in connection.execute("SELECT message_id FROM chat_recoverable_message_join")}


def filtered_by_join(connection: sqlite3.Connection) -> set[int]:
    """Return the ROWIDs of messages that chat_message_join flags as filtered."""
    condition = flags.is_filtered(columns(connection, "chat_message_join"))
    if condition is None:
        return set()
    return {message for (message,) in connection.execute(f"SELECT message_id FROM chat_message_join WHERE {condition}")}


def attachments(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Yield the attachments that people sent, in the order of message and attachment.

    Yields:
        ROWID of the message, guid, MIME type, UTI, original name, path, whether it is a sticker, whether it is an
        inline emoji image, and whether its message is an audio message.
    """
    has = columns(connection, "attachment")
    if not has or "attachment_id" not in columns(connection, "message_attachment_join"):
        return
    chosen = [
        f"CAST(a.{name} AS TEXT)" if name in has else "NULL"
        for name in ("guid", "mime_type", "uti", "transfer_name", "filename")
    ]
    chosen.append("ifnull(CAST(a.is_sticker AS INTEGER), 0) = 1" if "is_sticker" in has else "0")
    of_emoji = [name for name in ("emoji_image_content_identifier", "emoji_image_short_description") if name in has]
    chosen.append(" OR ".join(f"ifnull(CAST(a.{name} AS TEXT), '') <> ''" for name in of_emoji) or "0")
    audio = "(SELECT CAST(m.is_audio_message AS INTEGER) FROM message AS m WHERE m.ROWID = j.message_id)"
    chosen.append(f"ifnull({audio}, 0) = 1" if "is_audio_message" in columns(connection, "message") else "0")
    shown = "ifnull(CAST(a.hide_attachment AS INTEGER), 0) <> 1" if "hide_attachment" in has else "1"
    yield from connection.execute(
        f"SELECT j.message_id, {', '.join(chosen)} FROM message_attachment_join AS j "
        "JOIN attachment AS a ON a.ROWID = j.attachment_id "
        f"WHERE typeof(j.message_id) = 'integer' AND {shown} ORDER BY j.message_id, j.attachment_id"
    )


def handles(connection: sqlite3.Connection) -> dict[int, str]:
    """Return the number or address of each handle by ROWID."""
    rows = connection.execute("SELECT ROWID, CAST(id AS TEXT) FROM handle")
    return {rowid: handle for rowid, handle in rows if not is_blank(handle)}


def person_hints(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return (hint, handle) for each handle that Messages assigns to a person. Those with one hint are one person's."""
    if "person_centric_id" not in columns(connection, "handle"):
        return []
    rows = connection.execute(
        "SELECT DISTINCT CAST(person_centric_id AS TEXT), CAST(id AS TEXT) FROM handle "
        "WHERE person_centric_id IS NOT NULL ORDER BY 1, 2"
    )
    return [(hint.strip(), handle) for hint, handle in rows if not is_blank(hint) and not is_blank(handle)]


def other_dates(connection: sqlite3.Connection, rowid: int) -> tuple[int | None, ...]:
    """Return when a message was delivered and when it was read, as Apple writes dates."""
    has = columns(connection, "message")
    chosen = [f"CAST({name} AS INTEGER)" for name in OTHER_DATES if name in has] or ["NULL"]
    row = connection.execute(f"SELECT {', '.join(chosen)} FROM message WHERE ROWID = ?", (rowid,)).fetchone()
    return tuple(row) if row else ()


def all_dates(connection: sqlite3.Connection) -> Iterator[tuple[int | None, ...]]:
    """Yield the dates of each message in the order of ROWID, without scheduled messages."""
    has = columns(connection, "message")
    chosen = [f"CAST({name} AS INTEGER)" for name in ("date", *OTHER_DATES) if name in has]
    scheduled = flags.is_scheduled(has)
    yield from connection.execute(f"SELECT {', '.join(chosen)} FROM message WHERE NOT {scheduled} ORDER BY ROWID")


def chats(connection: sqlite3.Connection, handles: dict[int, str]) -> dict[int, SourceChat]:
    """Return every chat by ROWID."""
    joined: dict[int, list[str]] = {}
    if {"chat_id", "handle_id"} <= columns(connection, "chat_handle_join"):
        for chat, handle in connection.execute(
            "SELECT chat_id, handle_id FROM chat_handle_join ORDER BY chat_id, handle_id"
        ):
            if handle in handles:
                joined.setdefault(chat, []).append(handles[handle])
    plain = cache(without_label)  # a handle may be in many chats
    newest = _newest_of_each_chat(connection)
    looked_up = _lookups(connection)
    has = columns(connection, "chat")
    names = ("style", "chat_identifier", "display_name", "group_id", "is_filtered")
    kinds = {"style": "INTEGER", "is_filtered": "INTEGER"}
    chosen = [f"CAST({name} AS {kinds.get(name, 'TEXT')})" if name in has else "NULL" for name in names]
    rows = connection.execute(f"SELECT ROWID, CAST(guid AS TEXT), {', '.join(chosen)} FROM chat")
    found = {}
    for rowid, guid, *about, is_filtered in rows:
        known = tuple(dict.fromkeys(joined.get(rowid, ())))
        has_several = len(set(map(plain, known))) > 1
        chat = _chat(guid or f"chat {rowid}", known, has_several, newest.get(rowid, 0), *about)
        is_spam = (is_filtered or 0) >= flags.FILTERED_AS_SPAM
        found[rowid] = chat._replace(lookups=tuple(looked_up.get(rowid, ())), is_spam=is_spam)
    return found


def _newest_of_each_chat(connection: sqlite3.Connection) -> dict[int, int]:
    """Return the time of the last message that has a date, for each chat, in Unix milliseconds."""
    last = "SELECT chat_id, max(message_id) AS last FROM chat_message_join GROUP BY chat_id"
    dated = (  # several times slower: only if the last message of a chat has no date
        "SELECT chat_id, max(message_id) AS last FROM chat_message_join JOIN message ON message.ROWID = message_id "
        f"WHERE {is_message_date('date')} GROUP BY chat_id"
    )
    for newest in (last, dated):
        rows = connection.execute(
            f"SELECT chat_id, CAST(date AS INTEGER), {is_message_date('date')} FROM ({newest}) "
            "JOIN message ON message.ROWID = last"
        ).fetchall()
        if all(has_date for _, _, has_date in rows):
            break
    return {chat: to_unix_ms(date) for chat, date, has_date in rows if has_date}


def _lookups(connection: sqlite3.Connection) -> dict[int, list[str]]:
    """Return the identifiers by which Messages looks up each chat. Chats that share one are the same conversation."""
    found: dict[int, list[str]] = {}
    if {"identifier", "chat"} <= columns(connection, "chat_lookup"):
        for chat, identifier in connection.execute(
            "SELECT DISTINCT chat, CAST(identifier AS TEXT) FROM chat_lookup WHERE typeof(chat) = 'integer' "
            "ORDER BY chat, 2"
        ):
            if not is_blank(identifier):
                found.setdefault(chat, []).append(identifier)
    return found


def _chat(
    guid: str,
    known: tuple[str, ...],
    has_several: bool,  # handles, apart from the labels of spam filters
    newest_at: int,
    style: int | None,
    identifier: str | None,
    title: str | None,
    group_id: str | None,
) -> SourceChat:
    is_group = style == GROUP_STYLE if style in (GROUP_STYLE, DM_STYLE) else ";+;" in guid or has_several
    if is_group:
        return SourceChat(guid, "group", well_formed(title or "").strip() or None, group_id or None, known, newest_at)
    named = next((name for name in (identifier, guid.rpartition(";")[2], guid) if name and not is_blank(name)), "chat")
    if not known or (len(known) > 1 and named in known):
        known = tuple(dict.fromkeys((named, *known)))
    return SourceChat(guid, "dm", None, None, known, newest_at)


def owner_identifiers(connection: sqlite3.Connection) -> Counter[str]:
    """Count how often each of the owner's numbers and addresses sent or received."""
    found: Counter[str] = Counter()
    for table, names in (
        ("message", ("account", "destination_caller_id")),
        ("chat", ("account_login", "last_addressed_handle")),
    ):
        present = [name for name in names if name in columns(connection, table)]
        if not present:
            continue
        chosen = ", ".join(present)
        for *values, count in connection.execute(f"SELECT {chosen}, count(*) FROM {table} GROUP BY {chosen}"):
            for identifier in {_without_prefix(value) for value in values if isinstance(value, str)}:
                if identifier:
                    found[identifier] += count
    return found


def _without_prefix(account: str) -> str:
    """Remove the prefix `E:` (e-mail) or `P:` (phone) of an account."""
    account = account.strip()
    return account[2:].strip() if account[:2].upper() in ("E:", "P:") else account
