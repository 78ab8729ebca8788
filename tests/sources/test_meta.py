"""Messenger and Instagram: the JSON download in its vintages, and the end-to-end encrypted one."""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import chat_exports
import pytest
from chat_exports import OWNER, Sent
from hypothesis import given
from hypothesis import strategies as st
from reading import reasons, rows_of, said

from ventriloquist.errors import SettingsError, SourceError
from ventriloquist.records import Source, SourceRow, SourceTapback
from ventriloquist.sources import meta, meta_message

AT = 1_684_144_800_000
INBOX = "your_activity_across_facebook/messages/inbox"
ANN = "ann_10001234"


def spoilt(value: Any) -> Any:
    """Return a value as the download writes it: the UTF-8 of every string read as Latin-1."""
    if isinstance(value, str):
        return value.encode().decode("latin-1")
    if isinstance(value, list):
        return [spoilt(one) for one in value]
    return {key: spoilt(one) for key, one in value.items()} if isinstance(value, dict) else value


def thread(
    folder: Path,
    messages: list[Any],
    *,
    place: str = f"{INBOX}/{ANN}",
    people: tuple[str, ...] = ("Ann Lee", "Me"),
    title: str = "Ann Lee",
    part: int = 1,
    **more: Any,
) -> Path:
    """Write a part of a thread. Messages are given from the oldest on; one without a time gets one."""
    path = folder / place / f"message_{part}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    full = [
        {"sender_name": "Ann Lee", "timestamp_ms": AT + n, **one} if isinstance(one, dict) else one
        for n, one in enumerate(messages)
    ]
    about = {"participants": [{"name": name} for name in people], "messages": full[::-1], "title": title, **more}
    path.write_text(json.dumps(spoilt(about)))
    return path


def encrypted(
    folder: Path, messages: list[Any], *, people: tuple[str, ...] = ("Ann Lee", "Me"), number: int = 40
) -> Path:
    base = {"isUnsent": False, "media": [], "reactions": [], "senderName": "Ann Lee", "text": "", "type": "text"}
    full = [{**base, "timestamp": AT + n, **one} if isinstance(one, dict) else one for n, one in enumerate(messages)]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{people[0]}_{number}.json"
    value = {"participants": people, "threadName": f"{people[0]}_{number}", "messages": full}
    path.write_text(json.dumps(value, ensure_ascii=False))
    return path


def read(path: Path, name: str | None = None, me: str | None = "Me") -> tuple[Source, list[SourceRow]]:
    with tempfile.TemporaryDirectory() as home:
        return rows_of(path, name, me, home=Path(home))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("b\u00c3\u00bc", "bü"),
        ("\u00f0\u009f\u0091\u00a9\u00e2\u0080\u008d\u00f0\u009f\u0092\u00bb", "👩‍💻"),
        ("\u00e2\u009d\u00a4\u00ef\u00b8\u008f", "❤️"),
        ("caf\u00e9", "café"),  # one that is right already
        ("\u00c3\u00bc and ü", "Ã¼ and ü"),  # only the whole string is mended
        ("日本", "日本"),
        ("\ud83d", "\ufffd"),
        ("plain", "plain"),
        (7, ""),
    ],
)
def test_a_string_is_mended_whole_or_not_at_all(written: object, expected: str) -> None:
    assert meta_message.mend(written) == expected


def test_parts_are_sorted_as_numbers_and_rows_are_in_the_order_of_time(tmp_path: Path) -> None:
    for part in range(1, 13):
        messages = [{"timestamp_ms": AT - 1000 * part + n, "content": f"{part} {n}"} for n in range(2)]
        thread(tmp_path, messages, part=part)
    rows = said(read(tmp_path)[1])
    assert [row.text for row in rows] == [f"{part} {n}" for part in range(12, 0, -1) for n in range(2)]


@pytest.mark.parametrize(
    ("message", "text", "kinds"),
    [
        ({"photos": [{"uri": "a/1.jpg"}, {"uri": "a/2.jpg"}]}, "", ["photo", "photo"]),
        ({"videos": [{"uri": "a/1.mp4"}]}, "", ["video"]),
        ({"audio_files": [{"uri": "a/1.mp4"}]}, "", ["voice"]),
        ({"gifs": [{"uri": "a/1.gif"}]}, "", ["photo"]),
        ({"files": [{"uri": "a/1.pdf"}]}, "", ["file"]),
        ({"sticker": {"uri": "a/1.png", "ai_stickers": []}}, "", ["sticker"]),
        ({"photos": [{"uri": "a/1.jpg"}], "content": "look"}, "look", ["photo"]),
        ({"photos": [{"uri": "a/1.jpg"}], "content": "You sent a photo."}, "", ["photo"]),
        ({"photos": [{"uri": "a/1.jpg"}], "content": "Ann sent a photo."}, "", ["photo"]),
        ({"photos": [{"uri": "a/1.jpg"}], "content": "Bo sent a photo."}, "Bo sent a photo.", ["photo"]),
        ({"photos": [{"uri": "a/1.jpg"}], "content": "Ann Lee hat ein Foto gesendet."}, "", ["photo"]),
        ({"content": "You sent a photo."}, "You sent a photo.", []),  # nothing beside it: somebody wrote this
        ({"share": {"link": "http://x"}, "content": "Ann Lee sent an attachment."}, "http://x", []),
        ({"share": {"link": "http://x"}, "content": "see http://x", "type": "Share"}, "see http://x", []),
        ({"share": {"link": "http://x"}}, "http://x", []),
        ({"content": "You called me yesterday."}, "You called me yesterday.", []),
        ({"content": "You left the group?"}, "You left the group?", []),
        ({"content": "You changed the plan again."}, "You changed the plan again.", []),
        ({"content": "You missed a call from Bo."}, "You missed a call from Bo.", []),
        ({"content": "Bo left the group."}, "Bo left the group.", []),
        ({"content": "Annabel left the group."}, "Annabel left the group.", []),
        ({"content": "I sent an attachment."}, "I sent an attachment.", []),
        ({"content": " two spaces  "}, " two spaces  ", []),
        ({"content": "hi", "is_unsent": False, "type": "Generic", "is_geoblocked_for_viewer": False}, "hi", []),
        ({"content": "hi", "photos": 7, "share": [], "sticker": "x", "reactions": {}}, "hi", []),
    ],
)
def test_what_a_person_sent_is_a_message(message: dict[str, Any], text: str, kinds: list[str], tmp_path: Path) -> None:
    thread(tmp_path, [message, {"sender_name": "Me", "content": "yes"}])
    found = said(read(tmp_path)[1])
    assert [(row.text, [one.kind for one in row.attachments]) for row in found] == [(text, kinds), ("yes", [])]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"is_unsent": True}, "unsent"),
        ({"content": "Ann Lee unsent a message"}, "unsent"),
        ({"type": "Call", "content": "Ann called you.", "call_duration": 7}, "call"),
        ({"content": "Video chat ended", "call_duration": 0}, "call"),
        ({"content": "You missed a video call from Ann."}, "call"),
        ({"content": "You missed a call from Ann Lee"}, "call"),
        ({"content": "You missed a video chat"}, "call"),
        ({"sender_name": "Me", "content": "You started an audio call"}, "call"),
        ({"content": "Ann Lee missed your call."}, "call"),
        ({"content": "Ann started a video chat."}, "call"),
        ({"content": "The video call ended."}, "call"),
        ({"type": "Subscribe", "content": "Ann added Bo.", "users": [{"name": "Bo"}]}, "event"),
        ({"content": "etwas", "users": [{"name": "Bo"}]}, "event"),
        ({"content": "Ann set the nickname for Me to Bär."}, "event"),
        ({"content": "Ann Lee changed the theme to Love."}, "event"),
        ({"content": "Ann named the group Trip."}, "event"),
        ({"content": "Ann created a poll: where?"}, "event"),
        ({"content": "Ann Lee left the group."}, "event"),
        ({"sender_name": "Me", "content": "You created the group."}, "event"),
        ({"sender_name": "Me", "content": "You set the quick reaction to 🔥."}, "event"),
        ({"content": "Reacted 😆 to your message "}, "event"),
        ({"content": "Liked a message"}, "event"),
        ({"content": "You are now connected on Messenger."}, "event"),
        ({"content": "Say hi to your new Facebook friend, Ann Lee"}, "event"),
        ({"content": "Ann sent a live location."}, "location"),
        ({"content": "Ann Lee sent an attachment."}, "empty"),
        ({"share": {"share_text": "by somebody else"}}, "empty"),
        ({"bumped_message_metadata": {"bumped_message": "hey?", "is_bumped": True}}, "forwarded"),
        ({}, "empty"),
        ({"timestamp_ms": None, "content": "x"}, "no_date"),
        ({"timestamp_ms": "soon", "content": "x"}, "no_date"),
        ({"sender_name": "", "content": "x"}, "no_sender"),
        (7, "undecodable"),
    ],
)
def test_what_the_application_says_is_skipped_with_its_reason(message: Any, reason: str, tmp_path: Path) -> None:
    thread(tmp_path, [{"content": "first"}, message, {"sender_name": "Me", "content": "last"}])
    _, rows = read(tmp_path)
    assert {row.text for row in said(rows)} == {"first", "last"}
    assert reasons(rows) == [reason]


def test_a_sentence_in_another_language_is_known_by_standing_beside_attachments_only(tmp_path: Path) -> None:
    photo = {"photos": [{"uri": "1.jpg"}]}
    messages = [{**photo, "sender_name": "Me", "content": "Du hast ein Foto gesendet."} for _ in range(6)]
    messages += [{**photo, "content": "Good night my love."} for _ in range(6)]
    messages += [{"content": "Good night my love."}]
    thread(tmp_path, messages)
    assert [row.text for row in said(read(tmp_path)[1])] == [""] * 6 + ["Good night my love."] * 7


def test_reactions_have_their_actor_and_each_is_accounted_for(tmp_path: Path) -> None:
    reactions = [
        {"reaction": "❤", "actor": "Me"},
        {"reaction": "😆", "actor": "Zoë", "timestamp": AT // 1000 + 60},
        {"reaction": "❤", "actor": "Me"},
        {"reaction": "❤"},
        "x",
    ]
    thread(tmp_path, [{"content": "a", "reactions": reactions}, {"is_unsent": True, "reactions": reactions[:1]}])
    _, rows = read(tmp_path)
    tapbacks = [row for row in rows if isinstance(row, SourceTapback)]
    assert [(row.is_from_me, row.sender_handle, row.emoji, row.sent_at) for row in tapbacks] == [
        (1, "", "❤", AT), (0, "messenger:Zoë", "😆", AT + 60_000),
    ]  # fmt: skip
    assert {row.target_guid for row in tapbacks} == {said(rows)[0].guid}
    assert reasons(rows) == ["reaction_superseded", "undecodable", "undecodable", "unsent", "reaction_without_target"]


def test_equal_messages_of_one_millisecond_are_counted(tmp_path: Path) -> None:
    same = {"timestamp_ms": AT, "content": "ok"}
    path = thread(tmp_path, [same, same, {**same, "sender_name": "Me"}])
    first = [row.guid for row in said(read(tmp_path)[1])]
    assert len(first) == 3
    thread(tmp_path, [same, same, {**same, "sender_name": "Me"}, {"timestamp_ms": AT + 5, "content": "ok"}])
    assert [row.guid for row in said(read(path)[1])][:3] == first


def test_a_newer_download_keeps_the_ids_of_old_messages_if_somebody_is_renamed(tmp_path: Path) -> None:
    messages = [{"content": f"{n}", "timestamp_ms": AT + n} for n in range(5)]
    old = tmp_path / "old"
    thread(old, messages[2:], part=1)
    thread(old, messages[:2], part=2)
    first = [row.guid for row in said(read(old)[1])]
    new = tmp_path / "new"
    renamed = [{**one, "sender_name": "Ann Cole"} for one in [*messages, {"content": "5", "timestamp_ms": AT + 5}]]
    place = f"{INBOX.replace('inbox', 'archived_threads')}/anncole_10001234"
    thread(new, renamed, place=place, people=("Ann Cole", "Me"), title="Ann Cole")
    second = [row.guid for row in said(read(new)[1])]
    assert second[:5] == first
    assert len(set(second)) == 6


def test_the_number_at_the_end_of_a_threads_folder_is_what_stays(tmp_path: Path) -> None:
    ids = set()
    for place in (f"{INBOX}/maya_123", f"{INBOX}/mayadad_123", "messages/archived_threads/mayadad_123"):
        folder = tmp_path / place.replace("/", " ")
        path = thread(folder, [{"content": "a"}], place=place)
        for named in (folder, path.parent, path):  # a download, a thread's folder, a file of it
            source, rows = read(named, "messenger")
            ids.add((source.chats[0].guid, said(rows)[0].guid))
    assert len(ids) == 1
    other = thread(tmp_path / "other", [{"content": "a"}], place=f"{INBOX}/maya_124")
    assert (read(other)[0].chats[0].guid, said(read(other)[1])[0].guid) not in ids


def test_a_short_number_that_two_threads_share_does_not_join_them(tmp_path: Path) -> None:
    for name in ("Ann", "Bo"):
        people = (name, "Me")
        thread(tmp_path, [{"sender_name": name, "content": name}], place=f"{INBOX}/{name}_1", people=people, title=name)
    source, rows = read(tmp_path)
    assert len(source.chats) == 2
    assert sorted(row.text for row in said(rows)) == ["Ann", "Bo"]


def test_two_downloads_at_once_hold_each_message_once(tmp_path: Path) -> None:
    same = [{"content": "a"}, {"content": "ok", "timestamp_ms": AT + 9}, {"content": "ok", "timestamp_ms": AT + 9}]
    reactions = [{"reaction": "❤", "actor": "Me"}]
    thread(tmp_path / "old", [{"content": "a", "reactions": reactions}, *same[1:]])
    thread(tmp_path / "new", [*same, {"content": "new", "timestamp_ms": AT + 20}])
    _, rows = read(tmp_path)
    assert [row.text for row in said(rows)] == ["a", "ok", "ok", "new"]
    assert reasons(rows).count("repeated") in (3, 4)


def test_a_thread_in_both_downloads_is_one_conversation_and_its_messages_stand_once(tmp_path: Path) -> None:
    thread(tmp_path, [{"content": "before"}, {"content": "both ü"}])
    encrypted(tmp_path / "e2ee", [{"timestamp": AT + 1, "text": "both ü"}, {"timestamp": AT + 2, "text": "after"}])
    source, rows = read(tmp_path)
    assert sorted(row.text for row in said(rows)) == ["after", "before", "both ü"]
    assert reasons(rows) == ["repeated"]
    assert {chat.handles for chat in source.chats} == {("messenger:Ann Lee",)}
    people = ("Ann Lee", "Bo", "Me")
    trip = [{"content": "x"}]
    thread(tmp_path, trip, place=f"{INBOX}/trip_77777", people=people, title="Trip")
    (tmp_path / "e2ee" / "Trip_3.json").write_text(
        json.dumps({"participants": people, "threadName": "Trip_3", "messages": [
            {"senderName": "Bo", "text": "y", "timestamp": AT}]})
    )  # fmt: skip
    groups = [chat for chat in read(tmp_path)[0].chats if chat.type == "group"]
    assert [(chat.title, {*chat.handles}) for chat in groups] == [
        ("Trip", {"messenger:Ann Lee", "messenger:Bo"})
    ] * 2  # fmt: skip


def test_the_encrypted_download_is_read(tmp_path: Path) -> None:
    messages = [
        {"text": "hé 😂 ", "reactions": [{"actor": "Me", "reaction": "❤"}]},
        {"senderName": "Me", "text": "yo"},
        {"media": [{"uri": "./media/9-a.jpeg"}], "type": "media"},
        {"media": [{"uri": "Failed to download media"}], "type": "media"},
        {"isUnsent": True, "text": ""},
        {"type": "placeholder", "text": "User unsent a message"},
        {"type": "placeholder", "text": "Ann changed something"},
        {"text": "You sent an attachment.", "senderName": "Me"},
    ]
    source, rows = read(encrypted(tmp_path, messages))
    assert [(row.is_from_me, row.text, row.sent_at) for row in said(rows)] == [
        (0, "hé 😂 ", AT), (1, "yo", AT + 1), (0, "", AT + 2), (0, "", AT + 3),
    ]  # fmt: skip
    assert [one.filename for row in said(rows) for one in row.attachments] == ["9-a.jpeg", None]
    assert reasons(rows) == ["unsent", "unsent", "event", "empty"]
    assert [chat.type for chat in source.chats] == ["dm"]


def test_an_encrypted_thread_keeps_its_ids_when_the_download_counts_threads_anew(tmp_path: Path) -> None:
    one = [row.guid for row in read(encrypted(tmp_path, [{"text": "a"}], number=40))[1]]
    two = [row.guid for row in read(encrypted(tmp_path, [{"text": "a"}], number=7))[1]]
    assert one == two


@pytest.mark.parametrize(
    ("people", "more", "title", "type"),
    [
        (("Ann Lee", "Me"), {}, "Ann Lee", "dm"),
        (("Ann Lee", "Me"), {"thread_type": "Regular"}, "Anything", "dm"),
        (("Ann Lee", "Me"), {"thread_type": "RegularGroup"}, "Ann Lee", "group"),
        (("Ann Lee", "Me"), {"joinable_mode": {"mode": 1, "link": ""}}, "Ann Lee", "group"),
        (("Ann Lee", "Me"), {}, "Trip", "group"),
        (("Ann Lee", "Bo", "Me"), {}, "", "group"),
        (("Me",), {}, "Ann Lee", "dm"),
    ],
)
def test_a_thread_is_a_group_or_not(
    people: tuple[str, ...], more: dict[str, Any], title: str, type: str, tmp_path: Path
) -> None:
    thread(tmp_path, [{"content": "a"}, {"sender_name": "Me", "content": "b"}], people=people, title=title, **more)
    (chat,) = read(tmp_path)[0].chats
    assert chat.type == type


def test_the_owner_is_who_is_in_every_thread_or_of_whom_the_download_says_you(tmp_path: Path) -> None:
    sent = {"sender_name": "Me", "content": "You sent an attachment.", "share": {"link": "http://x"}}
    thread(tmp_path, [{"content": "a"}, {"sender_name": "Me", "content": "b"}], title="Trip")
    with pytest.raises(SettingsError, match="who you are"):
        read(tmp_path, me=None)
    thread(tmp_path, [{"content": "a"}, sent], title="Trip")
    assert [row.is_from_me for row in said(read(tmp_path, me=None)[1])] == [0, 1]
    thread(tmp_path, [{"content": "a"}])
    thread(
        tmp_path, [{"sender_name": "Bo", "content": "b"}], place=f"{INBOX}/bo_20001", people=("Bo", "Me"), title="Bo"
    )
    source, _ = read(tmp_path, me=None)
    assert [*source.owner_identifiers] == ["messenger:Me"]


def test_the_owner_of_a_chat_of_two_is_not_the_one_after_whom_it_is_called(tmp_path: Path) -> None:
    thread(tmp_path, [{"content": "a"}])  # only the other one wrote
    source, rows = read(tmp_path, me=None)
    assert [*source.owner_identifiers] == ["messenger:Me"]
    assert [row.is_from_me for row in said(rows)] == [0]
    assert [chat.handles for chat in source.chats] == [("messenger:Ann Lee",)]
    assert [*read(encrypted(tmp_path / "e2ee", [{"text": "a"}]), me=None)[0].owner_identifiers] == ["messenger:Me"]


def test_who_is_not_named_in_a_chat_that_was_not_answered_is_taken_at_their_word(tmp_path: Path) -> None:
    thread(tmp_path, [{"content": "a"}], people=("Ann Lee",))
    source, rows = read(tmp_path, me="Me")
    assert [*source.owner_identifiers] == ["messenger:Me"]
    assert [row.is_from_me for row in said(rows)] == [0]
    thread(tmp_path, [{"content": "a"}, {"sender_name": "Mo", "content": "b"}], people=("Ann Lee", "Mo"), title="Trip")
    with pytest.raises(SettingsError, match="Nobody"):
        read(tmp_path, me="Me")


def test_those_who_deleted_their_account_are_not_one_person(tmp_path: Path) -> None:
    for number in (1, 2):
        thread(tmp_path, [{"sender_name": "Facebook user", "content": "x"}], place=f"{INBOX}/facebookuser_1000{number}",
               people=("Facebook user", "Me"), title="Facebook user")  # fmt: skip
    assert len({row.sender_handle for row in said(read(tmp_path)[1])}) == 2


@pytest.mark.parametrize(
    "place",
    [
        f"your_facebook_activity/messages/inbox/{ANN}",
        f"your_activity_across_facebook/messages/e2ee_cutover/{ANN}",
        f"your_activity_across_facebook/messages/message_requests/{ANN}",
        f"messages/filtered_threads/{ANN}",
        f"messages/inbox/{ANN}",
        f"inbox/{ANN}",
        ANN,
    ],
)
def test_messenger_is_found_wherever_its_threads_lie(place: str, tmp_path: Path) -> None:
    thread(tmp_path, [{"content": "a"}, {"sender_name": "Me", "content": "b"}], place=place)
    source, rows = read(tmp_path)
    assert [row.chat_guid for row in said(rows)] == ["messenger:10001234"] * 2
    assert "Messenger" in source.name
    assert [row.guid for row in read(tmp_path / place / "message_1.json")[1]] == [row.guid for row in rows]


def test_instagram_is_found_by_its_folder_or_named(tmp_path: Path) -> None:
    thread(tmp_path / "a", [{"content": "a"}, {"sender_name": "Me", "content": "b"}],
           place=f"your_instagram_activity/messages/inbox/{ANN}")  # fmt: skip
    assert [row.chat_guid for row in said(read(tmp_path / "a")[1])] == ["instagram:10001234"] * 2
    thread(tmp_path / "b", [{"content": "a"}, {"sender_name": "Me", "content": "b"}], place=f"messages/inbox/{ANN}")
    assert [row.chat_guid for row in said(read(tmp_path / "b", "instagram")[1])] == ["instagram:10001234"] * 2


def test_a_thread_is_found_by_its_content_whatever_its_file_is_called(tmp_path: Path) -> None:
    for number, name in enumerate(("ann.json", "bo.json")):
        sent = [{"sender_name": "Me", "timestamp_ms": AT + number, "content": name},
                {"sender_name": name, "timestamp_ms": AT + 5, "content": "hi"}]  # fmt: skip
        (tmp_path / name).write_text(json.dumps({"messages": sent}))
    found = said(read(tmp_path)[1])
    assert [(row.chat_guid, row.text) for row in found if row.is_from_me] == [
        ("messenger:ann", "ann.json"), ("messenger:bo", "bo.json"),
    ]  # fmt: skip
    assert len(said(read(tmp_path / "ann.json", "instagram")[1])) == 2


def test_zips_of_one_download_give_the_same_ids_as_the_whole(tmp_path: Path) -> None:
    thread(tmp_path / "x", [{"content": "new", "timestamp_ms": AT + 5}], part=1)
    thread(tmp_path / "x", [{"content": "old"}, {"sender_name": "Me", "content": "me"}], part=2)
    whole = [row.guid for row in read(tmp_path / "x")[1]]
    found = []
    for part in (2, 1):
        name = f"{INBOX}/{ANN}/message_{part}.json"
        with zipfile.ZipFile(tmp_path / f"{part}.zip", "w") as archive:
            archive.write(tmp_path / "x" / name, name)
        found += [row.guid for row in read(tmp_path / f"{part}.zip")[1]]
    assert found == whole


def test_a_large_part_is_read_in_windows_and_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = [{"content": f"{n // 3}", "timestamp_ms": AT + n // 4} for n in range(100)]
    messages[50] = {"content": "Ann Lee left the group.", "timestamp_ms": AT + 12}
    thread(tmp_path, messages, people=("Ann Lee", "Bo", "Me"), title="Trip", is_still_participant=True)
    whole, rows = read(tmp_path)
    monkeypatch.setattr(meta, "WHOLE_BYTES", 100)
    monkeypatch.setattr(meta, "WINDOW", 7)
    source, parts = read(tmp_path)
    assert sorted(row.guid for row in parts) == sorted(row.guid for row in rows)
    assert source.chats == whole.chats


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"7", b"[" * 100_000, b'{"messages": [{"a"', b"\xff\xfe{"])
def test_a_damaged_part_is_said(data: bytes, tmp_path: Path) -> None:
    path = thread(tmp_path, [{"content": "a"}])
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"message_1.json is damaged"):
        read(tmp_path)


def test_seconds_of_the_oldest_downloads_are_read(tmp_path: Path) -> None:
    thread(
        tmp_path,
        [{"content": "a", "timestamp_ms": None, "timestamp": AT // 1000}, {"sender_name": "Me", "content": "b"}],
    )
    assert said(read(tmp_path)[1])[0].sent_at == AT


FIELDS = ["sender_name", "timestamp_ms", "content", "type", "is_unsent", "share", "photos", "videos", "audio_files",
          "gifs", "sticker", "files", "reactions", "call_duration", "users", "bumped_message_metadata", "missed",
          "senderName", "text", "timestamp", "isUnsent", "media"]  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6)
    | st.sampled_from(["Ann Lee", "You sent a photo.", "Ann left the group.", AT, str(AT), "\ud800"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["uri", "link", "name", "actor", "reaction", "timestamp"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
records = st.lists(st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=8) | json_values, max_size=8)


def reactions_in(messages: list[Any]) -> int:
    return sum(
        len(one["reactions"]) for one in messages if isinstance(one, dict) and isinstance(one.get("reactions"), list)
    )


@pytest.mark.parametrize("name", ["message_1.json", "Ann_4.json"])
@given(messages=records, about=st.dictionaries(
    st.sampled_from(["participants", "title", "threadName", "thread_type", "joinable_mode"]), json_values))  # fmt: skip
def test_any_json_in_any_field_is_accounted_for(name: str, messages: list[Any], about: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / ANN / name
        path.parent.mkdir()
        good = {"sender_name": "Me", "senderName": "Me", "content": "x", "timestamp_ms": AT}
        value = {"threadName": "", **about, "messages": [good, *messages]}
        path.write_text(json.dumps(value))
        _, rows = read(path)
        assert len(rows) == 1 + len(messages) + reactions_in(messages)


@given(st.lists(st.tuples(
    st.sampled_from([OWNER, "Ann", "Zoë 🦊"]),
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20),
    st.integers(0, 2)), min_size=1, max_size=20), st.integers(1, 4))  # fmt: skip
def test_a_history_is_read_as_it_was_written(drawn: list[tuple[str, str, int]], parts: int) -> None:
    at, history = AT, []
    for name, body, after in drawn:
        at += after
        history.append(Sent(name, body, at))
    history.append(Sent(OWNER, "last", at + 5))
    with tempfile.TemporaryDirectory() as temporary:
        found = said(read(chat_exports.messenger(history, Path(temporary), parts=parts), me=OWNER)[1])
        assert [(row.is_from_me, row.text, row.sent_at) for row in found] == [
            (int(sent.sender == OWNER), sent.text, sent.at) for sent in history
        ]
        newer = [*history, Sent(OWNER, "newer", at + 9)]
    with tempfile.TemporaryDirectory() as temporary:
        again = said(read(chat_exports.messenger(newer, Path(temporary), parts=parts + 1), me=OWNER)[1])
        assert [row.guid for row in again][: len(found)] == [row.guid for row in found]


def test_encrypted_threads_of_one_name_and_other_people_are_not_joined(tmp_path: Path) -> None:
    for number, people, text in ((2, ("Mum", "Me"), "dinner?"), (9, ("Kim", "Lee", "Me"), "gig?")):
        path = encrypted(tmp_path, [{"senderName": people[0], "text": text}], people=people, number=number)
        path.rename(tmp_path / f"Family_{number}.json")
    source, rows = read(tmp_path, "messenger")
    assert len(source.chats) == 2
    ids = {row.text: row.guid for row in said(rows)}
    (tmp_path / "Family_2.json").rename(tmp_path / "Family_5.json")
    assert {row.text: row.guid for row in said(read(tmp_path, "messenger")[1])} == ids


@pytest.mark.parametrize("text", ["You can now call me whenever you want.", "You can now message Mum about the car."])
def test_what_somebody_can_do_now_is_a_message_unless_messenger_says_it(text: str, tmp_path: Path) -> None:
    system = "You can now message and call each other and see info like Active Status."
    rows = read(thread(tmp_path, [{"content": text}, {"content": system}]))[1]
    assert [row.text for row in said(rows)] == [text]
    assert reasons(rows) == ["event"]


def test_two_downloads_give_an_encrypted_thread_one_id_though_only_one_has_another_of_its_name(tmp_path: Path) -> None:
    for month, number, people in (
        ("jan", 1, ("Anna", "Me")),
        ("feb", 1, ("Anna", "Me")),
        ("feb", 2, ("Anna", "Bob", "Me")),
    ):
        text = "both" if len(people) == 2 else "three"
        encrypted(tmp_path / month / "messages", [{"senderName": "Anna", "text": text}], people=people, number=number)
    source, rows = read(tmp_path, "messenger")
    assert sorted(str(row.text) for row in said(rows)) == ["both", "three"]
    assert len(source.chats) == 2
