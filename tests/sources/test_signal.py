"""Signal: the plaintext export's main.jsonl, and what signal-export writes."""

from __future__ import annotations

import json
import tempfile
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import chat_exports
import pytest
from chat_exports import OWNER, Sent
from hypothesis import given
from hypothesis import strategies as st
from reading import reasons, rows_of, said

from ventriloquist.errors import SourceError
from ventriloquist.records import Source, SourceMessage, SourceRow, SourceSkipped, SourceTapback

AT = 1_684_144_800_000
ANN, BO = UUID(int=7), UUID(int=8)


def aci(account: UUID) -> str:
    return b64encode(account.bytes).decode()


PEOPLE: list[dict[str, Any]] = [
    {"version": "1", "backupTimeMs": "1"},
    {"account": {"givenName": "Max", "familyName": "Roe"}},
    {"recipient": {"id": "1", "self": {}}},
    {"recipient": {"id": "2", "contact": {"aci": aci(ANN), "e164": "15550102030", "profileGivenName": "Ann"}}},
    {"recipient": {"id": "3", "contact": {"aci": aci(BO), "profileGivenName": "Bo", "nickname": {"given": "Bobo"}}}},
    {"recipient": {"id": "4", "releaseNotes": {}}},
    {"recipient": {"id": "5", "group": {"masterKey": "c2VjcmV0", "snapshot": {
        "title": {"title": "Trip"}, "members": [{"userId": aci(ANN)}, {"userId": aci(BO)}, {"userId": "bm8="}]}}}},
    {"chat": {"id": "10", "recipientId": "2"}},
    {"chat": {"id": "11", "recipientId": "5"}},
    {"chat": {"id": "12", "recipientId": "1"}},
    {"chat": {"id": "13", "recipientId": "4"}},
]  # fmt: skip


def item(author: str, at: int = AT, chat: str = "10", **what: Any) -> dict[str, Any]:
    side = "outgoing" if author == "1" else "incoming"
    return {"chatItem": {"chatId": chat, "authorId": author, "dateSent": str(at), side: {}, **what}}


def text(body: str, **more: Any) -> dict[str, Any]:
    return {"standardMessage": {"text": {"body": body}, **more}}


def write(folder: Path, *items: Any, people: list[dict[str, Any]] | None = None) -> Path:
    path = folder / "main.jsonl"
    frames = [*(PEOPLE if people is None else people), *items]
    path.write_text("".join(json.dumps(frame) + "\n" for frame in frames))
    return path


def read(path: Path, zone: str = "UTC", me: str | None = None) -> tuple[Source, list[SourceRow]]:
    return rows_of(path, "signal", me, ZoneInfo(zone))


def test_each_kind_of_item_is_a_message_or_skipped_with_its_reason(tmp_path: Path) -> None:
    kinds: list[tuple[dict[str, Any], str]] = [
        (text("hi"), "hi"),
        ({"stickerMessage": {"sticker": {"emoji": "😀"}}}, "[sticker]"),
        ({"contactMessage": {"contact": {}}}, "[file]"),
        ({"viewOnceMessage": {"attachment": {"pointer": {"contentType": "image/jpeg"}}}}, "[image/jpeg]"),
        ({"directStoryReplyMessage": {"textReply": {"text": {"body": "nice"}}}}, "nice"),
        ({"directStoryReplyMessage": {"emoji": "🔥"}}, "🔥"),
        ({"paymentNotification": {"amountMob": "1", "note": "for lunch"}}, "for lunch"),
        ({"paymentNotification": {"amountMob": "1"}}, "event"),
        ({"viewOnceMessage": {}}, "empty"),
        ({"remoteDeletedMessage": {}}, "unsent"),
        ({"adminDeletedMessage": {"adminId": "1"}}, "unsent"),
        ({"poll": {"question": "Where?"}}, "poll"),
        ({"giftBadge": {}}, "event"),
        ({"updateMessage": {"simpleUpdate": {"type": "JOINED_SIGNAL"}}}, "event"),
        ({"updateMessage": {"individualCall": {"type": "AUDIO_CALL"}}}, "call"),
        ({"updateMessage": {"groupCall": {}}}, "call"),
        ({}, "event"),
    ]
    path = write(tmp_path, *(item("2", AT + n, **kind) for n, (kind, _) in enumerate(kinds)))
    _, rows = read(path)
    found = []
    for row in rows:
        if isinstance(row, SourceMessage):
            media = [one.kind or one.mime_type for one in row.attachments]
            found.append(row.text or f"[{media[0]}]")
        else:
            assert isinstance(row, SourceSkipped)
            found.append(row.reason)
    assert found == [expected for _, expected in kinds]


def test_attachments_have_their_kind_type_and_name(tmp_path: Path) -> None:
    files = [
        {"pointer": {"contentType": "audio/aac"}, "flag": "VOICE_MESSAGE"},
        {"pointer": {"contentType": "audio/aac"}, "flag": 1},
        {"pointer": {"contentType": "image/gif", "fileName": "a.gif"}, "flag": "GIF"},
        {"flag": "NONE"},
    ]
    path = write(tmp_path, item("2", standardMessage={"attachments": files}))
    (message,) = said(read(path)[1])
    assert [(one.kind, one.mime_type, one.filename) for one in message.attachments] == [
        ("voice", "audio/aac", None), ("voice", "audio/aac", None), (None, "image/gif", "a.gif"), (None, None, None),
    ]  # fmt: skip


def test_people_have_numbers_and_the_names_that_the_owner_sees(tmp_path: Path) -> None:
    path = write(tmp_path, item("1", **text("a")), item("2", **text("b")), item("3", chat="11", **text("c")))
    source, rows = read(path)
    assert [(row.is_from_me, row.sender_handle) for row in said(rows)] == [
        (1, ""), (0, "+15550102030"), (0, f"signal:{BO}"),
    ]  # fmt: skip
    chats = {chat.guid: (chat.type, chat.title, chat.handles) for chat in source.chats}
    assert chats[f"signal:{ANN}"] == ("dm", None, ("+15550102030",))
    (group,) = [chat for chat in source.chats if chat.type == "group"]
    assert (group.title, group.handles) == ("Trip", ("+15550102030", f"signal:{BO}"))
    assert "c2VjcmV0" not in group.guid  # the key of a group is a secret


def test_a_chat_with_oneself_has_no_other_member(tmp_path: Path) -> None:
    source, rows = read(write(tmp_path, item("1", chat="12", **text("buy milk"))))
    assert [row.text for row in said(rows)] == ["buy milk"]
    (notes,) = [chat for chat in source.chats if chat.guid == "signal:self"]
    assert notes.handles == ()


def test_the_news_of_signal_are_not_a_persons(tmp_path: Path) -> None:
    path = write(tmp_path, item("4", chat="13", **text("New!")), item("1", **text("a")))
    assert reasons(read(path)[1]) == ["bot"]


def test_a_message_that_reached_nobody_is_failed(tmp_path: Path) -> None:
    failed, read_ = {"recipientId": "2", "failed": {}}, {"recipientId": "3", "read": {}}
    path = write(
        tmp_path,
        item("1", AT, **text("lost"), outgoing={"sendStatus": [failed]}),
        item("1", AT + 1, **text("half"), outgoing={"sendStatus": [failed, read_]}),
    )
    _, rows = read(path)
    assert [row.text for row in said(rows)] == ["half"]
    assert reasons(rows) == ["failed"]


def test_quotes_point_at_the_message_of_that_time_and_author(tmp_path: Path) -> None:
    def quote(at: int, author: str) -> dict[str, Any]:
        return {"quote": {"targetSentTimestamp": str(at), "authorId": author, "text": {"body": "?"}}}

    path = write(
        tmp_path,
        item("2", AT, chat="11", **text("a")),
        item("3", AT, chat="11", **text("b")),
        item("1", AT + 1, chat="11", **text("to b", **quote(AT, "3"))),
        item("1", AT + 2, chat="11", **text("to a", **quote(AT, "2"))),
        item("1", AT + 3, chat="11", **text("to what?", quote={"authorId": "2"})),
    )
    a, b, to_b, to_a, lost = said(read(path)[1])
    assert (to_b.thread_originator_guid, to_a.thread_originator_guid) == (b.guid, a.guid)
    assert lost.thread_originator_guid == ""


def test_an_edited_message_keeps_its_first_time_and_has_its_last_text(tmp_path: Path) -> None:
    revisions = [
        {"dateSent": str(AT), "authorId": "2", "standardMessage": {"text": {"body": "frist"}}},
        {"dateSent": str(AT + 50), "authorId": "2", "standardMessage": {"text": {"body": "fisrt"}}},
    ]
    quote = {"quote": {"targetSentTimestamp": str(AT + 50), "authorId": "2"}}
    path = write(
        tmp_path,
        item("2", AT + 90, **text("first"), revisions=revisions),
        item("1", AT + 95, **text("ok", **quote)),
    )
    edited, reply = said(read(path)[1])
    assert (edited.text, edited.sent_at, edited.edited, edited.revised_at) == ("first", AT, 1, AT + 90)
    assert reply.thread_originator_guid == edited.guid
    unedited = said(read(write(tmp_path, item("2", AT, **text("frist"))))[1])
    assert unedited[0].guid == edited.guid  # an older export, before the edit


def test_reactions_have_their_author_time_and_emoji(tmp_path: Path) -> None:
    reactions = [
        {"emoji": "❤️", "authorId": "1", "sentTimestamp": str(AT + 9)},
        {"emoji": "😂", "authorId": "3"},
        {"emoji": "😂", "authorId": "3"},
        {"emoji": "", "authorId": "3"},
        {"emoji": "😂", "authorId": "77"},
        7,
    ]
    path = write(
        tmp_path,
        item("2", chat="11", **text("a", reactions=reactions)),
        item("2", AT + 1, chat="11", poll={"question": "?", "reactions": reactions[:1]}),
    )
    _, rows = read(path)
    tapbacks = [row for row in rows if isinstance(row, SourceTapback)]
    assert [(row.is_from_me, row.sender_handle, row.sent_at, row.emoji) for row in tapbacks] == [
        (1, "", AT + 9, "❤️"), (0, f"signal:{BO}", AT, "😂"),
    ]  # fmt: skip
    assert {row.target_guid for row in tapbacks} == {said(rows)[0].guid}
    assert reasons(rows) == ["reaction_superseded", *["undecodable"] * 3, "poll", "reaction_without_target"]


def test_mentions_are_the_names_of_those_who_are_meant(tmp_path: Path) -> None:
    ranges = [{"start": 3, "length": 1, "mentionAci": aci(BO)}, {"start": 6, "length": 1, "mentionAci": "bm8="}]
    message = {"standardMessage": {"text": {"body": "😀 \ufffc, \ufffc", "bodyRanges": ranges}}}
    assert [row.text for row in said(read(write(tmp_path, item("2", **message)))[1])] == ["😀 @Bobo, \ufffc"]


def test_a_long_text_is_read_from_its_file(tmp_path: Path) -> None:
    whole = "long " * 1000
    plain, key = sha256(whole.encode()).digest(), b"k" * 64
    name = sha256(plain + key).hexdigest()
    place = tmp_path / "files" / name[:2] / f"{name}.txt"
    place.parent.mkdir(parents=True)
    place.write_text(whole)
    where = {"plaintextHash": b64encode(plain).decode(), "localKey": b64encode(key).decode()}
    message = text(whole[:2000], longText={"locatorInfo": where})
    path = write(tmp_path, item("2", **message))
    assert [row.text for row in said(read(path)[1])] == [whole]
    assert [row.text for row in said(read(tmp_path)[1])] == [whole]
    place.unlink()
    assert [row.text for row in said(read(path)[1])] == [whole[:2000]]


def test_another_export_numbers_everything_anew_and_the_ids_stay(tmp_path: Path) -> None:
    items = [item("2", AT, **text("a")), item("3", AT, chat="11", **text("b")), item("1", AT + 5, chat="11", poll={})]
    first = [row.guid for row in read(write(tmp_path, *items))[1]]

    def renumbered(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: renumbered(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [renumbered(one) for one in value]
        return str(int(value) + 100) if key in ("id", "recipientId", "authorId", "chatId") else value

    later = [*items, item("2", AT + 9, **text("c"))]
    people = [renumbered(frame) for frame in PEOPLE]
    second = [row.guid for row in read(write(tmp_path, *map(renumbered, later), people=people))[1]]
    assert second[:3] == first
    assert len(set(second)) == 4


def test_what_the_export_holds_twice_is_read_once_and_what_only_shares_a_time_is_not(tmp_path: Path) -> None:
    items = [item("2", AT, **text("a")), item("2", AT + 9, **text("z")), item("2", AT, **text("a")),
             item("2", AT, **text("b"))]  # fmt: skip
    _, rows = read(write(tmp_path, *items))
    assert [row.text for row in said(rows)] == ["a", "z", "b"]
    assert reasons(rows) == ["repeated"]


def test_a_line_break_that_is_not_escaped_belongs_to_the_text(tmp_path: Path) -> None:
    path = write(tmp_path, item("2", **text("one#two#}#{")), item("2", AT + 1, **text("three")))
    path.write_text(path.read_text().replace("#", "\n"))
    assert [row.text for row in said(read(path)[1])] == ["one\ntwo\n}\n{", "three"]


@pytest.mark.parametrize(
    "end", ['{"chatItem": {"chatId": "10", "standard', '{"a": 1} x\n', "[" * 100_000 + "\n", '"\n']
)
def test_a_damaged_line_is_said(end: str, tmp_path: Path) -> None:
    path = write(tmp_path, item("2", **text("a")))
    path.write_text(path.read_text() + end)
    with pytest.raises(SourceError, match=r"damaged|within a line"):
        read(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
    | st.sampled_from(["1", "2", "10", str(AT), "bm8=", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
FIELDS = ["chatId", "authorId", "dateSent", "standardMessage", "stickerMessage", "contactMessage", "viewOnceMessage",
          "directStoryReplyMessage", "paymentNotification", "poll", "updateMessage", "revisions",
          "outgoing"]  # fmt: skip
INNER = ["text", "quote", "reactions", "attachments", "longText", "sticker", "emoji", "note", "textReply", "attachment"]
hostile_items = st.dictionaries(
    st.sampled_from(FIELDS), json_values | st.dictionaries(st.sampled_from(INNER), json_values, max_size=4), max_size=6
)


@given(st.lists(hostile_items | json_values, max_size=6), st.lists(json_values, max_size=3))
def test_any_json_in_any_field_is_accounted_for(items: list[Any], others: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        frames: list[Any] = [{"recipient": other} for other in others] + [{"chat": other} for other in others]
        frames += [{"recipient": {"id": "9", "contact": other, "group": other}} for other in others]
        good = item("2", AT - 1, **text("good"))
        path = write(Path(temporary), *frames, good, *({"chatItem": one} for one in items))
        _, rows = read(path)
        records = [row for row in rows if not isinstance(row, SourceTapback)]
        assert len(records) >= 1 + len(items)
        assert said(rows)[0].text == "good"


# signal-export


def lines(folder: Path, *messages: dict[str, Any], name: str = "Ann", as_array: bool = False) -> Path:
    path = folder / name / "data.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    base = {"quote": "", "sticker": None, "reactions": [], "attachments": []}
    full = [{**base, **message, "body": message.get("body", "") + "  "} for message in messages]
    path.write_text(json.dumps(full) if as_array else "".join(json.dumps(one) + "\n" for one in full))
    return path


@pytest.mark.parametrize("as_array", [False, True])
def test_signal_export_writes_lines_with_local_times_and_two_spaces(as_array: bool, tmp_path: Path) -> None:
    messages = [
        {"date": "2023-05-15T12:00:00.123000", "sender": "Ann", "body": "hi  "},
        {"date": "2023-05-15T12:01:00", "sender": "Me", "body": "yo\n"},
    ]
    source, rows = read(lines(tmp_path, *messages, as_array=as_array), zone="Europe/Paris")
    assert [(row.is_from_me, row.text, row.sent_at) for row in said(rows)] == [
        (0, "hi  ", AT + 123), (1, "yo\n", AT + 60_000),
    ]  # fmt: skip
    assert [(chat.type, chat.handles) for chat in source.chats] == [("dm", ("signal:Ann",))]


def test_signal_export_says_what_is_no_message(tmp_path: Path) -> None:
    at = {"date": "2023-05-15T10:00:00"}
    messages = [
        {**at, "sender": "Ann", "body": "ok"},
        {**at, "sender": "Ann", "body": "gone", "deleted": True},
        {**at, "sender": "Ann", "body": "", "call": True},
        {**at, "sender": "Me", "body": "Outgoing voice call (unanswered)"},
        {**at, "sender": "Me", "body": "Incoming call", "call": False},
        {**at, "sender": "No-Sender", "body": "?"},
        {**at, "sender": "Ann", "body": ""},
        {"date": "1970-01-01T00:00:00", "sender": "Ann", "body": "when?"},
        {**at, "sender": "Ann", "sticker": {"emoji": "😀"}},
        {**at, "sender": "Ann", "attachments": [{"name": "a.jpg", "path": "media/a.jpg"}]},
    ]
    _, rows = read(lines(tmp_path, *messages))
    assert [(row.text, [one.kind or one.filename for one in row.attachments]) for row in said(rows)] == [
        ("ok", []), ("Incoming call", []), ("", ["sticker"]), ("", ["a.jpg"]),
    ]  # fmt: skip
    assert reasons(rows) == ["unsent", "call", "call", "no_sender", "empty", "no_date"]


def test_signal_export_replies_find_the_one_message_with_that_text(tmp_path: Path) -> None:
    day = "2023-05-15T10:00:0"
    messages = [
        {"date": f"{day}0", "sender": "Ann", "body": "a\nb"},
        {"date": f"{day}1", "sender": "Ann", "body": "ok"},
        {"date": f"{day}2", "sender": "Me", "body": "ok"},
        {"date": f"{day}3", "sender": "Me", "body": "to a", "quote": "\n\n> a\n> `b`\n\n"},
        {"date": f"{day}4", "sender": "Me", "body": "to which?", "quote": "\n\n> ok\n\n"},
        {"date": f"{day}5", "sender": "Me", "body": "to a, as older versions wrote it", "quote": "\n>\n> a\n> b\n>\n"},
    ]
    found = said(read(lines(tmp_path, *messages))[1])
    assert [row.thread_originator_guid for row in found] == ["", "", "", found[0].guid, "", found[0].guid]


def test_signal_export_reactions_of_the_owner_are_the_owners(tmp_path: Path) -> None:
    reactions = [["Ann", "❤️"], ["NotetoSelf", "😂"], ["MaxRoe", "👍"], ["Ann", "❤️"], ["", "x"], 3]
    path = lines(tmp_path, {"date": "2023-05-15T10:00:00", "sender": "Ann", "body": "a", "reactions": reactions})
    _, rows = read_with_me(path)
    assert [(row.is_from_me, row.emoji) for row in rows if isinstance(row, SourceTapback)] == [
        (0, "❤️"), (1, "😂"), (1, "👍"),
    ]  # fmt: skip
    assert reasons(rows) == ["reaction_superseded", "undecodable", "undecodable"]


def read_with_me(path: Path) -> tuple[Source, list[SourceRow]]:
    """Read a folder in which the owner wrote, too."""
    lines(path.parent.parent, {"date": "2023-05-15T10:00:00", "sender": "Me", "body": "x"}, name="Bo")
    return read(path.parent.parent)


def test_signal_export_groups_and_notes(tmp_path: Path) -> None:
    at = {"date": "2023-05-15T10:00:00", "body": "x"}
    lines(tmp_path, {**at, "sender": "Ann"}, {**at, "sender": "Me"}, name="Trip")
    lines(tmp_path, {**at, "sender": "Me"}, name="NotetoSelf")
    lines(tmp_path, {**at, "sender": "Me"}, name="Cy")
    source, _ = read(tmp_path)
    assert {chat.guid: (chat.type, chat.handles) for chat in source.chats} == {
        "signal:Trip": ("group", ("signal:Ann",)),
        "signal:NotetoSelf": ("dm", ()),
        "signal:Cy": ("dm", ("signal:Cy",)),
    }


@given(st.lists(st.dictionaries(
    st.sampled_from(["date", "sender", "body", "quote", "sticker", "reactions", "attachments", "deleted", "edits"]),
    json_values | st.just("2023-05-15T10:00:00"), max_size=6) | json_values, max_size=6))  # fmt: skip
def test_any_json_in_any_field_of_signal_export_is_accounted_for(messages: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        path = lines(Path(temporary), {"date": "2023-05-15T10:00:00", "sender": "Me", "body": "good"})
        path.write_text(path.read_text() + "".join(json.dumps(one) + "\n" for one in messages))
        _, rows = read(path)
        assert len([row for row in rows if not isinstance(row, SourceTapback)]) >= 1 + len(messages)


@given(st.lists(st.tuples(
    st.sampled_from([OWNER, "Ann", "Zoë"]),
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20),
    st.integers(0, 10**6)), min_size=1))  # fmt: skip
def test_a_history_is_read_as_it_was_written(drawn: list[tuple[str, str, int]]) -> None:
    history = [Sent(name, body, AT + 1000 * n + at % 1000) for n, (name, body, at) in enumerate(drawn)]
    with tempfile.TemporaryDirectory() as temporary:
        _, rows = read(chat_exports.signal(history, Path(temporary)))
        assert [(row.is_from_me, row.text, row.sent_at) for row in said(rows)] == [
            (int(sent.sender == OWNER), sent.text, sent.at) for sent in history
        ]
