"""DiscordChatExporter's JSON: channels of two, of groups and servers, whole and in parts."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path, PurePath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import anything, read

from ventriloquist.errors import SettingsError, SourceError
from ventriloquist.records import SourceMessage
from ventriloquist.sources.discord import order_of

AT = 1_684_144_800_000  # 2023-05-15 10:00 UTC
FIRST = (AT - 1_420_070_400_000) << 22


def author(id: int, name: str = "", **more: Any) -> dict[str, Any]:
    known = {"id": str(id), "name": name, "discriminator": "0000", "nickname": name, "color": None, "isBot": False}
    return {**known, "roles": [], "avatarUrl": "https://cdn.example/a.png", **more}


ANN = author(5, "ann_1", nickname="Ann")
ME = author(6, "me_2", nickname="Me")


def message(id: int, who: dict[str, Any] | None = None, content: str = "hi", **more: Any) -> dict[str, Any]:
    return {
        "id": str(FIRST + (id << 22)), "type": "Default", "timestamp": "2023-05-15T12:00:00.123+02:00",
        "timestampEdited": None, "callEndedTimestamp": None, "isPinned": False, "content": content,
        "author": ANN if who is None else who, "attachments": [], "embeds": [], "stickers": [], "reactions": [],
        "mentions": [], "inlineEmojis": [], **more,
    }  # fmt: skip


def export(*messages: Any, type: str = "DirectTextChat", name: Any = "Ann", id: Any = "900") -> dict[str, Any]:
    return {
        "guild": {"id": "0", "name": "Direct Messages", "iconUrl": "x"},
        "channel": {"id": id, "type": type, "categoryId": None, "category": "Private", "name": name, "topic": None},
        "dateRange": {"after": None, "before": None},
        "exportedAt": "2024-01-01T00:00:00+00:00",
        "messages": [*messages],
        "messageCount": len(messages),
    }


def write(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2), encoding="utf-8")
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "Direct Messages - Private - Ann [900].json"


@pytest.mark.parametrize("title", ["Ann", "ann_1", "ann_1#0000"])
def test_a_channel_of_two_is_called_after_the_other_one(title: str, path: Path) -> None:
    found = read(write(path, export(message(1), message(2, ME, "yo"), name=title)))
    assert found.lines() == [("5", "hi"), ("me", "yo")]
    (only,) = found.chats.values()
    assert (only.guid, only.type, only.handles) == ("discord:900", "dm", ("discord:5",))


def test_where_the_channels_name_does_not_tell_the_owner_is_asked_for(path: Path) -> None:
    for value in (
        export(message(1), message(2, ME), name="Zed"),
        export(message(1), name="Ann"),
        export(message(1), message(2, ME), type="DirectGroupTextChat"),
    ):
        with pytest.raises(SettingsError, match="who you are") as error:
            read(write(path, value))
        assert "ann_1" in error.value.hint
    assert read(path, me="me_2").lines() == [("5", "hi"), ("me", "hi")]


@pytest.mark.parametrize(
    "type",
    ["GuildTextChat", "DirectGroupTextChat", "GuildPublicThread", "GuildPrivateThread", "GuildNews", "GuildForum", "3"],
)
def test_everything_but_a_channel_of_two_is_a_group(type: str, path: Path) -> None:
    (only,) = read(write(path, export(message(1), message(2, ME), type=type)), me="me_2").chats.values()
    assert (only.type, only.title) == ("group", "Ann")


def test_time_is_exact_and_stands_in_the_id_too(path: Path) -> None:
    stamps = [
        "2023-05-15T12:00:00.123+02:00", "2023-05-15T10:00:00.1239999+00:00", "2023-05-15T10:00:00Z",
        "2023-05-15T10:00:00.001+00:00", "2023-05-15T10:00:00", None, 5,
    ]  # fmt: skip
    rows = [message(n, timestamp=stamp) for n, stamp in enumerate(stamps)]
    found = read(write(path, export(*rows, message(99, ME))))
    assert [row.sent_at - AT for row in found.said[:-1]] == [123, 123, 0, 1, 4, 5, 6]


def test_text_is_as_it_was_written(path: Path) -> None:
    texts = [" @Ann :pepe: **b**  \n", "👩\u200d🚀❤️", "a\u200b", "\ud83d\udc46"]
    texts[3] = "👆"
    found = read(write(path, export(*(message(n, content=text) for n, text in enumerate(texts)), message(9, ME))))
    assert [row.text for row in found.said[:-1]] == texts


def test_one_person_has_one_name_on_every_server(tmp_path: Path) -> None:
    there = author(5, "ann_1", nickname="Annie on A")
    write(tmp_path / "a.json", export(message(1, there), message(2, ME), type="GuildTextChat", id="901", name="a"))
    write(tmp_path / "b.json", export(message(3), message(4, author(7, "", nickname="Only Nick")), id="902",
                                      type="GuildTextChat", name="b"))  # fmt: skip
    found = read(tmp_path, me="me_2")
    assert [handle for handle, _ in found.lines()] == ["5", "me", "5", "7"]
    with pytest.raises(SettingsError) as error:
        read(tmp_path, me="Annie on A")
    assert "'ann_1'" in error.value.hint
    assert "'Only Nick'" in error.value.hint


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"type": "RecipientAdd", "content": "Added bo."}, "event"),
        ({"type": "ChannelPinnedMessage", "content": "Pinned a message."}, "event"),
        ({"type": "GuildMemberJoin", "content": "Joined the server."}, "event"),
        ({"type": "ThreadCreated", "content": "Started a thread."}, "event"),
        ({"type": "21", "content": ""}, "event"),
        ({"type": 8, "content": "boost"}, "event"),
        ({"type": "20", "content": "beep"}, "bot"),
        ({"type": "Call", "content": "Started a call that lasted 2 minutes."}, "call"),
        ({"author": author(8, "bot", isBot=True), "content": "beep"}, "bot"),
        ({"author": author(9, "hook", isBot=True), "content": "", "embeds": [{"title": "x"}]}, "bot"),
        ({"content": "", "embeds": [{"title": "x"}]}, "empty"),
        ({"reference": {"type": "Forward", "messageId": "1", "channelId": "900"}, "content": ""}, "forwarded"),
        ({"forwardedMessage": {"content": "theirs"}, "content": ""}, "forwarded"),
        ({"author": {"name": "x"}}, "no_sender"),
        ({"id": "5", "timestamp": None}, "no_date"),
    ],
)
def test_what_is_not_a_persons_own_words_has_a_reason(more: dict[str, Any], reason: str, path: Path) -> None:
    found = read(write(path, export({**message(1), **more}, message(2), message(3, ME))))
    assert found.reasons == [reason]
    assert len(found.said) == 2


def test_old_files_have_numbers_for_kinds_and_no_users_of_reactions(path: Path) -> None:
    heart = {"emoji": {"id": "", "name": "❤", "isAnimated": False}, "count": 2}
    reply = message(2, ME, type="19", reference={"messageId": message(1)["id"], "channelId": "900", "guildId": None})
    found = read(write(path, export(message(1, type="0", reactions=[heart]), reply)))
    assert len(found.said) == 2
    assert found.said[1].thread_originator_guid == found.said[0].guid
    assert not found.tapbacks


def test_replies_stay_in_their_channel(path: Path) -> None:
    first = message(1)["id"]
    found = read(
        write(
            path,
            export(
                message(1),
                message(2, ME, type="Reply", reference={"type": "Default", "messageId": first, "channelId": "900"}),
                message(3, ME, reference={"type": "Default", "messageId": first, "channelId": "901"}),
                message(4, ME, type="Reply", reference={"type": "Default", "messageId": None, "channelId": "900"}),
            ),
        )
    )
    assert [row.thread_originator_guid for row in found.said] == ["", found.said[0].guid, "", ""]


def test_reactions_have_their_users(path: Path) -> None:
    users = [ME, author(7, "Bo"), author(8, "bot", isBot=True), ME]
    reactions = [
        {"emoji": {"id": "", "name": "❤", "code": "heart"}, "count": 4, "users": users},
        {"emoji": {"id": "77", "name": "pepe", "code": "pepe"}, "count": 1, "users": [ME]},
    ]
    found = read(write(path, export(message(1, reactions=reactions), message(2, ME))))
    assert [(row.is_from_me, row.sender_handle, row.emoji) for row in found.tapbacks] == [
        (1, "", "❤"), (0, "discord:7", "❤"), (1, "", ":pepe:"),
    ]  # fmt: skip
    assert found.reasons == ["bot"]


def test_attachments_and_stickers_are_kept_by_name(path: Path) -> None:
    files = [{"id": "1", "url": "x", "fileName": "voice-message.ogg", "fileSizeBytes": 1}, {"id": "2", "url": "x"}]
    stickers = [{"id": "3", "name": "wave", "format": "Lottie"}]
    found = read(write(path, export(message(1, content="", attachments=files, stickers=stickers), message(2, ME))))
    assert [(file.kind, file.filename) for file in found.said[0].attachments] == [
        (None, "voice-message.ogg"), (None, None), ("sticker", None),
    ]  # fmt: skip


def test_edits_are_told(path: Path) -> None:
    edited = message(1, timestampEdited="2023-05-15T10:05:00+00:00")
    found = read(write(path, export(edited, message(2, ME, timestampEdited="?"), message(3))))
    assert [(row.edited, row.revised_at) for row in found.said] == [(1, AT + 300_000), (1, 1), (0, 0)]


def test_a_channel_in_several_files_is_read_once(tmp_path: Path) -> None:
    rows = [message(n, ME if n % 2 else ANN, f"{n}") for n in range(30)]
    for part, (begin, end) in enumerate([(0, 12), (10, 20), (20, 30)], 1):
        suffix = f" [part {part}]" if part > 1 else ""
        write(tmp_path / f"Private - Ann [900]{suffix}.json", export(*rows[begin:end]))
    write(tmp_path / "again.json", export(*rows[3:5]))
    found = read(tmp_path)
    assert sorted(int(row.text) for row in found.said) == [*range(30)]
    assert len(found.chats) == 1
    assert found.reasons == ["repeated"] * 4


def test_parts_come_one_after_the_other() -> None:
    names = ["x [9] [part 10].json", "x [9] [part 2].json", "x [9].json", "y.json"]
    assert sorted(names, key=lambda name: order_of(PurePath(name))) == [names[2], names[1], names[0], names[3]]


def test_a_channel_without_an_id_has_the_one_of_its_files_name(tmp_path: Path) -> None:
    file = tmp_path / "Server - talk [123456789012345678] [part 2].json"
    found = read(write(file, export(message(1), message(2, ME), id=None, name=None)), me="me_2")
    assert [*found.chats] == ["discord:123456789012345678"]


def test_a_file_without_messages_says_so(path: Path) -> None:
    for value in (export(), [], {"guild": {}, "channel": {}}):
        with pytest.raises(SourceError):
            read(write(path, value), name="discord")


KEYS = sorted({*message(1), "reference", "forwardedMessage"})


@given(
    st.lists(st.dictionaries(st.sampled_from(KEYS), anything, max_size=5) | anything, max_size=5),
    st.dictionaries(st.sampled_from(["id", "name", "nickname", "isBot", "discriminator"]), anything),
    st.dictionaries(st.sampled_from(["id", "name", "type"]), anything) | anything,
    anything,
)
def test_no_value_anywhere_is_a_traceback_and_every_record_is_counted(
    fields: list[Any], who: dict[str, Any], channel: Any, users: Any
) -> None:
    reactions = [{"emoji": {"id": "", "name": "❤"}, "users": users}, {"emoji": users, "users": [ANN, ANN, who]}]
    rows = [
        {**message(n, {**ANN, **who}, reactions=reactions), **field} if isinstance(field, dict) else field
        for n, field in enumerate(fields)
    ]
    value = export(*rows, message(98), message(99, ME))
    value["channel"] = {**value["channel"], **channel} if isinstance(channel, dict) else channel
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = read(write_ascii(Path(folder) / "x.json", value), me="me_2", name="discord")
        except (SettingsError, SourceError):
            return
        for row in found.rows:
            repr(row).encode()
            assert row.guid.isascii()
            if isinstance(row, SourceMessage):
                row.text.encode()
                assert row.text or row.attachments
                assert 0 <= row.sent_at < 1 << 48


def write_ascii(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value))
    return path
