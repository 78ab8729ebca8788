"""Exports of other applications through `vq collect --source`, beside Messages: one file, one person over all."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import chat_exports
import pytest
from apple import ChatDb, MacCard, write_address_book
from chat_exports import OWNER, Sent
from collected import dump, names, query
from typer.testing import CliRunner, Result

from ventriloquist.cli.app import app
from ventriloquist.collect.handles import is_business, is_short_code, normalize
from ventriloquist.records import APPLICATIONS, MESSAGES, SKIPPED
from ventriloquist.sources import EXPORTS, split_name
from ventriloquist.sources.exports import FORMATS

ANN, SMS = "+12505550111", "+15550102030"
BEGIN = 1_684_144_800_000
CHAT = (
    "[15.05.23, 10:00:00] Ann Lee: hi\n"
    "[15.05.23, 10:01:00] Robin: yo\n"
    "[15.05.23, 10:02:00] Ann Lee: ok\n"
    "[15.05.23, 10:02:00] Ann Lee: ok\n"
)
NEWER = CHAT + "[15.05.23, 10:03:00] Robin: 👩‍❤️‍👨 so \n[15.05.23, 10:02:00] Ann Lee: ok\n"


def vq(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def collected(*arguments: object) -> dict[str, object]:
    """Collect and return the one summary, whose counts add up."""
    (summary,) = summaries(*arguments)
    return summary


def summaries(*arguments: object) -> list[dict[str, object]]:
    found = json.loads(vq("collect", *arguments, "--json").stdout)
    found = found if isinstance(found, list) else [found]
    for summary in found:
        assert summary["rows"] == summary["messages"] + summary["reactions"] + sum(summary["skipped"].values())
        assert set(summary["skipped"]) <= set(SKIPPED)
    return found


def whatsapp(folder: Path, text: str = CHAT, name: str = "WhatsApp Chat - Ann Lee.zip") -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_chat.txt", text)
    return path


def telegram(folder: Path) -> Path:
    folder = folder / "telegram"
    folder.mkdir()
    history = [Sent("Ann Lee", "hello", BEGIN), Sent("Me", "again", BEGIN + 60_000)]
    return chat_exports.telegram(history, folder)


def messages(folder: Path) -> Path:
    db = ChatDb(folder / "chat.db")
    chat = db.dm(ANN)
    db.message(chat, BEGIN, "from Messages", sender=ANN)
    db.message(chat, BEGIN + 1000, "mine")
    return db.close()


def contacts(folder: Path) -> Path:
    return write_address_book(
        folder / "contacts", [MacCard("Ann", "Lee", [ANN]), MacCard("Robin", "Vale", [], is_me=True)]
    )


def test_three_applications_are_collected_in_one_command(tmp_path: Path, home: Path) -> None:
    places = ("--chat-db", messages(tmp_path), "--contacts", contacts(tmp_path))
    exports = ("--source", f"whatsapp:{whatsapp(tmp_path)}", "--source", telegram(tmp_path))
    found = summaries(*places, *exports, "--me", "Robin", "--me", "Me")
    assert [(one["rows"], one["messages"], one["added"]) for one in found] == [(2, 2, 2), (4, 4, 4), (2, 2, 2)]
    assert found[-1]["total_messages"] == 8
    assert found[0]["owner"] == found[-1]["owner"] == "Robin Vale"
    assert "result.json was recognised as Telegram." in found[2]["notes"]
    assert found[1]["notes"] == ["_chat.txt: dates are read as day, month, year."]
    rows = query(home, "SELECT source, type, count(*) FROM conversations GROUP BY 1, 2 ORDER BY 1")
    assert [source for source, *_ in rows] == ["imessage", "telegram", "whatsapp"]
    assert query(home, "SELECT DISTINCT source FROM chats ORDER BY 1") == [("imessage",), ("telegram",), ("whatsapp",)]
    assert names(home) == {"Robin Vale", "Ann Lee", "Ann Lee (2)", "Ann Lee (3)"}
    assert query(home, "SELECT count(*) FROM runs WHERE command = 'collect' AND result IS NOT NULL") == [(3,)]
    assert query(home, "SELECT DISTINCT flags FROM text_messages") == [("",)]
    before = dump(home)
    again = summaries(*places, *exports, "--me", "Robin", "--me", "Me")
    assert not any(one["changed"] or one["added"] for one in again)
    assert dump(home) == before


def both_downloads(folder: Path) -> list[Path]:
    """Write a thread of Messenger as the ordinary and as the encrypted download have it; four messages are in both."""

    def write(path: Path, value: object) -> None:
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(value))

    def sent(at: int, sender: str, text: str) -> dict[str, object]:
        return {"sender_name": sender, "timestamp_ms": BEGIN + at, "content": text}

    def secret(at: int, sender: str, text: str) -> dict[str, object]:
        return {"senderName": sender, "timestamp": BEGIN + at, "text": text, "reactions": [], "media": []}

    both = [(1, "Ann", "hi"), (2, "Me", "yo"), (3, "Ann", "ok"), (3, "Ann", "ok")]
    ordinary, encrypted = folder / "facebook", folder / "e2ee"
    write(ordinary / "messages/inbox/ann_1234567/message_1.json", {
        "participants": [{"name": "Ann"}, {"name": "Me"}], "title": "Ann",
        "messages": [sent(*one) for one in reversed([(0, "Ann", "first"), *both])],
    })  # fmt: skip
    write(encrypted / "Ann_4.json", {
        "participants": ["Ann", "Me"], "threadName": "Ann_4",
        "messages": [secret(*one) for one in [*both, (9, "Me", "last")]],
    })  # fmt: skip
    return [ordinary, encrypted]


@pytest.mark.parametrize("is_encrypted_first", [False, True])
def test_a_thread_of_both_downloads_of_messenger_is_collected_once(
    is_encrypted_first: bool, tmp_path: Path, home: Path
) -> None:
    ordinary, encrypted = both_downloads(tmp_path)
    places = [encrypted, ordinary] if is_encrypted_first else [ordinary, encrypted]
    asked = [*(part for place in places for part in ("--source", place)), "--me", "Me"]
    found = summaries(*asked)
    assert [one["skipped"] for one in found] == [{}, {"repeated": 4}]
    assert query(home, "SELECT text FROM text_messages ORDER BY sent_at, rowid") == [
        ("first",), ("hi",), ("yo",), ("ok",), ("ok",), ("last",),
    ]  # fmt: skip
    assert query(home, "SELECT count(*) FROM conversations") == [(1,)]
    before = dump(home)
    assert not any(one["changed"] for one in summaries(*asked))
    assert not any(one["changed"] for one in summaries(*("--source", ordinary, "--source", encrypted, "--me", "Me")))
    assert dump(home) == before


@pytest.mark.parametrize("is_encrypted_first", [False, True])
def test_a_thread_of_both_downloads_is_collected_once_by_two_commands(
    is_encrypted_first: bool, tmp_path: Path, home: Path
) -> None:
    places = both_downloads(tmp_path)
    first, second = reversed(places) if is_encrypted_first else places
    assert collected("--source", first, "--me", "Me")["added"] == 5
    summary = collected("--source", second, "--me", "Me")
    assert (summary["messages"], summary["added"], summary["updated"]) == (1, 1, 0)
    assert summary["skipped"] == {"repeated": 4}
    texts = [("first",), ("hi",), ("yo",), ("ok",), ("ok",), ("last",)]
    assert query(home, "SELECT text FROM text_messages ORDER BY sent_at, rowid") == texts
    before = dump(home)
    for place in (second, first):
        again = collected("--source", place, "--me", "Me")
        assert (again["added"], again["updated"], again["changed"]) == (0, 0, False)
    assert dump(home) == before
    both = summaries("--source", first, "--source", second, "--me", "Me")
    assert not any(one["changed"] or one["added"] for one in both)
    assert query(home, "SELECT text FROM text_messages ORDER BY sent_at, rowid") == texts


def test_reactions_of_the_second_download_stand_on_the_messages_of_the_first(tmp_path: Path, home: Path) -> None:
    ordinary, encrypted = both_downloads(tmp_path)
    path = ordinary / "messages/inbox/ann_1234567/message_1.json"
    thread = json.loads(path.read_text())
    thread["messages"][-2]["reactions"] = [
        {"reaction": "❤".encode().decode("latin-1"), "actor": "Me"}
    ]  # on `hi`, in both
    path.write_text(json.dumps(thread))
    thread = json.loads((encrypted / "Ann_4.json").read_text())
    thread["messages"][0]["reactions"] = [{"reaction": "❤", "actor": "Me"}]
    thread["messages"][1]["reactions"] = [{"reaction": "😂", "actor": "Ann"}]  # on `yo`, in the second one
    (encrypted / "Ann_4.json").write_text(json.dumps(thread))
    for _ in range(2):
        for place in (ordinary, encrypted):
            collected("--source", place, "--me", "Me")
        found = query(home, "SELECT t.text, r.emoji FROM reactions r JOIN text_messages t ON t.guid = r.target_guid")
        assert sorted(found) == [("hi", "❤"), ("yo", "😂")]


def test_messages_that_only_one_download_repeats_are_all_kept(tmp_path: Path, home: Path) -> None:
    ordinary, encrypted = both_downloads(tmp_path)
    thread = json.loads((encrypted / "Ann_4.json").read_text())
    thread["messages"].append({"senderName": "Ann", "timestamp": BEGIN + 3, "text": "ok", "media": []})  # a third one
    thread["messages"].append({"senderName": "Me", "timestamp": BEGIN + 1, "text": "hi", "media": []})  # of another
    (encrypted / "Ann_4.json").write_text(json.dumps(thread))
    for place in (ordinary, encrypted):
        collected("--source", place, "--me", "Me")
    counts = query(
        home, "SELECT text, is_from_me, count(*) FROM text_messages GROUP BY 1, 2 HAVING text IN ('hi', 'ok')"
    )
    assert sorted(counts) == [("hi", 0, 1), ("hi", 1, 1), ("ok", 0, 3)]


def test_each_source_has_its_summary_and_all_have_a_total(tmp_path: Path, home: Path) -> None:
    shown = vq("collect", "--source", whatsapp(tmp_path), "--source", telegram(tmp_path), "--me", "Robin", "--me", "Me")
    lines = [line.split() for line in shown.stdout.splitlines() if line.strip()]
    assert [line for line in lines if line[0] == "rows"] == [["rows", "4"], ["rows", "2"], ["rows", "6"]]
    assert ["sources", "2"] in lines


def test_a_newer_export_adds_only_what_is_new(tmp_path: Path, home: Path) -> None:
    asked = ("--source", whatsapp(tmp_path), "--me", "Robin")
    assert collected(*asked)["added"] == 4
    assert collected(*asked)["added"] == 0
    whatsapp(tmp_path, NEWER)
    summary = collected(*asked)
    assert (summary["rows"], summary["messages"], summary["added"], summary["updated"]) == (6, 6, 2, 0)
    texts = query(home, "SELECT text, is_from_me FROM text_messages ORDER BY sent_at, source_rowid")
    assert ("👩‍❤️‍👨 so ", 1) in texts
    assert texts.count(("ok", 0)) == 3


def test_who_has_one_number_is_one_person_whatever_an_application_calls_them(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    db.message(db.dm(SMS), BEGIN, "hi", sender=SMS)
    book = write_address_book(
        tmp_path / "contacts", [MacCard("Mum", None, [SMS]), MacCard("Robin", "Vale", [], is_me=True)]
    )
    history = [Sent("Ann", "hello", BEGIN), Sent(OWNER, "yes", BEGIN + 1000)]
    collected("--source", chat_exports.android(history, tmp_path), "--contacts", book)
    assert names(home) == {"Robin Vale", "Mum"}
    collected("--chat-db", db.close(), "--contacts", book)
    assert names(home) == {"Robin Vale", "Mum"}
    assert query(home, "SELECT source, count(*) FROM conversations GROUP BY 1 ORDER BY 1") == [
        ("android", 1), ("imessage", 1),
    ]  # fmt: skip
    assert query(home, "SELECT count(DISTINCT sender_id) FROM text_messages WHERE is_from_me = 0") == [(1,)]


def test_an_account_knows_a_number_that_its_chat_alone_does_not_and_both_are_one_person(
    tmp_path: Path, home: Path
) -> None:
    def said(id: int, user: int, name: str) -> dict[str, object]:
        at = {"date": "2023-05-15T10:00:00", "date_unixtime": str(1_684_144_800 + id)}
        return {"id": id, "type": "message", **at, "from": name, "from_id": f"user{user}", "text": f"text {id}"}

    chat = {
        "name": "Ann", "type": "personal_chat", "id": 7, "messages": [said(1, 7, "Ann"), said(2, 1, "Robin Vale")],
    }  # fmt: skip
    account = {
        "personal_information": {"user_id": 1, "first_name": "Robin", "last_name": "Vale", "phone_number": ANN},
        "contacts": {"list": [{"user_id": 7, "first_name": "Ann", "last_name": "Lee", "phone_number": SMS}]},
        "chats": {"list": [chat]},
    }
    whole, alone = (tmp_path / name / "result.json" for name in ("whole", "alone"))
    for path, export in ((whole, account), (alone, chat)):
        path.parent.mkdir()
        path.write_text(json.dumps(export), encoding="utf-8")
    for path in (whole, alone, whole):
        collected("--source", path)
        assert query(home, "SELECT count(*) FROM people") == [(2,)]
        found = query(home, "SELECT DISTINCT person_id FROM handles WHERE handle IN ('telegram:user7', ?)", SMS)
        assert len(found) == 1


def test_an_export_names_people_who_have_no_card(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_NAME", "Robin")
    history = [Sent("Ann", "hello", BEGIN), Sent(OWNER, "yes", BEGIN + 1000)]
    collected("--source", chat_exports.android(history, tmp_path))
    assert names(home) == {"Robin", "Ann"}
    assert query(home, "SELECT handle FROM handles JOIN people ON people.id = person_id WHERE NOT is_me") == [(SMS,)]


def test_a_tapback_as_a_text_is_one_only_where_sms_are(tmp_path: Path, home: Path) -> None:
    text = CHAT + "[15.05.23, 10:05:00] Ann Lee: Liked “yo”\n"
    assert collected("--source", whatsapp(tmp_path, text), "--me", "Robin")["messages"] == 5
    history = [Sent(OWNER, "see you", BEGIN), Sent("Ann", "Liked “see you”", BEGIN + 1000)]
    summary = collected("--source", chat_exports.android(history, tmp_path))
    assert (summary["messages"], summary["reactions"]) == (1, 1)
    assert collected("--source", whatsapp(tmp_path, text))["messages"] == 5


def test_the_owner_is_who_has_the_name_that_the_file_knows(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = vq("collect", "--source", whatsapp(tmp_path), code=1)
    assert "does not say who you are" in shown.stderr
    assert "--me NAME, one of: 'Ann Lee', 'Robin'" in shown.stderr
    assert not home.exists()
    monkeypatch.setenv("MY_NAME", "robin")
    assert collected("--source", whatsapp(tmp_path))["owner"] == "robin"
    monkeypatch.delenv("MY_NAME")
    other = whatsapp(tmp_path, CHAT.replace("Ann Lee", "Bo"), "WhatsApp Chat - Bo.zip")
    assert collected("--source", other)["owner"] == "robin"
    assert names(home) == {"robin", "Ann Lee", "Bo"}


def test_the_owners_name_of_messages_in_the_same_command_counts(tmp_path: Path, home: Path) -> None:
    chat = whatsapp(tmp_path, CHAT.replace("Robin", "Robin Vale"))
    found = summaries("--chat-db", messages(tmp_path), "--contacts", contacts(tmp_path), "--source", chat)
    assert [one["owner"] for one in found] == ["Robin Vale", "Robin Vale"]


def test_a_wrong_name_of_the_owner_is_corrected_by_another(tmp_path: Path, home: Path) -> None:
    collected("--source", whatsapp(tmp_path), "--me", "Ann Lee")
    assert query(home, "SELECT count(*) FROM text_messages WHERE is_from_me") == [(3,)]
    summary = collected("--source", whatsapp(tmp_path), "--me", "Robin")
    assert summary["updated"] == 4
    assert query(home, "SELECT count(*) FROM text_messages WHERE is_from_me") == [(1,)]
    assert query(home, "SELECT handle FROM handles JOIN people ON people.id = person_id WHERE is_me") == [
        ("whatsapp:Robin",)
    ]


def test_a_chat_that_nobody_answered_is_with_its_title(tmp_path: Path, home: Path) -> None:
    only = whatsapp(tmp_path, "[15.05.23, 10:00:00] Robin: hi\n[15.05.23, 10:00:01] Robin: hi\n")
    assert collected("--source", only, "--me", "Robin")["messages"] == 2
    assert names(home) == {"Robin", "Ann Lee"}
    assert query(home, "SELECT count(*) FROM members") == [(2,)]


def test_notes_to_oneself_stay_though_two_are_alike(tmp_path: Path, home: Path) -> None:
    said = {"type": "message", "date": "2023-05-15T10:00:00", "date_unixtime": "1684144800"}
    written = [{"id": id, **said, "from": "Me", "from_id": "user1", "text": "milk"} for id in (1, 2)]
    saved = {"name": None, "type": "saved_messages", "id": 1, "messages": written}
    path = tmp_path / "result.json"
    path.write_text(json.dumps(saved))
    assert collected("--source", f"telegram:{path}", "--me", "Me")["messages"] == 2
    assert names(home) == {"Me"}
    assert query(home, "SELECT type FROM conversations") == [("dm",)]


def test_what_an_export_holds_twice_is_stored_once_and_said(tmp_path: Path, home: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / "export" / name).mkdir(parents=True)
        chat_exports.discord(
            [Sent("Ann", "hello", BEGIN), Sent("Me", "again", BEGIN + 1000)], tmp_path / "export" / name
        )
    for _ in range(2):
        summary = collected("--source", tmp_path / "export", "--me", "Me")
        assert (summary["rows"], summary["messages"], summary["skipped"]) == (4, 2, {"repeated": 2})
    assert query(home, "SELECT count(*) FROM skipped") == [(2,)]


PROPOSED = "Ann Lee: +12505550111, 1 message in Messages"


def three(tmp_path: Path) -> None:
    places = ("--chat-db", messages(tmp_path), "--contacts", contacts(tmp_path))
    exports = ("--source", whatsapp(tmp_path), "--source", telegram(tmp_path))
    summaries(*places, *exports, "--me", "Robin", "--me", "Me")


def test_who_is_only_called_alike_is_proposed_and_merged_when_accepted(tmp_path: Path, home: Path) -> None:
    three(tmp_path)
    shown = vq("status", "--people")
    lines = [line for line in shown.stdout.splitlines() if line.startswith("perhaps one")]
    assert len(lines) == 3
    assert any(PROPOSED in line and "telegram:user777" in line and "both wrote on 1 day" in line for line in lines)
    assert "--accept 'Ann Lee'" in shown.stderr
    (home / "corrections.toml").write_text("# mine\n[rename]\n'telegram:user777' = 'Annie'\n")
    before = query(home, "SELECT guid, text, sent_at FROM text_messages ORDER BY guid")
    vq("collect", "--accept", "ann lee")
    assert query(home, "SELECT guid, text, sent_at FROM text_messages ORDER BY guid") == before
    assert names(home) == {"Robin Vale", "Annie"}
    assert query(home, "SELECT count(*) FROM conversations") == [(3,)]
    written = (home / "corrections.toml").read_text()
    assert "# mine\n" in written
    assert "[rename]\n'telegram:user777' = 'Annie'\n" in written
    assert tomllib.loads(written)["merge"] == [[ANN, "telegram:user777", "whatsapp:Ann Lee"]]
    assert "perhaps one" not in vq("status", "--people").stdout
    after = dump(home)
    assert not collected("--source", whatsapp(tmp_path))["changed"]
    assert dump(home) == after


def test_two_can_be_accepted_by_a_handle_and_the_third_later(tmp_path: Path, home: Path) -> None:
    three(tmp_path)
    (home / "corrections.toml").write_text("merge = [ # mine\n  ['a@example.com', 'b@example.com'],\n]\n")
    bo = "split = ['telegram:user777']\n"
    (home / "corrections.toml").write_text(bo + (home / "corrections.toml").read_text())
    vq("collect", "--accept", "whatsapp:Ann Lee")
    assert names(home) == {"Robin Vale", "Ann Lee", "Ann Lee (3)"}  # who has a number keeps it
    assert "perhaps one" not in vq("status", "--people").stdout
    (home / "corrections.toml").write_text((home / "corrections.toml").read_text().removeprefix(bo))
    vq("collect", "--accept", "Ann Lee (3)")
    assert names(home) == {"Robin Vale", "Ann Lee"}
    merged = tomllib.loads((home / "corrections.toml").read_text())["merge"]
    assert ["a@example.com", "b@example.com"] in merged
    assert [ANN, "telegram:user777", "whatsapp:Ann Lee"] in merged


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--accept", "Zed"], "No proposal is called 'Zed'"),
        (["--accept", "Ann Lee", "--source", "x"], "reads no source"),
    ],
)
def test_what_cannot_be_accepted_changes_nothing(arguments: list[str], said: str, tmp_path: Path, home: Path) -> None:
    three(tmp_path)
    before = dump(home)
    assert said in vq("collect", *arguments, code=1 if "Zed" in arguments else 2).output
    assert dump(home) == before
    assert not (home / "corrections.toml").exists()


def test_two_accounts_with_one_name_are_not_merged_at_once(tmp_path: Path, home: Path) -> None:
    three(tmp_path)
    folder = tmp_path / "second"
    folder.mkdir()
    path = chat_exports.telegram([Sent("Ann Lee", "hello", BEGIN), Sent("Me", "again", BEGIN + 60_000)], folder)
    path.write_text(path.read_text().replace("777", "888"))
    collected("--source", path, "--me", "Me")
    shown = vq("collect", "--accept", "Ann Lee", code=1)
    assert "may be several people: 'telegram:user777', 'telegram:user888'" in shown.stderr
    vq("collect", "--accept", "telegram:user888")
    (merged,) = tomllib.loads((home / "corrections.toml").read_text())["merge"]
    assert "telegram:user888" in merged
    assert "telegram:user777" not in merged


def test_a_source_can_be_left_out_by_its_name(tmp_path: Path, home: Path) -> None:
    asked = ("--source", whatsapp(tmp_path), "--me", "Robin")
    assert collected(*asked, "--exclude", "WhatsApp")["skipped"] == {"excluded": 4}
    assert collected(*asked, "--only", "telegram")["skipped"] == {"excluded": 4}
    assert collected(*asked, "--only", "whatsapp")["messages"] == 4
    called = whatsapp(tmp_path, CHAT.replace("Ann Lee", "Signal"), "WhatsApp Chat - Signal.zip")
    summary = collected("--source", called, "--exclude", "signal")
    assert summary["skipped"] == {"excluded": 4}
    assert any("not as the source signal" in text for text in summary["notes"])


def test_a_name_that_one_source_knows_may_be_left_out_of_all(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_NAME", "Robin")
    places = ("--chat-db", messages(tmp_path), "--source", whatsapp(tmp_path))
    shown = vq("collect", *places, "--exclude", "Nobody", code=1)
    assert "called 'Nobody'" in shown.stderr
    assert not home.exists()
    found = summaries(*places, "--exclude", "ann lee")
    assert [one["skipped"] for one in found] == [{}, {"excluded": 4}]


def test_status_counts_by_source(tmp_path: Path, home: Path) -> None:
    three(tmp_path)
    status = json.loads(vq("status", "--json").stdout)
    assert status["sources"] == {
        "whatsapp": {"conversations": 1, "messages": 4},
        "imessage": {"conversations": 1, "messages": 2},
        "telegram": {"conversations": 1, "messages": 2},
    }
    assert "WhatsApp" in vq("status").stdout


def test_a_source_can_be_left_out_of_training(tmp_path: Path, home: Path) -> None:
    three(tmp_path)
    vq("prepare")
    everything = query(home, "SELECT conversation_id, content FROM training_messages")
    vq("prepare", "--exclude-conversation", "WhatsApp")
    rest = query(home, "SELECT conversation_id, content FROM training_messages")
    assert len({conversation for conversation, _ in everything}) == 3
    assert {text for _, text in rest} == {"from Messages", "mine", "hello", "again"}


def test_who_was_forgotten_stays_so_in_every_source(tmp_path: Path, home: Path) -> None:
    three(tmp_path)
    vq("forget", "whatsapp:Ann Lee", "--yes")
    assert names(home) == {"Robin Vale", "Ann Lee", "Ann Lee (3)"}
    summary = collected("--source", whatsapp(tmp_path))
    assert summary["skipped"] == {"forgotten": 4}
    assert names(home) == {"Robin Vale", "Ann Lee", "Ann Lee (3)"}
    assert not any("whatsapp:Ann" in repr(row) for table, rows in dump(home).items() for row in rows)


@pytest.mark.parametrize(
    ("named", "split"),
    [
        ("whatsapp:chat.zip", ("whatsapp", "chat.zip")),
        ("WhatsApp:C:\\chats\\a.zip", ("whatsapp", "C:\\chats\\a.zip")),
        ("C:\\chats\\a.zip", (None, "C:\\chats\\a.zip")),
        ("imessage:chat.db", (None, "imessage:chat.db")),
        ("12:30 chat.txt", (None, "12:30 chat.txt")),
        ("signal", (None, "signal")),
        ("signal:", ("signal", "")),
    ],
)
def test_only_a_formats_name_before_a_colon_is_one(named: str, split: tuple[str | None, str]) -> None:
    assert split_name(named) == split


def test_every_format_is_an_application() -> None:
    assert set(FORMATS) == set(EXPORTS) == set(APPLICATIONS) - {MESSAGES}
    assert all(format.application == APPLICATIONS[name] for name, format in FORMATS.items())


@pytest.mark.parametrize(
    "handle", ["telegram:user777", "whatsapp:Ann Lee", "discord:12345", "whatsapp:Ann@Work (spam)"]
)
def test_an_applications_handle_is_a_persons_and_stays_as_it_is(handle: str) -> None:
    assert normalize(f" {handle}\0", "US") == handle
    assert not is_business(handle)
    assert not is_short_code(handle)


def test_what_holds_no_chat_is_two_lines_and_changes_nothing(tmp_path: Path, home: Path) -> None:
    (tmp_path / "notes.txt").write_text("Dear diary")
    (tmp_path / "bad.zip").write_bytes(b"PK\3\4 and no more")
    for place in ("notes.txt", "bad.zip", "nowhere", "."):
        shown = vq("collect", "--source", tmp_path / place, "--source", "telegram:", code=1)
        assert len(shown.stderr.splitlines()) == 2
        assert not home.exists()


def test_a_file_of_before_the_sources_is_all_messages(tmp_path: Path, home: Path) -> None:
    from ventriloquist.store.migrations import apply

    home.mkdir()
    with sqlite3.connect(home / "ventriloquist.db") as db:
        apply(db, stop_before="m007_sources")
        db.execute("INSERT INTO conversations VALUES (1, 'dm', NULL)")
    db.close()
    vq("status")
    assert query(home, "SELECT source FROM conversations") == [("imessage",)]


@pytest.mark.slow
def test_the_whole_way_from_a_whatsapp_zip_alone(tmp_path: Path, home: Path) -> None:
    lines = [
        f"[{1 + place // 40:02}.05.23, 10:{place % 40:02}:00] {('Ann Lee', 'Robin')[place % 2]}: line {place}\n"
        for place in range(400)
    ]
    path = whatsapp(tmp_path, "".join(lines))

    def run(*arguments: str, typed: str = "") -> str:
        command = [sys.executable, "-m", "ventriloquist", *arguments]
        done = subprocess.run(command, input=typed, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("collect", "--source", str(path), "--me", "Robin")
    run("prepare")
    run("train", "--model", "tiny", "--max-steps", "2")
    assert run("chat", "--as", "Ann Lee", "--seed", "1", typed="hello\n").strip()


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems take UTF-8 alone")
def test_a_folder_whose_name_is_not_utf8_is_collected_and_exported_from(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    history = [Sent("Ann Lee" if number % 2 else "Me", f"hello {number}", BEGIN + number) for number in range(30)]
    vq("collect", "--source", chat_exports.telegram(history, folder).parent, "--me", "Me")
    vq("collect", "--source", folder, "--me", "Me")
    assert vq("status").stdout
    vq("prepare")
    monkeypatch.chdir(folder)
    vq("export", "--output", "out")
    vq("export", "--output", "out")  # the recorded folder is read again
    vq("runs")
    vq("forget", "Ann Lee", "--yes")
