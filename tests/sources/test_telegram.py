"""Telegram Desktop's result.json: of one chat, of an account, new and old."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import anything, read

from ventriloquist.errors import SettingsError, SourceError

AT = 1_684_144_800  # 2023-05-15 10:00 UTC
ANN = {"from": "Ann", "from_id": "user777"}
ME = {"from": "Me", "from_id": "user1"}


def message(id: int, who: dict[str, Any] | None = None, text: Any = "hi", **more: Any) -> dict[str, Any]:
    base = {"id": id, "type": "message", "date": "2023-05-15T10:00:00", "date_unixtime": str(AT + id)}
    return {**base, **(ANN if who is None else who), "text": text, **more}


def service(id: int, action: str, **more: Any) -> dict[str, Any]:
    return {**message(id, {"actor": "Ann", "actor_id": "user777"}, ""), "type": "service", "action": action, **more}


def chat(*messages: Any, type: str = "personal_chat", id: Any = 777, name: Any = "Ann") -> dict[str, Any]:
    return {"name": name, "type": type, "id": id, "messages": [*messages]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "result.json"


def write(path: Path, export: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(export, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def test_text_is_what_was_shown_exactly(path: Path) -> None:
    parts = [
        "see ",
        {"type": "text_link", "text": "this", "href": "http://x.example"},
        {"type": "custom_emoji", "text": "👩\u200d🚀", "document_id": "stickers/a.webp"},
        {"type": "mention_name", "text": "Bo", "user_id": 5},
        {"type": "pre", "text": "a\n  b", "language": "c"},
        "❤️ ",
        "",
    ]
    entities = [{"type": "plain", "text": "plain  "}, {"type": "spoiler", "text": "x"}]
    without = message(3)
    del without["text"]
    found = read(
        write(
            path,
            chat(
                message(1, text=parts, text_entities=entities),
                message(2, text=" a\u200b\r\n "),
                {**without, "text_entities": entities},
                message(4, ME, "ok"),
            ),
        )
    )
    assert [row.text for row in found.said] == [
        "see this👩\u200d🚀Boa\n  b❤️ ", " a\u200b\r\n ", "plain  x", "ok",
    ]  # fmt: skip


def test_a_file_without_ids_and_kinds_is_read(path: Path) -> None:
    sent = [{"type": "message", "date_unixtime": str(AT + n), "from": who, "text": "hi"}
            for n, who in enumerate(("Ann", "Me"))]  # fmt: skip
    for export in ({"messages": sent}, {"chats": {"list": [{"name": "Ann", "messages": sent}]}}):
        found = read(write(path, export), me="Me")
        assert [(row.text, row.is_from_me, row.sent_at) for row in found.said] == [
            ("hi", 0, AT * 1000), ("hi", 1, AT * 1000 + 1000),
        ]  # fmt: skip


def test_in_a_chat_of_two_the_other_one_is_the_owner(path: Path) -> None:
    found = read(write(path, chat(message(1), message(2, ME, "yo"))))
    assert found.lines() == [("user777", "hi"), ("me", "yo")]
    (only,) = found.chats.values()
    assert (only.guid, only.type, only.handles) == ("telegram:user777", "dm", ("telegram:user777",))


def test_a_chat_in_which_one_writes_says_not_who_the_owner_is_unless_it_is_not_the_other(path: Path) -> None:
    assert read(write(path, chat(message(1, ME)))).lines() == [("me", "hi")]
    with pytest.raises(SettingsError, match="who you are"):
        read(write(path, chat(message(1))))


def test_a_deleted_account_is_a_person_without_a_name(path: Path) -> None:
    gone = {"from": None, "from_id": "user5"}
    found = read(write(path, chat(message(1, gone), message(2, ME, "yo"), id=5, name=None)))
    assert found.lines() == [("user5", "hi"), ("me", "yo")]
    nobody = {"from": None}
    assert read(write(path, chat(message(1, nobody), message(2, ME)))).reasons == ["no_sender"]


def test_groups_know_channels_and_anonymous_admins_by_their_ids(path: Path) -> None:
    group = {"from": "Talk", "from_id": "channel9"}
    found = read(
        write(
            path,
            chat(
                message(1, group, "rules", author="boss"), message(2, ANN), message(3, ME),
                type="private_supergroup", id=9, name="Talk",
            ),
        ),
        me="Me",
    )  # fmt: skip
    assert found.lines() == [("channel9", "rules"), ("user777", "hi"), ("me", "hi")]
    (only,) = found.chats.values()
    assert (only.guid, only.type, only.title) == ("telegram:channel9", "group", "Talk")


def test_posts_of_a_channel_are_the_channels_in_old_files_too(path: Path) -> None:
    posts = [message(1, {"from": "News", "from_id": "channel9"}, "a"), message(2, {}, "b")]
    found = read(write(path, chat(*posts, type="public_channel", id=9, name="News")), me="News")
    assert found.lines() == [("me", "a"), ("me", "b")]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"forwarded_from": "Bo"}, "forwarded"),
        ({"forwarded_from": None}, "forwarded"),
        ({"forwarded_from": "Bo", "forwarded_from_id": "user5", "saved_from": "Bo"}, "forwarded"),
        ({"via_bot": "@gif"}, "bot"),
        ({"inline_bot_buttons": [[{"type": "url", "text": "x"}]]}, "bot"),
        ({"text": "", "game_title": "Chess", "game_description": "x"}, "bot"),
        ({"text": "", "invoice_information": {"title": "x"}}, "bot"),
        ({"text": "", "poll": {"question": "x", "answers": []}}, "poll"),
        ({"text": "", "location_information": {"latitude": 1.5, "longitude": 2}}, "location"),
        ({"text": "", "location_information": None, "live_location_period_seconds": 900}, "location"),
        ({"text": "", "place_name": "Café", "address": "x"}, "location"),
        ({"text": "", "todo_list": {"title": "x", "answers": []}}, "empty"),
        ({"text": "", "giveaway_information": {"quantity": 1}}, "empty"),
        ({"text": []}, "empty"),
        ({"date": None, "date_unixtime": "soon"}, "no_date"),
        ({"date_unixtime": "9" * 30, "date": "9999999"}, "no_date"),
        ({"from_id": "user777000", "from": "Telegram", "text": "Login code: 12345"}, "bot"),
    ],
)
def test_what_is_not_a_persons_own_words_has_a_reason(more: dict[str, Any], reason: str, path: Path) -> None:
    found = read(write(path, chat({**message(1), **more}, message(2), message(3, ME))))
    assert found.reasons == [reason]
    assert len(found.said) == 2


ACTIONS = {
    "call": ["phone_call", "group_call", "group_call_scheduled", "invite_to_group_call"],
    "event": [
        "create_group", "edit_group_title", "edit_group_photo", "delete_group_photo", "invite_members",
        "remove_members", "join_group_by_link", "join_group_by_request", "create_channel", "migrate_to_supergroup",
        "migrate_from_group", "pin_message", "clear_history", "score_in_game", "send_payment", "take_screenshot",
        "allow_sending_messages", "send_passport_values", "joined_telegram", "proximity_reached",
        "requested_phone_number", "set_messages_ttl", "edit_chat_theme", "send_webview_data", "send_premium_gift",
        "topic_created", "topic_edit", "suggest_profile_photo", "requested_peer", "gift_code_prize",
        "giveaway_launch", "giveaway_results", "set_chat_wallpaper", "set_same_chat_wallpaper", "boost_apply",
        "send_star_gift", "todo_completions", "anything_new",
    ],
}  # fmt: skip


def test_service_messages_are_events_or_calls(path: Path) -> None:
    for reason, actions in ACTIONS.items():
        rows = [service(id, action) for id, action in enumerate(actions, 10)]
        assert set(read(write(path, chat(*rows, message(1), message(2, ME)))).reasons) == {reason}
    old = [{"id": 5, "type": "unsupported"}, service(6, "", information_text="x"), message(1), message(2, ME)]
    assert read(write(path, chat(*old))).reasons == ["undecodable", "event"]


LEFT_OUT = "(File not included. Change data exporting settings to download.)"


@pytest.mark.parametrize(
    ("more", "attachment"),
    [
        ({"photo": LEFT_OUT, "width": 1}, ("photo", None, None)),
        ({"photo": "photos/a@1.jpg", "self_destruct_period_seconds": 9}, ("photo", None, "a@1.jpg")),
        ({"file": LEFT_OUT, "media_type": "sticker", "sticker_emoji": "😀"}, ("sticker", None, None)),
        ({"file": "v.ogg", "media_type": "voice_message", "mime_type": "audio/ogg"}, ("voice", "audio/ogg", "v.ogg")),
        ({"file": "m.mp3", "media_type": "audio_file", "title": "x"}, ("voice", None, "m.mp3")),
        ({"file": "r.mp4", "media_type": "video_message"}, ("video", None, "r.mp4")),
        ({"file": "f.mp4", "media_type": "video_file", "media_spoiler": True}, ("video", None, "f.mp4")),
        ({"file": "g.mp4", "media_type": "animation"}, ("video", None, "g.mp4")),
        ({"file": LEFT_OUT, "file_name": "a.pdf", "mime_type": "application/pdf"}, (None, "application/pdf", "a.pdf")),
        ({"contact_information": {"first_name": "Bo", "phone_number": "+1"}}, ("file", None, None)),
        ({"paid_stars_amount": 5}, ("file", None, None)),
    ],
)  # fmt: skip
def test_attachments_have_their_kind(more: dict[str, Any], attachment: tuple[Any, ...], path: Path) -> None:
    found = read(write(path, chat(message(1, text="", **more), message(2, ME))))
    (file,) = found.said[0].attachments
    assert (file.kind, file.mime_type, file.filename) == attachment


def test_replies_stay_in_their_chat_and_out_of_topics(path: Path) -> None:
    found = read(
        write(
            path,
            chat(
                service(1, "topic_created", title="x"),
                message(2), message(3, ME, reply_to_message_id=2),
                message(4, reply_to_message_id=2, reply_to_peer_id="channel8"),
                message(5, reply_to_message_id=2, reply_to_peer_id="channel9"),
                message(6, reply_to_message_id=1),
                type="private_supergroup", id=9, name="Talk",
            ),
        ),
        me="Me",
    )  # fmt: skip
    first = found.said[0].guid
    assert [row.thread_originator_guid for row in found.said] == ["", first, "", first, ""]


def test_a_group_that_became_a_supergroup_keeps_its_old_messages(path: Path) -> None:
    old = -999_999_990
    found = read(
        write(
            path,
            chat(
                message(old, ANN, date_unixtime=str(AT)), message(old + 1, ME, reply_to_message_id=old),
                service(1, "migrate_from_group"), message(2, ANN), type="private_supergroup", id=9,
            ),
        ),
        me="Me",
    )  # fmt: skip
    assert len(found.said) == 3
    assert found.said[1].thread_originator_guid == found.said[0].guid


def test_edits_are_told_from_what_old_files_write_for_never(path: Path) -> None:
    edits = [{"edited": "2023-05-15T11:00:00", "edited_unixtime": str(AT + 3600)}, {"edited": "1970-01-01T03:00:00"}]
    found = read(write(path, chat(message(1, ME, **edits[0]), message(2, **edits[1]))))
    assert [(row.edited, row.revised_at) for row in found.said] == [(1, (AT + 3600) * 1000), (0, 0)]


def test_reactions_of_those_who_are_named(path: Path) -> None:
    local = {"date": "2023-05-15T12:00:00", "date_unixtime": str(AT)}  # written two hours east of UTC
    heart = {"type": "emoji", "count": 3, "emoji": "❤", "recent": [
        {"from": "Me", "from_id": "user1", "date": "2023-05-15T12:05:00"},
        {"from": None, "from_id": "user5", "date": "no"},
        {"from": "Me", "from_id": "user1", "date": "2023-05-15T12:05:00"},
    ]}  # fmt: skip
    own = {"type": "custom_emoji", "count": 1, "document_id": "stickers/a.webp",
           "recent": [{"from": "Me", "from_id": "user1", "date": "2023-05-15T12:05:00"}]}  # fmt: skip
    alone = {"type": "emoji", "count": 9, "emoji": "👍"}
    found = read(write(path, chat({**message(1), **local, "reactions": [heart, own, alone]}, message(2, ME))))
    assert [(row.is_from_me, row.sender_handle, row.emoji, row.sent_at) for row in found.tapbacks] == [
        (1, "", "❤", (AT + 300) * 1000), (0, "telegram:user5", "❤", AT * 1000),
    ]  # fmt: skip
    assert {row.target_guid for row in found.tapbacks} == {found.said[0].guid}
    assert found.reasons == ["unknown_association"]


def account(*chats: Any, left: tuple[Any, ...] = (), **more: Any) -> dict[str, Any]:
    return {
        "about": "Here is the data you requested.",
        "personal_information": {
            "user_id": 1, "first_name": "Me", "last_name": "Self", "phone_number": "+1 555 010 2030", "bio": "x",
        },
        "profile_pictures": [{"date": "2023-05-15T10:00:00", "photo": "x"}] * 3,
        "contacts": {"about": "x", "list": [
            {"user_id": 777, "first_name": "Ann", "last_name": "Lee", "phone_number": "+44 20 7946 0958"}, {"date": 1},
        ]},
        "frequent_contacts": {"about": "x", "list": [{"id": 777, "category": "people", "type": "user", "name": "Ann"}]},
        **more,
        "chats": {"about": "x", "list": [*chats]},
        "left_chats": {"about": "x", "list": [*left]},
    }  # fmt: skip


def test_an_account_is_read_whole_and_says_who_owns_it(path: Path) -> None:
    own = {"from": "Me Self", "from_id": "user1"}
    bot = {"from": "Bot", "from_id": "user50"}
    export = account(
        chat(message(1), message(2, own, "yo")),
        {"type": "saved_messages", "id": 1, "messages": [message(3, own, "note")]},
        chat(message(4, bot, "beep"), message(5, own, "/start"), type="bot_chat", id=50, name="Bot"),
        chat(message(1, own, "all"), type="private_group", id=777, name="Talk"),
        left=(chat(message(6, {"from": "Bo", "from_id": "user9"}, "bye"), type="private_supergroup", id=9),),
    )
    found = read(write(path, export))
    assert [*found.owner] == ["+1 555 010 2030"]
    assert [(row.chat_guid, row.sender_handle, row.text) for row in found.said] == [
        ("telegram:user777", "+44 20 7946 0958", "hi"),
        ("telegram:user777", "", "yo"),
        ("telegram:user1", "", "note"),
        ("telegram:user50", "", "/start"),
        ("telegram:chat777", "", "all"),
        ("telegram:channel9", "telegram:user9", "bye"),
    ]
    assert found.reasons == ["bot"]
    assert found.chats["telegram:user1"].type == "dm"  # notes to self


def test_an_account_without_its_owners_data_shows_the_owner_in_chats_of_two(path: Path) -> None:
    export = account(chat(message(1), message(2, ME)), chat(message(3, ME), type="private_group", id=4))
    del export["personal_information"]
    export["profile_pictures"] *= 2000  # no chat stands in the first bytes
    found = read(write(path, export))
    assert [row.is_from_me for row in found.said] == [0, 1, 1]


def test_saved_messages_are_the_owners(path: Path) -> None:
    found = read(write(path, {"type": "saved_messages", "id": 1, "messages": [message(3, ME, "note")]}))
    assert found.lines() == [("me", "note")]


@pytest.mark.parametrize(
    ("from_ids", "chat_id"), [((777, 1), 777), ((777 + (1 << 32), 1 + (1 << 32)), 777 + (1 << 32))]
)
def test_an_old_file_has_the_ids_of_a_new_one(from_ids: tuple[int, int], chat_id: int, path: Path) -> None:
    old = [message(1, {"from": "Ann", "from_id": from_ids[0]}), message(2, {"from": "Me", "from_id": from_ids[1]})]
    for row in old:
        del row["date_unixtime"]
        row["date"], row["edited"] = "2019-07-12T16:55:32", "1970-01-01T00:00:00"
    found = read(write(path, chat(*old, id=chat_id)), zone=ZoneInfo("Europe/Berlin"))
    new = read(write(path, chat(message(1), message(2, ME))))
    assert found.lines() == new.lines()
    assert [row.guid for row in found.said] == [row.guid for row in new.said]
    assert found.said[0].sent_at == 1_562_943_332_000  # 14:55:32 UTC
    assert any("Europe/Berlin" in note for note in found.notes)
    assert not any("zone" in note for note in new.notes)


def test_a_folder_of_exports_is_read_once_from_the_newest(tmp_path: Path) -> None:
    write(tmp_path / "ChatExport_2023-05-15" / "result.json", chat(message(1), message(2, ME, "old")))
    newer = chat(message(2, ME, "new"), message(3, text="more"))
    write(tmp_path / "ChatExport_2023-06-15" / "result.json", newer)
    write(tmp_path / "ChatExport_2023-07-15" / "result.json",
          chat(message(1, ME), type="private_group", id=5, name="Talk"))  # fmt: skip
    found = read(tmp_path)
    assert sorted(row.text for row in found.said) == ["hi", "hi", "more", "new"]
    assert found.reasons == ["repeated"]


def test_keys_in_another_order_are_read(path: Path) -> None:
    path.write_text(json.dumps(chat(message(1), message(2, ME)), sort_keys=True))
    found = read(path)
    assert found.lines() == [("user777", "hi"), ("me", "hi")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_that_an_editor_saved_is_read(encoding: str, path: Path) -> None:
    path.write_text(json.dumps(chat(message(1, text="Zoë 😀"), message(2, ME)), ensure_ascii=False), encoding=encoding)
    assert read(path).lines()[0] == ("user777", "Zoë 😀")


def test_a_file_without_messages_says_so(path: Path) -> None:
    for export in (chat(), [], {"a": 1}):
        with pytest.raises(SourceError):
            read(write(path, export), name="telegram")


KEYS = sorted({
    "id", "type", "date", "date_unixtime", "edited", "edited_unixtime", "from", "from_id", "text", "text_entities",
    "photo", "file", "file_name", "mime_type", "media_type", "reactions", "reply_to_message_id", "reply_to_peer_id",
    "forwarded_from", "via_bot", "poll", "location_information", "contact_information", "action", "actor_id",
})  # fmt: skip


@given(
    st.lists(st.dictionaries(st.sampled_from(KEYS), anything, max_size=5) | anything, max_size=5),
    st.dictionaries(st.sampled_from(["name", "type", "id"]), anything),
    st.dictionaries(
        st.sampled_from(["personal_information", "contacts", "chats", "left_chats", "about", "sessions"]), anything
    ),
)
def test_no_value_anywhere_is_a_traceback_and_every_record_is_counted(
    fields: list[Any], about: dict[str, Any], beside: dict[str, Any]
) -> None:
    rows = [
        {**message(n, ME if n % 2 else ANN), **field} if isinstance(field, dict) else field
        for n, field in enumerate(fields, 10)
    ]
    one = {**chat(), **about, "messages": [*rows, message(1), message(2, ME)]}
    with tempfile.TemporaryDirectory() as folder:
        for export in (one, {**account(one), **beside}):
            path = Path(folder) / "result.json"
            path.write_text(json.dumps(export))
            try:
                found = read(path, name="telegram")
            except (SettingsError, SourceError):
                continue
            for row in found.rows:
                repr(row).encode()
                assert row.guid.isascii()
            for said in found.said:
                said.text.encode()
                assert said.text or said.attachments
                assert 0 < said.sent_at < 1 << 48
