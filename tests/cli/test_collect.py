"""`vq collect` as a user runs it: what goes wrong is two lines and changes nothing, and it can be stopped."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from apple import ChatDb, MacCard, write_address_book
from collected import collect_into, dump
from typer.testing import CliRunner, Result

from ventriloquist.cli.app import app
from ventriloquist.sources import SOURCES
from ventriloquist.store import recorded_run, transaction

ANN = "+12505550111"


def chat_db(path: Path, messages: int = 3) -> Path:
    db = ChatDb(path)
    chat = db.dm(ANN)
    db.connection.execute("BEGIN")
    for number in range(messages):
        db.message(chat, 1_700_000_000_000 + number, f"message {number}", sender=ANN)
    db.connection.execute("COMMIT")
    return db.close()


def vq(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def files(folder: Path) -> dict[str, str]:
    """Return every file below a folder with its digest."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.stat().st_mode & 0o400
    }


def missing(folder: Path) -> list[object]:
    return ["--chat-db", folder / "nowhere" / "chat.db"]


def no_database(folder: Path) -> list[object]:
    (folder / "notes.txt").write_text("Dear diary, " * 1000)
    return ["--chat-db", folder / "notes.txt"]


def a_folder(folder: Path) -> list[object]:
    return ["--chat-db", folder]


def damaged(folder: Path) -> list[object]:
    path = chat_db(folder / "chat.db", 2000)
    path.write_bytes(path.read_bytes()[:50_000])
    return ["--chat-db", path]


def nobodys(folder: Path) -> list[object]:
    return ["--chat-db", chat_db(folder / "chat.db")]


def unknown_name(folder: Path) -> list[object]:
    contacts = write_address_book(folder / "contacts", [MacCard("Robin", "Vale", [], is_me=True)])
    return ["--chat-db", chat_db(folder / "chat.db"), "--contacts", contacts, "--exclude", "Anne Shirley"]


def no_contacts(folder: Path) -> list[object]:
    return ["--chat-db", chat_db(folder / "chat.db"), "--contacts", folder]


def no_backup(folder: Path) -> list[object]:
    return ["--backup", folder / "nowhere"]


BAD = {
    missing: ("There is no database of messages", "--chat-db FILE"),
    no_database: ("is not an SQLite database", "--chat-db"),
    a_folder: ("is a folder", "chat.db"),
    damaged: ("is damaged", "fresh copy"),
    nobodys: ("Your own name is not known", "MY_NAME"),
    unknown_name: ("No person, conversation or source is called 'Anne Shirley'", "Known names: '+1"),
    no_contacts: ("There are no contacts", "--contacts"),
    no_backup: ("There is no backup", "MobileSync"),
}


@pytest.mark.parametrize(
    ("bad", "collected_before"),
    [(bad, before) for bad in BAD for before in (False, True) if bad is not nobodys or not before],  # the file knows
)
def test_bad_input_is_two_lines_and_changes_nothing(
    tmp_path: Path, home: Path, bad: Callable[[Path], list[object]], collected_before: bool
) -> None:
    if collected_before:
        collect_into(home, chat_db(tmp_path / "before.db"), my_name="Robin")
    place = tmp_path / "place"
    place.mkdir()
    arguments = bad(place)
    before = files(tmp_path)
    result = vq("collect", *arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    what, hint = result.stderr.splitlines()
    assert BAD[bad][0] in what
    assert BAD[bad][1] in hint
    assert files(tmp_path) == before
    assert home.exists() is collected_before


@pytest.mark.parametrize("system", ["linux", "win32"])
def test_without_a_source_another_system_than_a_mac_is_told_what_to_give(
    system: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setenv("HOME", str(tmp_path))
    result = vq("collect")
    assert result.exit_code == 1
    what, hint = result.stderr.splitlines()
    assert "This is not a Mac" in what
    assert all(option in hint for option in ("--source", "--chat-db", "--backup"))
    assert not home.exists()


def test_a_source_that_is_misspelt_is_suggested(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_NAME", "Robin")
    result = vq("collect", "--chat-db", chat_db(tmp_path / "chat.db"), "--exclude", "whatsap")
    assert "Did you mean 'whatsapp'?" in result.stderr


def test_a_second_collect_at_once_is_told_so_at_once(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = chat_db(tmp_path / "chat.db")
    monkeypatch.setenv("MY_NAME", "Robin")
    collect_into(home, path, my_name="Robin")
    with recorded_run(home, "collect", create=True) as run, transaction(run.db):
        run.db.execute("DELETE FROM skipped")  # it is writing
        begin = time.monotonic()
        result = vq("collect", "--chat-db", path, "--exclude", ANN)
        assert time.monotonic() - begin < 5  # a lock of the database would be waited for, ten seconds
    assert result.exit_code == 1
    what, hint = result.stderr.splitlines()
    assert "Another vq run is using" in what
    assert "Wait until it ends" in hint


def test_days_the_wrong_way_round_are_wrong_usage(tmp_path: Path, home: Path) -> None:
    days = ("--since", "2024-05-02", "--until", "2024-05-01")
    result = vq("collect", "--chat-db", chat_db(tmp_path / "chat.db"), *days)
    assert result.exit_code == 2
    assert not home.exists()


@pytest.mark.parametrize("option", ["--since", "--until"])
@pytest.mark.parametrize("text", ["2024-13-01", "yesterday", "2024-06", ""])
def test_what_is_no_date_is_answered_with_one(option: str, text: str, tmp_path: Path, home: Path) -> None:
    result = vq("collect", "--chat-db", chat_db(tmp_path / "chat.db"), option, text)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"Error: {option} {text!r} is not a date.",
        f"Write it like: {option} 2024-03-15",
    ]
    assert not home.exists()


STOPPED = """
import os
from contextlib import contextmanager
from ventriloquist.cli import app, collect

@contextmanager
def progress(_):  # nobody sees the bar, but it knows when half is done
    yield lambda done, total: os.kill(os.getpid(), int(os.environ["SENT"])) if done == total // 2 else None

collect.progress = progress
app.main()
"""


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_collect_that_is_stopped_leaves_the_file_as_it_was(
    tmp_path: Path, home: Path, sent: signal.Signals, code: int
) -> None:
    collect_into(home, chat_db(tmp_path / "first.db"), my_name="Robin")
    before = dump(home)
    path = chat_db(tmp_path / "chat.db", 6_000)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", STOPPED, "collect", "--chat-db", str(path)],
        env=os.environ | {"TMPDIR": str(temporary), "SENT": str(int(sent))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert dump(home) == before
    assert list(temporary.iterdir()) == []
    assert collect_into(home, path, my_name="Robin").messages == 6_000


def test_who_was_left_ambiguous_is_shown(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_NAME", "Robin")
    both = "+12505550120"
    db = ChatDb(tmp_path / "chat.db")
    for handle in (ANN, both, "ann@example.com"):
        db.message(db.dm(handle), 1_700_000_000_000, "hi", sender=handle)
    cards = [MacCard("Ann", "Lee", [ANN, both]), MacCard("Ann", None, [ANN], ["ann@example.com"])]
    contacts = write_address_book(tmp_path / "contacts", [*cards, MacCard("Bob", "Ray", [both])])
    assert vq("collect", "--chat-db", db.close(), "--contacts", contacts).exit_code == 0
    shown = vq("status", "--people").stdout
    (ann,) = (line for line in shown.splitlines() if line.strip().startswith("Ann Lee"))
    assert ANN in ann
    assert "ann@example.com" in ann
    assert "cards: Ann Lee, Ann" in ann
    (shared,) = (line for line in shown.splitlines() if "nobody's" in line)
    assert both in shared
    assert "Ann Lee, Bob Ray" in shared


def test_a_collect_says_what_comes_next_of_what_it_found(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_NAME", "Robin")
    path = chat_db(tmp_path / "chat.db", 60)
    contacts = write_address_book(tmp_path / "contacts", [MacCard("Ann", None, [ANN])])
    assert "Next: vq prepare" in vq("collect", "--chat-db", path).stderr
    again = vq("collect", "--chat-db", path).stderr
    assert "Nothing new" in again
    assert "Next: vq prepare" in again  # of what the first one found
    assert vq("prepare").exit_code == 0
    assert "Next: vq train" in vq("collect", "--chat-db", path).stderr
    assert "Next: vq train" in vq("status").stderr
    named = vq("collect", "--chat-db", path, "--contacts", contacts).stderr  # a name is in every line
    assert "Next: vq prepare" in named
    assert "Nothing new" not in named
    assert "Next: vq prepare" in vq("status").stderr


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE message SET is_spam = 1",
        "UPDATE message SET date = date + 1000000000000",
        "DELETE FROM message WHERE ROWID = 1",
        "UPDATE chat SET display_name = 'A title', style = 43",
    ],
)
def test_only_what_is_new_is_to_be_prepared(
    statement: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_NAME", "Robin")
    path = chat_db(tmp_path / "chat.db", 60)
    assert vq("collect", "--chat-db", path).exit_code == 0
    with sqlite3.connect(path) as connection:
        for name in [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
    connection.close()
    is_kept = statement.startswith("DELETE")  # what a source no longer has stays
    assert ("Nothing new" in vq("collect", "--chat-db", path).stderr) is is_kept


def test_nothing_collected_sends_on_to_nothing(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_NAME", "Robin")
    assert "Next:" not in vq("collect", "--chat-db", chat_db(tmp_path / "chat.db", 0)).stderr


def test_without_contacts_it_says_that_names_are_missing_and_how_to_give_them(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_NAME", "Robin")
    path = chat_db(tmp_path / "chat.db")
    contacts = write_address_book(tmp_path / "contacts", [MacCard("Ann", None, [ANN])])
    (line,) = (line for line in vq("collect", "--chat-db", path).stderr.splitlines() if "Names are missing" in line)
    assert "--contacts DIR" in line
    assert "Names are missing" not in vq("collect", "--chat-db", path, "--contacts", contacts).stderr
    assert "Names are missing" not in vq("collect", "--chat-db", path).stderr  # the file remembers


def test_two_messages_under_one_guid_are_told_of(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_NAME", "Robin")
    path = chat_db(tmp_path / "chat.db")
    with sqlite3.connect(path) as connection:
        copied = "'ONE' AS guid, text, attributedBody, date, is_from_me, handle_id"
        connection.execute(f"CREATE TABLE copy AS SELECT {copied} FROM message")
        connection.execute("DROP TABLE message")
        connection.execute("ALTER TABLE copy RENAME TO message")
    connection.close()
    what, hint = vq("collect", "--chat-db", path).stderr.splitlines()
    assert "holds two messages with the same guid" in what
    assert "one after the other" in hint
    assert "--chat-db chat.db" not in hint


def test_a_home_among_other_things_is_left_open_and_said_to_be(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_NAME", "Robin")
    home.mkdir()
    (home / "notes.txt").write_text("mine")
    home.chmod(0o755)
    result = vq("collect", "--chat-db", chat_db(tmp_path / "chat.db"))
    assert result.exit_code == 0
    assert f"chmod 700 '{home}'" in result.stderr
    assert home.stat().st_mode & 0o777 == 0o755
    assert "chmod 700" in vq("status").stderr
    home.chmod(0o700)
    assert "chmod 700" not in vq("status").stderr


def test_every_source_has_an_option_in_the_help() -> None:
    shown = vq("collect", "--help").output
    for kind in SOURCES.values():
        assert f"{kind.option} " in shown


def test_a_mac_and_a_backup_are_collected_one_after_the_other_or_not_at_all(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_NAME", "Robin")
    result = vq("collect", "--chat-db", chat_db(tmp_path / "chat.db"), "--backup", tmp_path / "nowhere")
    assert result.exit_code == 1
    assert "There is no backup" in result.stderr
    assert not home.exists()
