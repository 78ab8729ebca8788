"""WhatsApp's msgstore.db: both schemas, what is no message, and values that no application would write."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ventriloquist.errors import SourceError
from ventriloquist.records import SKIPPED
from ventriloquist.sources.export_records import Person, Reacted, Record, Said, Skipped, Thread
from ventriloquist.sources.whatsapp_db import read_msgstore

AT = 1_684_144_800_000
ANN, BO, GROUP = "4915100000001@s.whatsapp.net", "4915100000002@s.whatsapp.net", "120363@g.us"
NEW = """
CREATE TABLE jid (_id INTEGER PRIMARY KEY, raw_string TEXT);
CREATE TABLE chat (_id INTEGER PRIMARY KEY, jid_row_id INTEGER, subject TEXT);
CREATE TABLE jid_map (lid_row_id INTEGER, jid_row_id INTEGER);
CREATE TABLE message (_id INTEGER PRIMARY KEY, chat_row_id INTEGER, from_me INTEGER, key_id TEXT, sender_jid_row_id INTEGER,
    status INTEGER, timestamp INTEGER, text_data TEXT, message_type INTEGER);
CREATE TABLE message_quoted (message_row_id INTEGER, key_id TEXT);
CREATE TABLE message_media (message_row_id INTEGER, mime_type TEXT, media_name TEXT);
CREATE TABLE message_forwarded (message_row_id INTEGER, forward_score INTEGER);
CREATE TABLE message_edit_info (message_row_id INTEGER, edited_timestamp INTEGER);
CREATE TABLE message_add_on (_id INTEGER PRIMARY KEY, parent_message_row_id INTEGER, from_me INTEGER,
    sender_jid_row_id INTEGER, timestamp INTEGER);
CREATE TABLE message_add_on_reaction (message_add_on_row_id INTEGER, reaction TEXT, sender_timestamp INTEGER);
"""
OLD = """
CREATE TABLE messages (_id INTEGER PRIMARY KEY, key_remote_jid TEXT, key_from_me INTEGER, key_id TEXT, remote_resource TEXT,
    status INTEGER, timestamp INTEGER, data TEXT, media_caption TEXT, media_wa_type TEXT, media_mime_type TEXT,
    media_name TEXT, forwarded INTEGER, edit_version INTEGER, quoted_row_id INTEGER);
CREATE TABLE messages_quotes (_id INTEGER PRIMARY KEY, key_id TEXT);
CREATE TABLE chat_list (key_remote_jid TEXT, subject TEXT);
"""


def made(folder: Path, schema: str, rows: Mapping[str, Any], name: str = "msgstore.db") -> Path:
    path = folder / name
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as connection:
        connection.executescript(schema)
        for table, values in rows.items():
            for value in values:
                connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(value))})", value)
    connection.close()
    return path


def said(records: Iterable[Record]) -> list[Said]:
    return [record for record in records if isinstance(record, Said)]


def reasons(records: Iterable[Record]) -> list[str]:
    return [record.reason for record in records if isinstance(record, Skipped)]


JIDS = [(1, ANN), (2, GROUP), (3, BO), (4, "777@lid"), (5, "status@broadcast"), (6, "123@newsletter")]
CHATS = [(1, 1, None), (2, 2, "Ski"), (3, 5, None), (4, 6, "News")]


def message(row: int, chat: int = 1, me: int = 0, sender: int | None = 0, **other: Any) -> tuple[Any, ...]:
    values = {"status": 0, "at": AT + row, "text": f"text {row}", "kind": 0} | other
    return row, chat, me, f"K{row}", sender, values["status"], values["at"], values["text"], values["kind"]


def test_the_new_schema_gives_senders_replies_reactions_files_and_edits(tmp_path: Path) -> None:
    path = made(tmp_path, NEW, {
        "jid": JIDS, "chat": CHATS, "jid_map": [(4, 3)],
        "message": [
            message(1), message(2, me=1), message(3, chat=2, sender=3), message(4, chat=2, sender=4),
            message(5, kind=1, text="look"), message(6, kind=2, text=None), message(7, text="fixed"),
        ],
        "message_quoted": [(2, "K1")], "message_media": [(5, "image/jpeg", "a.jpg")], "message_edit_info": [(7, AT + 9)],
        "message_add_on": [(1, 3, 1, None, 0), (2, 1, 0, None, AT), (3, 3, 0, 4, 0), (4, 99, 0, 1, 0), (5, 1, 0, 1, 0)],
        "message_add_on_reaction": [(1, "❤️", AT + 5), (2, "👍", None), (3, "😂", AT), (4, "👍", AT), (5, "", AT)],
    })  # fmt: skip
    wa = made(
        tmp_path, "CREATE TABLE wa_contacts (jid TEXT, display_name TEXT, wa_name TEXT);",
        {"wa_contacts": [(ANN, None, "annie"), (ANN, "", ""), (BO, "Bo Li", "b")]}, "wa.db",
    )  # fmt: skip
    records = list(read_msgstore(path, wa))
    found = said(records)
    assert [(one.thread, one.sender, one.text) for one in found] == [
        (ANN, ANN, "text 1"), (ANN, "me", "text 2"), (GROUP, BO, "text 3"), (GROUP, BO, "text 4"), (ANN, ANN, "look"),
        (ANN, ANN, ""), (ANN, ANN, "fixed"),
    ]  # fmt: skip
    assert found[1].reply_to == "K1"
    assert found[4].media == (("photo", "image/jpeg", "a.jpg"),)
    assert found[5].media[0][0] == "voice"
    assert found[6].edited_at == AT + 9
    people = {one.id: (one.name, one.number, one.is_me) for one in records if isinstance(one, Person)}
    assert people == {
        "me": ("", "", True), ANN: ("annie", "+4915100000001", False), BO: ("Bo Li", "+4915100000002", False),
    }  # fmt: skip
    threads = {one.id: (one.type, one.title) for one in records if isinstance(one, Thread)}
    assert threads == {ANN: ("dm", ""), GROUP: ("group", "Ski")}
    reactions = [one for one in records if isinstance(one, Reacted)]
    assert [(one.target, one.sender, one.emoji, one.sent_at) for one in reactions] == [
        ("K3", "me", "❤️", AT + 5), ("K1", ANN, "👍", AT), ("K3", BO, "😂", AT),
    ]  # fmt: skip
    assert reasons(records) == ["reaction_without_target", "reaction_removed"]


def test_what_is_no_message_is_skipped_with_a_reason(tmp_path: Path) -> None:
    rows = [
        message(1, status=6), message(2, kind=7), message(3, kind=10), message(4, kind=15, text=None), message(5, kind=5),
        message(6, kind=66), message(7, chat=3), message(8, chat=4), message(9, chat=77), message(10, at=0),
        message(11, text=None), message(12, chat=2, sender=None), message(13, kind=64), message(14, kind=99),
        message(15, kind=11, text=None), message(16), (17, 1, 0, None, 0, 0, AT, "x", 0),
    ]  # fmt: skip
    schema = {"jid": JIDS, "chat": CHATS, "message": rows, "message_forwarded": [(16, 0)]}
    records = list(read_msgstore(made(tmp_path, NEW, schema), None))
    assert said(records) == []
    assert reasons(records) == [
        "event", "event", "call", "unsent", "location", "poll", "no_chat", "no_chat", "no_chat", "no_date", "empty",
        "no_sender", "unsent", "event", "undecodable", "forwarded", "event",
    ]  # fmt: skip


def test_the_old_schema_is_read_too(tmp_path: Path) -> None:
    base = (None, None, None, None, None, None, None)
    rows = [
        (1, ANN, 0, "K1", None, 0, AT, "hi", *base[:1], "0", *base[:5]),
        (2, ANN, 1, "K2", None, 5, AT + 1, "yo", None, None, None, None, None, None, 1),
        (3, GROUP, 0, "K3", BO, 0, AT + 2, "in a group", None, "0", None, None, None, None, None),
        (4, ANN, 0, "K4", None, 0, AT + 3, None, "a caption", "1", "image/jpeg", "a.jpg", None, None, None),
        (5, ANN, 0, "K5", None, 0, AT + 4, b"\x00", None, "3", "video/mp4", None, None, None, None),
        (6, GROUP, 0, "K6", BO, 6, AT + 5, "Ski", None, "0", None, None, None, None, None),
        (7, ANN, 0, "K7", None, 0, AT + 6, None, None, "0", None, None, None, 7, None),
        (8, "status@broadcast", 0, "K8", BO, 0, AT + 7, "x", None, "0", None, None, None, None, None),
        (9, "-1", 0, "-1", None, -1, 0, None, None, None, None, None, None, None, None),
        (10, ANN, 0, "K10", None, 0, AT, "theirs", None, "0", None, None, 1, None, None),
    ]
    path = made(
        tmp_path, OLD, {"messages": rows, "messages_quotes": [(1, "K1")], "chat_list": [(GROUP, "Ski")]}
    )  # fmt: skip
    records = list(read_msgstore(path, None))
    assert [(one.thread, one.sender, one.text, one.sent_at) for one in said(records)] == [
        (ANN, ANN, "hi", AT), (ANN, "me", "yo", AT + 1), (GROUP, BO, "in a group", AT + 2), (ANN, ANN, "a caption", AT + 3),
        (ANN, ANN, "", AT + 4),
    ]  # fmt: skip
    assert said(records)[1].reply_to == "K1"
    assert [one.media[0][0] for one in said(records)[3:]] == ["photo", "video"]
    assert reasons(records) == ["event", "unsent", "no_chat", "event", "forwarded"]
    assert [one for one in records if isinstance(one, Thread)] == [
        Thread(ANN, "dm", "", (ANN,)), Thread(GROUP, "group", "Ski"),
    ]  # fmt: skip


def test_of_two_schemas_the_fuller_one_is_read(tmp_path: Path) -> None:
    row = (1, ANN, 0, "K1", None, 0, AT, "hi", None, "0", None, None, None, None, None)
    path = made(tmp_path, NEW + OLD, {"messages": [row], "jid": JIDS, "chat": CHATS})
    assert [one.text for one in said(read_msgstore(path, None))] == ["hi"]


@pytest.mark.parametrize("missing", [
    "message_quoted", "message_media", "message_forwarded", "message_edit_info", "message_add_on", "message_add_on_reaction",
    "jid_map",
])  # fmt: skip
def test_a_version_that_lacks_a_table_is_read(tmp_path: Path, missing: str) -> None:
    path = made(tmp_path, NEW, {"jid": JIDS, "chat": CHATS, "message": [message(1)]})
    with sqlite3.connect(path) as connection:
        connection.execute(f"DROP TABLE {missing}")
    assert [one.text for one in said(read_msgstore(path, None))] == ["text 1"]


@pytest.mark.parametrize("column", [
    "chat.subject", "message.status", "message.text_data", "message.key_id", "message.from_me", "message.timestamp",
    "message.message_type", "message.sender_jid_row_id", "message.chat_row_id", "message_quoted.key_id",
    "message_media.mime_type", "message_media.message_row_id", "message_edit_info.edited_timestamp", "jid.raw_string",
    "message_add_on.sender_jid_row_id", "message_add_on.timestamp", "message_add_on.parent_message_row_id",
    "message_add_on_reaction.reaction", "message_add_on_reaction.message_add_on_row_id", "jid_map.lid_row_id",
])  # fmt: skip
def test_a_version_that_lacks_a_column_gives_no_traceback(tmp_path: Path, column: str) -> None:
    path = made(tmp_path, NEW, {
        "jid": JIDS, "chat": CHATS, "message": [message(1)], "message_add_on": [(1, 1, 1, None, 0)],
        "message_add_on_reaction": [(1, "❤️", AT)],
    })  # fmt: skip
    table, _, name = column.partition(".")
    with sqlite3.connect(path) as connection:
        connection.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
    records = list(read_msgstore(path, None))
    assert len(said(records)) + len(reasons(records)) >= 1


def test_another_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not a database of WhatsApp"):
        list(read_msgstore(made(tmp_path, "CREATE TABLE notes (x);", {}), None))


odd = st.one_of(
    st.none(), st.integers(-(1 << 63), (1 << 63) - 1), st.integers(-2, 100), st.floats(), st.text(max_size=5),
    st.binary(max_size=5), st.sampled_from([AT, ANN, GROUP, "@", "@g.us", "me", "-1"]),
)  # fmt: skip


@settings(max_examples=60)
@given(data=st.data())
def test_odd_values_in_every_column_give_no_traceback(data: st.DataObject) -> None:
    def row(width: int, *first: int) -> tuple[Any, ...]:
        return *first, *(data.draw(odd) for _ in range(width - len(first)))

    rows = {
        "jid": [row(2, 1), (2, GROUP), row(2, 3)], "chat": [row(3, 1), (2, 2, None), row(3, 3, 3)], "jid_map": [row(2), row(2)],
        "message": [row(9, 1, 1), row(9, 2, 2), (3, 2, *row(7))], "message_quoted": [row(2, 1)], "message_media": [row(3, 1)],
        "message_forwarded": [row(2)], "message_edit_info": [row(2, 1)], "message_add_on": [row(5, 1), row(5, 2, 1)],
        "message_add_on_reaction": [row(3, 1), row(3, 2)],
    }  # fmt: skip
    schema = NEW.replace(" TEXT", "").replace(" INTEGER,", ",").replace(" INTEGER)", ")")
    old = [(1, *row(14)), (2, ANN, *row(13)), (3, GROUP, *row(13))]
    loose = OLD.replace(" TEXT", "").replace(" INTEGER,", ",").replace(" INTEGER)", ")")
    with tempfile.TemporaryDirectory() as folder:
        for path in (
            made(Path(folder), schema, rows),
            made(
                Path(folder),
                loose,
                {"messages": old, "messages_quotes": [(1, 2)], "chat_list": [row(2), row(2)]},
                "b.db",
            ),
        ):
            records = list(read_msgstore(path, None))
            marked = [one for one in records if isinstance(one, (Said, Skipped))]
            assert len(marked) >= 3
            assert all(
                type(value) is str for one in said(records) for value in (one.thread, one.id, one.sender, one.text)
            )
            assert all(10**11 <= one.sent_at < 10**13 for one in said(records))
            assert set(reasons(records)) <= set(SKIPPED)
