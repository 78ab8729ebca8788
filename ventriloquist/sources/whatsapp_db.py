"""WhatsApp's database on Android, msgstore.db, once it is decrypted; names from the wa.db beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ventriloquist.errors import SourceError
from ventriloquist.media import MediaKind
from ventriloquist.sources.export_records import Media, Person, Reacted, Record, Said, Skipped, Thread
from ventriloquist.sources.imessage import hardening
from ventriloquist.sources.imessage.connect import open_untrusted, translated
from ventriloquist.transcript import well_formed

TABLES = (
    "message", "jid", "chat", "jid_map", "message_quoted", "message_add_on", "message_add_on_reaction", "message_media",
    "message_forwarded", "message_edit_info", "messages", "messages_quotes", "chat_list", "wa_contacts",
)  # fmt: skip
SYSTEM_STATUS = 6
DELETED_VERSION = 7  # edit_version of a deleted message
_NO_MESSAGE = {
    7: "event", 8: "call", 10: "call", 11: "undecodable", 15: "unsent", 24: "event", 36: "event", 64: "unsent",
    66: "poll", 90: "call", 92: "event", 99: "event",
}  # fmt: skip
_KINDS: dict[int, MediaKind] = {
    1: "photo", 2: "voice", 3: "video", 4: "file", 9: "file", 13: "video", 14: "file", 20: "sticker", 42: "photo",
    43: "video", 81: "video", 82: "voice",
}  # fmt: skip
_CAPTIONED = (1, 3, 9, 13, 42, 43)  # kinds whose text is somebody's words
_LOCATIONS = (5, 16)
_NOT_CHATS = ("@broadcast", "@newsletter", "@bot")  # statuses, lists and channels
ME = "me"


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
            is_new, is_old = database.has("message", "jid", "chat"), database.has("messages")
            if is_new and is_old:  # a phone in the middle of the change has both
                is_new = database.count("message") >= database.count("messages")
            if not (is_new or is_old):
                raise SourceError(
                    f"{path} is not a database of WhatsApp's messages.", hint="Name a decrypted msgstore.db."
                )
            yield Person(ME, "", is_me=True)
            yield from _new(database, called) if is_new else _old(database, called)


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

    def count(self, table: str) -> int:
        return int(self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def column(self, table: str, name: str, alias: str = "") -> str:
        """Return a column's expression, NULL where the table lacks it."""
        return f"{alias or table}.{name}" if name in self._columns.get(table, ()) else "NULL"

    def rows(self, table: str, *columns: str) -> Iterator[tuple[Any, ...]]:
        """Yield the values of columns, None for those that the table lacks."""
        names = ", ".join(self.column(table, name) for name in columns)
        yield from self.connection.execute(f"SELECT {names} FROM {table}").fetchall()


def _text(value: Any) -> str:
    """Return a value that should be text: SQLite keeps any value in any column."""
    return well_formed(value) if isinstance(value, str) else str(value) if isinstance(value, int) else ""


def _number(value: Any) -> int:
    """Return a value that should be a number, or -1."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else -1
    if isinstance(value, float):
        return int(value) if -(1 << 53) < value < 1 << 53 else -1
    return value if isinstance(value, int) else -1


def _time(value: Any) -> int:
    """Return a time in Unix milliseconds, or 0 if it is none."""
    at = _number(value)
    return at if 10**11 <= at < 1 << 43 else 0  # 1973 to 2248


def _contacts(stack: ExitStack, path: Path) -> dict[str, str]:
    """Return names by WhatsApp id: as the phone's owner calls them, else as they call themselves."""
    connection = stack.enter_context(open_untrusted(path, what="contacts")).connection
    with translated(path, "contacts"):
        hardening.check(connection, path, TABLES)
        database = _Database(connection)
        called: dict[str, str] = {}
        if database.has("wa_contacts"):
            for jid, display, own in database.rows("wa_contacts", "jid", "display_name", "wa_name"):
                if name := _text(display).strip() or _text(own).strip():
                    called.setdefault(_text(jid), name)
        return called


class _People:
    """Yields each person once."""

    def __init__(self, called: dict[str, str]) -> None:
        self._called = called
        self._known = {"", ME}

    def new(self, jid: str) -> Iterator[Person]:
        """Yield whose a WhatsApp id is: `4915123456789@s.whatsapp.net`, or one that hides the number, `…@lid`."""
        if jid in self._known:
            return
        self._known.add(jid)
        user, _, server = jid.partition("@")
        user = user.partition(":")[0].partition(".")[0]  # behind them stands the device
        number = f"+{user}" if server in ("s.whatsapp.net", "c.us") and user.isascii() and user.isdecimal() else ""
        yield Person(jid, self._called.get(jid) or "", number)

    def thread(self, jid: str, title: str) -> Iterator[Record]:
        """Yield a chat, and the other person of one with one person."""
        is_group = jid.endswith("@g.us")
        name = title or (self._called.get(jid, "") if is_group else "")
        yield Thread(jid, "group" if is_group else "dm", name, () if is_group else (jid,))
        if not is_group:
            yield from self.new(jid)


def _new(database: _Database, called: dict[str, str]) -> Iterator[Record]:
    db, column, has = database.connection, database.column, database.has
    jids = {row: _text(raw) for row, raw in database.rows("jid", "_id", "raw_string")}
    if has("jid_map"):
        for hidden, real in database.rows("jid_map", "lid_row_id", "jid_row_id"):
            if jids.get(real):
                if (name := called.get(jids.get(hidden, ""))) is not None:
                    called.setdefault(jids[real], name)
                jids[hidden] = jids[real]
    people = _People(called)
    chats: dict[Any, str] = {}
    for row, jid_row, subject in database.rows("chat", "_id", "jid_row_id", "subject"):
        chats[row] = jid = jids.get(jid_row, "") or f"chat {row}"
        if not jid.endswith(_NOT_CHATS):
            yield from people.thread(jid, _text(subject))
    joins = [
        ("message_quoted", "q", ("key_id",)),
        ("message_media", "f", ("mime_type", "media_name")),
        ("message_forwarded", "w", ("message_row_id",)),
        ("message_edit_info", "e", ("edited_timestamp",)),
    ]
    joins = [join for join in joins if column(join[0], "message_row_id") != "NULL"]
    extra = {name: column(table, name, alias) for table, alias, names in joins for name in names}
    joined = " ".join(f"LEFT JOIN {table} AS {alias} ON {alias}.message_row_id = m._id" for table, alias, _ in joins)
    wanted = [
        *(column("message", name, "m") for name in (
            "_id", "chat_row_id", "from_me", "key_id", "sender_jid_row_id", "status", "timestamp", "text_data",
            "message_type",
        )),
        *(extra.get(name, "NULL") for name in (
            "key_id", "mime_type", "media_name", "message_row_id", "edited_timestamp",
        )),
    ]  # fmt: skip
    if wanted[0] == "NULL":
        raise SourceError("The table of messages has no numbers.", hint="Take a fresh copy of the database.")
    last = None
    for values in db.execute(f"SELECT {', '.join(wanted)} FROM message AS m {joined} ORDER BY m._id"):
        row, chat, from_me, key, sender, status, at, text, kind, quoted, mime, name, forwarded, edited = values
        if row == last:
            continue  # several rows of another table belong to it
        last = row
        thread = chats.get(chat, "")
        if not thread or thread.endswith(_NOT_CHATS) or not _text(key):
            yield Skipped(thread, f"{_text(key)} row {row}", "no_chat" if _text(key) else "event")
            continue
        who = ME if from_me == 1 else jids.get(sender, "") or ("" if thread.endswith("@g.us") else thread)
        yield from people.new(who)
        yield _record(thread, key, who, status, at, text, kind, quoted, mime, name, forwarded, edited)
    if has("message_add_on", "message_add_on_reaction"):
        yield from _reactions(database, chats, jids, people)


def _reactions(database: _Database, chats: dict[Any, str], jids: dict[Any, str], people: _People) -> Iterator[Record]:
    column = database.column
    links = [
        column("message_add_on", "_id", "a"), column("message_add_on_reaction", "message_add_on_row_id", "r"),
        column("message_add_on", "parent_message_row_id", "a"),
    ]  # fmt: skip
    if "NULL" in links:
        return
    wanted = [
        links[0], column("message", "chat_row_id", "m"), column("message", "key_id", "m"),
        column("message_add_on", "from_me", "a"),
        column("message_add_on", "sender_jid_row_id", "a"), column("message_add_on_reaction", "sender_timestamp", "r"),
        column("message_add_on", "timestamp", "a"), column("message_add_on_reaction", "reaction", "r"),
    ]  # fmt: skip
    query = (
        f"SELECT {', '.join(wanted)} FROM message_add_on AS a "
        f"JOIN message_add_on_reaction AS r ON {links[1]} = a._id LEFT JOIN message AS m ON m._id = {links[2]} "
        "ORDER BY a._id"
    )
    for row, chat, key, from_me, sender, sent, stored, emoji in database.connection.execute(query):
        thread = chats.get(chat, "")
        if not thread or not _text(key) or thread.endswith(_NOT_CHATS):
            yield Skipped(thread, f"reaction {row}", "reaction_without_target")
        elif not _text(emoji):
            yield Skipped(thread, f"reaction {row}", "reaction_removed")
        elif not (who := ME if from_me == 1 else jids.get(sender, "") or ("" if thread.endswith("@g.us") else thread)):
            yield Skipped(thread, f"reaction {row}", "no_sender")
        else:
            yield from people.new(who)
            yield Reacted(thread, _text(key), who, _time(sent) or _time(stored), _text(emoji))


def _record(
    thread: str, key: Any, who: str, status: Any, at: Any, text: Any, kind: Any,
    quoted: Any, mime: Any, name: Any, forwarded: Any, edited: Any,
) -> Said | Skipped:  # fmt: skip
    content = well_formed(text) if isinstance(text, str) else ""
    number = 0 if kind is None else _number(kind)
    media: Media = ()
    if number in _KINDS:
        media = ((_KINDS[number], _text(mime) or None, _text(name) or None),)
        content = content if number in _CAPTIONED else ""
    reason = ""
    if status == SYSTEM_STATUS:
        reason = "event"
    elif number in _NO_MESSAGE:
        reason = _NO_MESSAGE[number]
    elif number in _LOCATIONS:
        reason = "location"
    elif forwarded:
        reason = "forwarded"
    elif not _time(at):
        reason = "no_date"
    elif not who:
        reason = "no_sender"
    elif not content.strip() and not media:
        reason = "undecodable" if isinstance(text, bytes) else "empty"
    if reason:
        return Skipped(thread, _text(key), reason)
    return Said(thread, _text(key), who, _time(at), content, _text(quoted), _time(edited) or int(bool(edited)), media)


def _old(database: _Database, called: dict[str, str]) -> Iterator[Record]:
    """Read the schema of before 2021: one table, with a chat's id in every row."""
    db, column, has = database.connection, database.column, database.has
    titles: dict[str, str] = {}
    if has("chat_list"):
        titles = {
            _text(jid): _text(subject) for jid, subject in database.rows("chat_list", "key_remote_jid", "subject")
        }
    if has("chat", "jid"):
        jids = {row: _text(raw) for row, raw in database.rows("jid", "_id", "raw_string")}
        for jid_row, subject in database.rows("chat", "jid_row_id", "subject"):
            if _text(subject) and jid_row in jids:
                titles.setdefault(jids[jid_row], _text(subject))
    joins = has("messages_quotes") and "NULL" not in (
        column("messages", "quoted_row_id"), column("messages_quotes", "_id"), column("messages_quotes", "key_id")
    )  # fmt: skip
    names = (
        "_id", "key_remote_jid", "key_from_me", "key_id", "remote_resource", "status", "timestamp", "data",
        "media_caption", "media_wa_type", "media_mime_type", "media_name", "forwarded", "edit_version",
    )  # fmt: skip
    wanted = [column("messages", name) for name in names] + ["q.key_id" if joins else "NULL"]
    joined = "LEFT JOIN messages_quotes AS q ON q._id = messages.quoted_row_id" if joins else ""
    order = "messages._id" if wanted[0] != "NULL" else "messages.rowid"
    people = _People(called)
    threads: set[str] = set()
    for values in db.execute(f"SELECT {', '.join(wanted)} FROM messages {joined} ORDER BY {order}"):
        row, chat, from_me, key, resource, status, at, text, caption, kind, mime, name, forwarded, version, quoted = (
            values
        )
        thread = _text(chat)
        if thread in ("", "-1") or thread.endswith(_NOT_CHATS) or not _text(key):
            yield Skipped(thread, f"{_text(key)} row {row}", "no_chat" if _text(key) and thread != "-1" else "event")
            continue
        if thread not in threads:
            threads.add(thread)
            yield from people.thread(thread, titles.get(thread, ""))
        who = ME if from_me == 1 else _text(resource) or ("" if thread.endswith("@g.us") else thread)
        if version == DELETED_VERSION and not text:
            yield Skipped(thread, _text(key), "unsent")
            continue
        yield from people.new(who)
        number = _number(kind) if kind is not None and kind != "" else 0
        words = text
        if number in _KINDS and (isinstance(caption, str) or number not in _CAPTIONED or str(text).startswith("/9j/")):
            words = caption  # the text of a file is its preview, or a card
        is_forwarded = _number(forwarded) > 0
        yield _record(thread, key, who, status, at, words, number, quoted, mime, name, is_forwarded, None)
