from __future__ import annotations

import plistlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import typedstream

from ventriloquist.demo.chatdb import ChatDatabase, Owner
from ventriloquist.records import Attachment

OWNER = Owner("+12505550100", "robin.hale@example.com")
MAYA, TOMEK = "+12505550111", "+12505550155"
NOON = 1_704_110_400_000  # 2024-01-01 12:00 UTC
NOON_APPLE = 725_803_200  # in seconds since 2001


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


def one(path: Path, sql: str, *parameters: object) -> sqlite3.Row:
    with reading(path) as connection:
        (row,) = connection.execute(sql, parameters).fetchall()
    return row  # type: ignore[no-any-return]


def message(path: Path, guid: str) -> sqlite3.Row:
    return one(path, "SELECT * FROM message WHERE guid = ?", guid)


def body(blob: bytes) -> str:
    archived: Any = typedstream.unarchive_from_data(blob)
    return str(archived.contents[0].value.value)


def test_a_message_has_its_text_in_the_typedstream_alone_and_nanoseconds(path: Path) -> None:
    with ChatDatabase(path, owner=OWNER) as db:
        sent = db.message(db.dm(MAYA), NOON, "hé 😭", sender=MAYA)
    row = message(path, sent.guid)
    assert (row["text"], body(row["attributedBody"])) == (None, "hé 😭")
    assert row["date"] == NOON_APPLE * 1_000_000_000
    assert (row["is_from_me"], row["service"], row["destination_caller_id"]) == (0, "iMessage", OWNER.phone)
    joined = one(path, "SELECT chat.guid, message_date FROM chat_message_join JOIN chat ON chat.ROWID = chat_id")
    assert tuple(joined) == (f"iMessage;-;{MAYA}", row["date"])


def test_an_old_row_has_plain_text_and_seconds(path: Path) -> None:
    with ChatDatabase(path, owner=OWNER) as db:
        sent = db.message(db.dm(TOMEK, "SMS"), NOON, "k", sender=TOMEK, stored="text", seconds=True)
    row = message(path, sent.guid)
    assert (row["text"], row["attributedBody"], row["date"]) == ("k", None, NOON_APPLE)
    assert (row["service"], row["account"], row["reply_to_guid"]) == ("SMS", f"P:{OWNER.phone}", None)


def test_what_the_owner_sends_carries_the_recipient_in_a_dm_and_nobody_in_a_group(path: Path) -> None:
    with ChatDatabase(path, owner=OWNER) as db:
        to_maya = db.message(db.dm(MAYA), NOON, "hello")
        to_all = db.message(db.group([MAYA, TOMEK], "Climbers"), NOON, "hello all")
        maya = db.handle(MAYA)
    assert (message(path, to_maya.guid)["is_from_me"], message(path, to_maya.guid)["handle_id"]) == (1, maya)
    assert (message(path, to_all.guid)["is_from_me"], message(path, to_all.guid)["handle_id"]) == (1, 0)
    group = one(path, "SELECT * FROM chat WHERE display_name = 'Climbers'")
    assert (group["style"], group["room_name"]) == (43, group["chat_identifier"])
    assert group["guid"] == f"iMessage;+;{group['chat_identifier']}"
    assert group["account_login"] == f"E:{OWNER.email}"


def test_a_number_has_a_handle_for_each_service(path: Path) -> None:
    with ChatDatabase(path, owner=OWNER) as db:
        assert db.handle(MAYA) == db.handle(MAYA)
        assert db.handle(MAYA) != db.handle(MAYA, "SMS")


def test_every_message_is_chained_to_the_one_before_but_only_a_reply_has_a_thread(path: Path) -> None:
    with ChatDatabase(path, owner=OWNER) as db:
        chat = db.dm(MAYA)
        first = db.message(chat, NOON, "first", sender=MAYA)
        second = db.message(chat, NOON + 1, "second")
        reply = db.message(chat, NOON + 2, "third", reply_to=first)
    assert message(path, first.guid)["reply_to_guid"] is None
    assert message(path, second.guid)["reply_to_guid"] == first.guid
    assert message(path, second.guid)["thread_originator_guid"] is None
    row = message(path, reply.guid)
    assert row["reply_to_guid"] == second.guid
    assert (row["thread_originator_guid"], row["thread_originator_part"]) == (first.guid, "0:0:5")


def test_a_tapback_and_its_removal_are_rows_with_prose_nobody_typed(path: Path) -> None:
    with ChatDatabase(path, owner=OWNER) as db:
        target = db.message(db.dm(MAYA), NOON, "fell off again", sender=MAYA)
        given = db.tapback(target, NOON + 1000, "laugh")
        taken = db.tapback(target, NOON + 2000, "laugh", removed=True)
        skull = db.tapback(target, NOON + 3000, "emoji", emoji="💀", sender=MAYA)
    rows = [message(path, sent.guid) for sent in (given, taken, skull)]
    assert [row["associated_message_type"] for row in rows] == [2003, 3003, 2006]
    assert {row["associated_message_guid"] for row in rows} == {f"p:0/{target.guid}"}
    assert rows[2]["associated_message_emoji"] == "💀"
    assert [body(row["attributedBody"]) for row in rows] == [
        "Laughed at “fell off again”",
        "Removed a laugh from “fell off again”",
        "Reacted 💀 to “fell off again”",
    ]


def test_an_edited_message_has_its_final_text_and_its_former_ones(path: Path) -> None:
    with ChatDatabase(path, owner=OWNER) as db:
        sent = db.message(db.dm(MAYA), NOON, "see you at sevne")
        edited = db.edit(sent, NOON + 30_000, "see you at seven")
    row = message(path, edited.guid)
    assert body(row["attributedBody"]) == "see you at seven"
    assert row["date_edited"] == (NOON_APPLE + 30) * 1_000_000_000
    history = plistlib.loads(row["message_summary_info"])["ec"]["0"]
    assert [(entry["d"], body(entry["t"])) for entry in history] == [
        (NOON_APPLE, "see you at sevne"),
        (NOON_APPLE + 30, "see you at seven"),
    ]


def test_an_unsent_message_has_neither_text_nor_body(path: Path) -> None:
    with ChatDatabase(path, owner=OWNER) as db:
        sent = db.message(db.dm(MAYA), NOON, "oops", stored="both")
        db.unsend(sent, NOON + 5000)
    row = message(path, sent.guid)
    assert (row["text"], row["attributedBody"]) == (None, None)
    assert plistlib.loads(row["message_summary_info"])["rp"] == [0]


def test_pictures_and_voice_messages_stand_in_parts_before_the_text(path: Path) -> None:
    files = [
        Attachment("image/heic", "IMG_1.HEIC"),
        Attachment("audio/x-caf", "Audio Message.caf", transcript="call me"),
    ]
    with ChatDatabase(path, owner=OWNER) as db:
        sent = db.message(db.dm(MAYA), NOON, "look", sender=MAYA, files=files)
    row = message(path, sent.guid)
    assert (body(row["attributedBody"]), row["cache_has_attachments"]) == ("\ufffc\ufffclook", 1)
    assert b"call me" in row["attributedBody"]
    with reading(path) as connection:
        attachments = connection.execute(
            "SELECT mime_type, transfer_name, hide_attachment FROM attachment JOIN message_attachment_join "
            "ON attachment_id = attachment.ROWID WHERE message_id = ? ORDER BY attachment.ROWID",
            (sent.rowid,),
        ).fetchall()
    assert [tuple(row) for row in attachments] == [
        ("image/heic", "IMG_1.HEIC", 0),
        ("audio/x-caf", "Audio Message.caf", 0),
    ]


def test_a_link_keeps_its_text_beside_a_hidden_preview(path: Path) -> None:
    with ChatDatabase(path, owner=OWNER) as db:
        sent = db.link(db.dm(MAYA), NOON, "https://example.com/cats")
    row = message(path, sent.guid)
    assert body(row["attributedBody"]) == "https://example.com/cats"
    assert row["balloon_bundle_id"] == "com.apple.messages.URLBalloonProvider"
    preview = one(path, "SELECT transfer_name, hide_attachment FROM attachment")
    assert preview["transfer_name"].endswith(".pluginPayloadAttachment")
    assert preview["hide_attachment"] == 1


def test_events_are_no_texts_and_deleted_messages_are_in_no_chat(path: Path) -> None:
    with ChatDatabase(path, owner=OWNER) as db:
        group = db.group([MAYA, TOMEK])
        renamed = db.event(group, NOON, "renamed", sender=MAYA, title="Climbers")
        deleted = db.message(group, NOON + 1000, "gone", sender=MAYA)
        db.delete(deleted, NOON + 2000)
    row = message(path, renamed.guid)
    assert (row["item_type"], row["group_title"], row["attributedBody"]) == (2, "Climbers", None)
    assert one(path, "SELECT message_id FROM chat_recoverable_message_join")["message_id"] == deleted.rowid
    assert one(path, "SELECT message_id FROM chat_message_join")["message_id"] == renamed.rowid


def test_it_is_whole_in_wal_mode_when_closed_and_has_apples_trigger(path: Path) -> None:
    with ChatDatabase(path, owner=OWNER) as db:
        db.message(db.dm(MAYA), NOON, "look", files=[Attachment("image/heic", "IMG_1.HEIC")])
    assert not path.with_name("chat.db-wal").exists()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        with pytest.raises(sqlite3.OperationalError, match="delete_attachment_path"):
            connection.execute("DELETE FROM attachment")


def test_it_never_writes_over_a_file(path: Path) -> None:
    path.write_bytes(b"somebody's messages")
    with pytest.raises(FileExistsError):
        ChatDatabase(path, owner=OWNER)
    assert path.read_bytes() == b"somebody's messages"


def test_nothing_is_kept_when_the_building_fails(path: Path) -> None:
    with pytest.raises(UnicodeEncodeError), ChatDatabase(path, owner=OWNER) as db:
        _talk(db)
    assert one(path, "SELECT count(*) AS n FROM message")["n"] == 0


def test_guids_come_from_the_seed(path: Path, tmp_path: Path) -> None:
    guids = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        with ChatDatabase(tmp_path / name, owner=OWNER, seed=seed) as db:
            guids.append(db.guid())
    assert guids[0] == guids[1] != guids[2]


def _talk(db: ChatDatabase) -> None:
    chat = db.dm(MAYA)
    db.message(chat, NOON, "half a conversation")
    db.message(chat, NOON, "\ud83d")  # half a pair, which no body can hold
