"""WhatsApp's database on Android, msgstore.db, once it is decrypted; names from the wa.db beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ventriloquist.errors import SourceError
from ventriloquist.media import MediaKind
from ventriloquist.sources.archive import Media, Person, Reacted, Record, Said, Skipped, Thread
from ventriloquist.sources.imessage import hardening
from ventriloquist.sources.imessage.connect import open_untrusted, translated
from ventriloquist.transcript import well_formed

TABLES = (
    "message", "jid", "chat", "jid_map", "message_quoted", "message_add_on", "message_add_on_reaction", "message_media",
    "message_forwarded", "message_edit_info", "messages", "messages_quotes", "chat_list", "wa_contacts",
)  # fmt: skip
SYSTEM_STATUS = 6
_NO_MESSAGE = {
    7: "event",
    9: "file",
    10: "call",
    11: "event",
    15: "unsent",
    64: "unsent",
    66: "poll",
    90: "call",
    99: "event",
}
_KINDS: dict[int, MediaKind] = {
    1: "photo", 2: "voice", 3: "video", 4: "file", 9: "file", 13: "video", 14: "file", 20: "sticker", 42: "photo",
    43: "video", 81: "video", 82: "voice",
}  # fmt: skip
_LOCATIONS = (5, 16)


def read_msgstore(path: Path, names: Path | None) -> Iterator[Record]:
    """Yield what a msgstore.db holds.

    Args:
        names: the wa.db with the phone's contacts, if there is one.

    Raises:
        SourceError: it is encrypted, damaged, or another database.
    """
    with ExitStack() as stack:
        reading = stack.enter_context(open_untrusted(path))
        with translated(path):
            hardening.check(reading.connection, path, TABLES)
            database = _Database(reading.connection)
            called = _contacts(stack, names) if names else {}
            if database.has("message", "jid", "chat"):
                yield from _new(database, called)
            elif database.has("messages"):
                yield from _old(database, called)
            else:
                raise SourceError(
                    f"{path} is no database of WhatsApp's messages.", hint="Name a decrypted msgstore.db."
                )


class _Database:
    """A database whose tables and columns differ from version to version."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        self._columns: dict[str, set[str]] = {
            name: {column for _, column, *_ in connection.execute(f"PRAGMA table_info({name})")}
            for (name,) in found
            if name in TABLES
        }

    def has(self, *tables: str) -> bool:
        return all(table in self._columns for table in tables)

    def column(self, table: str, name: str, alias: str = "") -> str:
        """Return a column's expression, NULL where the table lacks it."""
        return f"{alias or table}.{name}" if name in self._columns.get(table, ()) else "NULL"


def _contacts(stack: ExitStack, path: Path) -> dict[str, str]:
    connection = stack.enter_context(open_untrusted(path, what="contacts")).connection
    with translated(path, "contacts"):
        hardening.check(connection, path, TABLES)
        database = _Database(connection)
        if not database.has("wa_contacts"):
            return {}
        column = database.column
        rows = connection.execute(
            f"SELECT jid, {column('wa_contacts', 'display_name')}, {column('wa_contacts', 'wa_name')} FROM wa_contacts"
        ).fetchall()
    return {str(jid): well_formed(str(display or name or "")) for jid, display, name in rows}


def _person(jid: str, called: dict[str, str], real: str = "") -> Person:
    """Return whose a WhatsApp id is: `4915123456789@s.whatsapp.net`, or one that hides the number, `…@lid`."""
    known = real or jid
    user, _, server = known.partition("@")
    number = f"+{user.partition(':')[0]}" if server == "s.whatsapp.net" and user[:1].isdigit() else ""
    return Person(known, called.get(known) or called.get(jid) or "", number)


def _new(database: _Database, called: dict[str, str]) -> Iterator[Record]:
    db, column = database.connection, database.column
    jids: dict[int, str] = {row: str(raw or "") for row, raw in db.execute("SELECT _id, raw_string FROM jid")}
    if database.has("jid_map"):
        for hidden, real in db.execute("SELECT lid_row_id, jid_row_id FROM jid_map").fetchall():
            if real in jids:
                jids[hidden] = jids[real]
    yield Person("me", "", is_me=True)
    chats: dict[int, str] = {}
    for row, jid_row, subject in db.execute(
        f"SELECT _id, jid_row_id, {column('chat', 'subject')} FROM chat"
    ).fetchall():
        jid = jids.get(jid_row, "")
        chats[row] = jid or f"chat {row}"
        is_group = jid.endswith(("@g.us", "@broadcast", "@newsletter"))
        yield Thread(
            chats[row], "group" if is_group else "dm", well_formed(str(subject or "")), () if is_group else (jid,)
        )
        if jid and not is_group:
            yield _person(jid, called)
    has = database.has
    joins = [
        ("message_quoted", "q", "q.message_row_id = m._id", ("key_id",)),
        ("message_media", "f", "f.message_row_id = m._id", ("mime_type", "media_name")),
        ("message_forwarded", "w", "w.message_row_id = m._id", ("forward_score",)),
        ("message_edit_info", "e", "e.message_row_id = m._id", ("edited_timestamp",)),
    ]
    extra = ", ".join(
        column(table, name, alias) if has(table) else "NULL" for table, alias, _, names in joins for name in names
    )
    joined = " ".join(f"LEFT JOIN {table} AS {alias} ON {on}" for table, alias, on, _ in joins if has(table))
    query = (
        f"SELECT m._id, m.chat_row_id, m.from_me, m.key_id, m.sender_jid_row_id, {column('message', 'status', 'm')}, "
        f"m.timestamp, {column('message', 'text_data', 'm')}, m.message_type, {extra} "
        f"FROM message AS m {joined} ORDER BY m._id"
    )
    known: set[str] = set()
    for values in db.execute(query):
        row, chat, from_me, key, sender, status, at, text, kind, quoted, mime, name, forwarded, edited = values
        thread = chats.get(chat, "")
        if not thread or thread.endswith("@broadcast") or key is None:
            yield Skipped(thread, str(key or f"row {row}"), "event" if thread else "no_chat")
            continue
        who = "me" if from_me else jids.get(sender, "") or (thread if "@g.us" not in thread else "")
        if who and who != "me" and who not in known:
            known.add(who)
            yield _person(who, called)
        yield _record(thread, key, who, status, at, text, kind, quoted, mime, name, forwarded, edited)
    if has("message_add_on", "message_add_on_reaction"):
        reactions = (
            "SELECT m.chat_row_id, m.key_id, a.from_me, a.sender_jid_row_id, a.timestamp, r.reaction "
            "FROM message_add_on AS a JOIN message_add_on_reaction AS r ON r.message_add_on_row_id = a._id "
            "JOIN message AS m ON m._id = a.parent_message_row_id ORDER BY a._id"
        )
        for chat, key, from_me, sender, at, emoji in db.execute(reactions):
            thread = chats.get(chat, "")
            who = "me" if from_me else jids.get(sender, "") or thread
            if emoji and thread:
                yield Reacted(thread, str(key), who, int(at or 0), well_formed(str(emoji)))


def _record(
    thread: str, key: Any, who: str, status: Any, at: Any, text: Any, kind: Any,
    quoted: Any, mime: Any, name: Any, forwarded: Any, edited: Any,
) -> Said | Skipped:  # fmt: skip
    id = str(key)
    content = well_formed(text) if isinstance(text, str) else ""
    number = kind if isinstance(kind, int) else -1
    media: Media = ()
    if number in _KINDS:
        media = ((_KINDS[number], str(mime) if mime else None, str(name) if name else None),)
    reason = ""
    if status == SYSTEM_STATUS:
        reason = "event"
    elif number in _NO_MESSAGE and number not in _KINDS:
        reason = _NO_MESSAGE[number]
    elif number in _LOCATIONS:
        reason = "location"
    elif forwarded:
        reason = "forwarded"
    elif not isinstance(at, int) or not 0 < at < 1 << 53:
        reason = "no_date"
    elif not who:
        reason = "no_sender"
    elif not content and not media:
        reason = "empty"
    if reason:
        return Skipped(thread, id, reason)
    return Said(thread, id, who, at, content, str(quoted or ""), int(edited or 0), media)


def _old(database: _Database, called: dict[str, str]) -> Iterator[Record]:
    """Read the schema of before 2021: one table, with a chat's id in every row."""
    db, column = database.connection, database.column
    titles: dict[str, str] = {}
    if database.has("chat_list"):
        subjects = f"SELECT key_remote_jid, {column('chat_list', 'subject')} FROM chat_list"
        titles = {str(jid): well_formed(str(subject or "")) for jid, subject in db.execute(subjects).fetchall()}
    yield Person("me", "", is_me=True)

    def of(name: str) -> str:
        return column("messages", name)

    quoted = of("quoted_row_id")
    quotes = (
        "LEFT JOIN messages_quotes AS q ON q._id = messages.quoted_row_id"
        if database.has("messages_quotes") and quoted != "NULL"
        else ""
    )
    key = "q.key_id" if quotes else "NULL"
    query = (
        f"SELECT messages._id, messages.key_remote_jid, messages.key_from_me, messages.key_id, {of('remote_resource')}, "
        f"{of('status')}, messages.timestamp, {of('data')}, {of('media_wa_type')}, {key}, {of('media_mime_type')}, "
        f"{of('media_name')}, {of('forwarded')} FROM messages {quotes} ORDER BY messages._id"
    )
    known: set[str] = set()
    for row, chat, from_me, key_id, resource, status, at, text, kind, quote, mime, name, forwarded in db.execute(query):
        thread = str(chat or "")
        is_group = thread.endswith("@g.us")
        if thread and thread not in known:
            known.add(thread)
            yield Thread(thread, "group" if is_group else "dm", titles.get(thread, ""), () if is_group else (thread,))
            if not is_group:
                yield _person(thread, called)
        if not thread or thread == "-1" or key_id is None or thread.endswith("@broadcast"):
            yield Skipped(thread, str(key_id or f"row {row}"), "event" if thread else "no_chat")
            continue
        who = "me" if from_me else str(resource or "") or ("" if is_group else thread)
        if who and who != "me" and who not in known:
            known.add(who)
            yield _person(who, called)
        number = int(kind) if str(kind or "0").isdigit() else -1
        yield _record(thread, key_id, who, status, at, text, number, quote, mime, name, forwarded, None)
