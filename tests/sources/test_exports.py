"""Other applications' exports: recognised by content, read as they were written, and bounded."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from zoneinfo import ZoneInfo

import chat_exports
import pytest
from chat_exports import OWNER, Sent
from hypothesis import given
from hypothesis import strategies as st

from ventriloquist.errors import SettingsError, SourceError
from ventriloquist.records import SourceMessage, SourceRow, SourceSkipped, SourceTapback
from ventriloquist.sources.exports import Asked, open_export

ASKED = Asked(ZoneInfo("UTC"))
BEGIN = 1_684_144_800_000

WRITERS: dict[str, Callable[[list[Sent], Path], Path]] = {
    "telegram": chat_exports.telegram,
    "discord": chat_exports.discord,
    "signal": chat_exports.signal,
    "messenger": chat_exports.messenger,
    "android": chat_exports.android,
}

GUIDS = {  # hashes of the guids of three messages
    "android": "257f7ec19f616818",
    "discord": "cc1038772e4e2726",
    "messenger": "1c860dfef0e355a3",
    "signal": "af3aada34d20d76e",
    "telegram": "b6f0a4888db66b59",
    "whatsapp": "d71511eb516a3650",
}

texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), min_size=1, max_size=30).filter(
    lambda text: text.strip() != ""
)


def rows(path: Path, home: Path, name: str | None = None, asked: Asked = ASKED) -> list[SourceRow]:
    with open_export(name, path, home, asked) as source:
        found = list(source.rows())
        assert source.total == len(found)
        return found


def messages(path: Path, home: Path, name: str | None = None, asked: Asked = ASKED) -> list[SourceMessage]:
    return [row for row in rows(path, home, name, asked) if isinstance(row, SourceMessage)]


def reasons(path: Path, home: Path, asked: Asked = ASKED) -> list[str]:
    return [row.reason for row in rows(path, home, None, asked) if isinstance(row, SourceSkipped)]


@pytest.mark.parametrize("format", WRITERS)
@given(data=st.data())
def test_a_history_is_read_as_it_was_written(format: str, data: st.DataObject) -> None:
    names = [OWNER, "+15550102030"] if format == "android" else [OWNER, "Ann", "Zoë 🦊"]
    at, history = BEGIN, []
    for _ in range(data.draw(st.integers(2, 10))):
        at += 1000 * data.draw(st.integers(1, 100_000))
        text = data.draw(texts)
        if format == "android":  # XML holds no other control characters
            text = "".join(char for char in text if char in "\t\n\r" or (char >= " " and char not in "\ufffe\uffff"))
            text = text if text.strip() else "x"
        history.append(Sent(data.draw(st.sampled_from(names)), text, at))
    history += [Sent(name, "last", at + 1000 * place) for place, name in enumerate(names, 1)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = WRITERS[format](history, folder)
        asked = ASKED if format in ("signal", "android") else Asked(ZoneInfo("UTC"), me=OWNER)
        found = messages(path, folder / "home", None, asked)
        assert [(row.is_from_me, row.text, row.sent_at) for row in found] == [
            (int(sent.sender == OWNER), sent.text, sent.at) for sent in history
        ]
        assert len({row.guid for row in found}) == len(history)
        assert [row.guid for row in messages(path, folder / "home", format, asked)] == [row.guid for row in found]
        assert not (folder / "home").exists()


@pytest.mark.parametrize(("format", "expected"), GUIDS.items())
def test_guids_never_change_since_they_are_stored(format: str, expected: str, tmp_path: Path) -> None:
    other = "+15550102030" if format == "android" else "Zoë 🦊"
    said = [Sent(OWNER, "ok", BEGIN), Sent(other, "ok", BEGIN), Sent(other, "café 😂", BEGIN + 60_000)]
    if format == "whatsapp":
        path = tmp_path / "WhatsApp Chat with Ann.txt"
        lines = [f"15/05/2023, 10:0{(at - BEGIN) // 60_000} - {sender}: {text}\n" for sender, text, at in said]
        path.write_text("".join([*lines, lines[-1]]), encoding="utf-8")
    else:
        path = WRITERS[format](said, tmp_path)
    asked = ASKED if format in ("signal", "android") else Asked(ZoneInfo("UTC"), me=OWNER)
    guids = " ".join(row.guid for row in messages(path, tmp_path / "home", format, asked))
    assert blake2b(guids.encode(), digest_size=8).hexdigest() == expected


def test_a_newer_export_without_ids_repeats_the_old_rows_and_adds_the_new(tmp_path: Path) -> None:
    said = [Sent("Ann", "ok", BEGIN), Sent("Ann", "ok", BEGIN), Sent(OWNER, "fine", BEGIN + 60_000)]
    newer = [*said, Sent("Ann", "ok", BEGIN + 120_000)]
    asked = Asked(ZoneInfo("UTC"), me=OWNER)
    text = "".join(f"[15.05.23, 10:0{(sent.at - BEGIN) // 60_000}:00] {sent.sender}: {sent.text}\n" for sent in newer)
    path = tmp_path / "WhatsApp Chat - Ann.txt"
    guids = []
    for lines in (3, 4):
        path.write_text("".join(text.splitlines(keepends=True)[:lines]))
        guids.append([row.guid for row in messages(path, tmp_path / "home", None, asked)])
    assert guids[1][:3] == guids[0]
    assert len(set(guids[1])) == 4


def test_who_is_in_every_chat_is_the_owner(tmp_path: Path) -> None:
    for name in ("Ann", "Bo"):
        (tmp_path / f"WhatsApp Chat with {name}.txt").write_text(
            f"15.05.23, 10:00 - {name}: hi\n15.05.23, 10:01 - {OWNER}: yo\n"
        )
    found = messages(tmp_path, tmp_path.parent / "home")
    assert [(row.is_from_me, row.text) for row in found] == [(0, "hi"), (1, "yo")] * 2


def test_an_owner_whom_nobody_knows_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat with Ann.txt"
    path.write_text("15.05.23, 10:00 - Ann: hi\n15.05.23, 10:01 - Bo: yo\n")
    with pytest.raises(SettingsError, match="who you are") as error:
        rows(path, tmp_path / "home")
    assert "'Ann', 'Bo'" in error.value.hint
    with pytest.raises(SettingsError, match="called 'Zed'"):
        rows(path, tmp_path / "home", None, Asked(ZoneInfo("UTC"), me="Zed"))


def test_a_zip_is_read_as_the_folder_in_it(tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat - Ann.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_chat.txt", "[15.05.23, 10:00:00] Ann: hi\n[15.05.23, 10:01:00] Me: yo\n")
        archive.writestr("0001-PHOTO.jpg", b"\xff\xd8")
    found = messages(path, tmp_path / "home", None, Asked(ZoneInfo("UTC"), me="Me"))
    assert [row.chat_guid for row in found] == ["whatsapp:Ann"] * 2


def test_a_zip_that_leads_out_of_itself_or_is_a_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../chat.txt", "x")
    with pytest.raises(SourceError, match="leads out"):
        rows(path, tmp_path / "home")
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("chat.txt", "w", force_zip64=True) as file,
    ):
        for _ in range(80):
            file.write(bytes(1 << 20))
    with pytest.raises(SourceError, match="unpacks"):
        rows(path, tmp_path / "home")


def test_a_billion_laughs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "sms.xml"
    path.write_text('<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "lol">]><smses><sms body="&a;"/></smses>')
    with pytest.raises(SourceError, match="document type"):
        rows(path, tmp_path / "home")


@pytest.mark.parametrize(
    "text",
    ['{"name": "x", "type": "personal_chat", "id": 1, "messages": [{"id": 1, "date"', "[" * 100_000, '{"messages": 1}'],
)
def test_a_damaged_file_gets_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(SourceError):
        rows(path, tmp_path / "home", "telegram")


def test_telegram_keeps_replies_reactions_and_knows_what_is_no_message(tmp_path: Path) -> None:
    base = {"type": "message", "date": "2023-05-15T10:00:00", "date_unixtime": "1684144800"}
    ann, me = {"from": "Ann", "from_id": "user777"}, {"from": "Me", "from_id": "user1"}
    recent = [{"from": "Me", "from_id": "user1", "date": "2023-05-15T10:01:00"}]
    chat = {
        "name": "Ann",
        "type": "personal_chat",
        "id": 777,
        "messages": [
            {"id": 1, **base, **ann, "text": ["see ", {"type": "link", "text": "http://x"}],
             "reactions": [{"type": "emoji", "count": 1, "emoji": "❤", "recent": recent}]},
            {"id": 2, **base, **me, "text": "yes", "reply_to_message_id": 1, "edited_unixtime": "1684144900"},
            {"id": 3, **base, **me, "text": "theirs", "forwarded_from": "Bo"},
            {"id": 4, **base, "type": "service", "action": "phone_call", "text": ""},
            {"id": 5, "type": "unsupported"},
            {"id": 6, **base, **ann, "text": "", "media_type": "voice_message", "file": "x.ogg"},
            {"id": 7, **base, **ann, "text": "", "photo": "x.jpg"},
        ],
    }  # fmt: skip
    path = tmp_path / "result.json"
    path.write_text(json.dumps(chat))
    found = rows(path, tmp_path / "home")
    said = [row for row in found if isinstance(row, SourceMessage)]
    assert [(row.is_from_me, row.text, row.edited) for row in said] == [
        (0, "see http://x", 0), (1, "yes", 1), (0, "", 0), (0, "", 0),
    ]  # fmt: skip
    assert said[1].thread_originator_guid == said[0].guid
    assert [row.attachments[0].kind for row in said[2:]] == ["voice", "photo"]
    (tapback,) = [row for row in found if isinstance(row, SourceTapback)]
    assert (tapback.target_guid, tapback.emoji, tapback.is_from_me) == (said[0].guid, "❤", 1)
    assert reasons(path, tmp_path / "home") == ["forwarded", "call", "undecodable"]


def test_messenger_leaves_out_what_the_application_says(tmp_path: Path) -> None:
    folder = tmp_path / "your_activity_across_facebook" / "messages" / "inbox" / "ann_1"
    folder.mkdir(parents=True)
    said = [
        ("Ann", {"content": "Ann sent an attachment.", "photos": [{"uri": "messages/inbox/ann_1/photos/1.jpg"}]}),
        ("Ann", {"content": "Reacted \u00f0\u009f\u0098\u0086 to your message "}),
        ("Ann", {"content": "You missed a call from Ann."}),
        ("Ann", {"content": "see this", "share": {"link": "http://x"}}),
        ("Ann", {"is_unsent": True}),
        ("Me", {"content": "b\u00c3\u00bc"}),
    ]
    messages_ = [{"sender_name": who, "timestamp_ms": BEGIN + n, **what} for n, (who, what) in enumerate(said)]
    thread = {"participants": [{"name": "Ann"}, {"name": "Me"}], "messages": messages_[::-1], "title": "Ann"}
    (folder / "message_1.json").write_text(json.dumps(thread))
    asked = Asked(ZoneInfo("UTC"), me="Me")
    found = messages(tmp_path, tmp_path.parent / "home", None, asked)
    assert [row.text for row in found] == ["", "see this", "bü"]
    assert reasons(tmp_path, tmp_path.parent / "home", asked) == ["event", "call", "unsent"]


def test_discord_keeps_default_and_reply_of_people(tmp_path: Path) -> None:
    base = {"timestamp": "2023-05-15T10:00:00.5+02:00", "author": {"id": "5", "name": "ann", "isBot": False}}
    said = [
        {"id": "1", "type": "Default", "content": "hi", **base},
        {"id": "2", "type": "Reply", "content": "yo", **base, "reference": {"messageId": "1"}},
        {"id": "3", "type": "RecipientAdd", "content": "Added bo.", **base},
        {"id": "4", "type": "Call", "content": "Started a call", **base},
        {"id": "5", "type": "Default", "content": "beep", **base, "author": {"id": "7", "name": "bot", "isBot": True}},
    ]
    path = tmp_path / "x.json"
    path.write_text(
        json.dumps({"guild": {}, "channel": {"id": "9", "type": "GuildTextChat", "name": "t"}, "messages": said})
    )
    asked = Asked(ZoneInfo("UTC"), me="ann")
    found = messages(path, tmp_path / "home", None, asked)
    assert [(row.text, row.sent_at) for row in found] == [("hi", 1_684_137_600_500), ("yo", 1_684_137_600_500)]
    assert found[1].thread_originator_guid == found[0].guid
    assert reasons(path, tmp_path / "home", asked) == ["event", "call", "bot"]
