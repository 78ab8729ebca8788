"""A file that is damaged, another program's, or made by a newer vq: two lines say so, and nothing is written."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import damage
import pytest
from file_builder import chat, filled
from typer.testing import CliRunner, Result

from ventriloquist.cli.app import app
from ventriloquist.errors import StorageError
from ventriloquist.store import open_database
from ventriloquist.store.people import load_evidence

COMMANDS = (
    ["status"],
    ["status", "--people"],
    ["export", "--output", "-"],
    ["prepare"],
    ["forget", "Sam", "--yes"],
    ["chat", "--as", "Sam", "--endpoint", "http://127.0.0.1:9"],
)
WORD = "zanzibarquux"


def vq(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def file(home: Path) -> Path:
    with filled(home, [chat(*(f"{WORD} {number}" for number in range(40)))]):
        pass
    assert vq("prepare").exit_code == 0
    return home / "ventriloquist.db"


def execute(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def set_value(file: Path, table: str, column: str, value: object) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        damage.set_value(connection, table, column, value, "rowid = 1")


def refusal(*arguments: str) -> tuple[str, str]:
    """Return the two lines of a command that is refused."""
    result = vq(*arguments)
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 1
    what, hint = result.stderr.splitlines()
    assert WORD not in result.stderr
    return what, hint


def test_a_file_of_a_newer_version_is_left_as_it_is(file: Path) -> None:
    execute(
        file,
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('ventriloquist', 'm900_voices', '')",
        "PRAGMA journal_mode = DELETE",
    )
    before = file.read_bytes(), file.stat().st_mtime_ns
    for command in COMMANDS:
        what, hint = refusal(*command)
        assert "was made by a newer vq" in what
        assert "m900_voices" in what
        assert "Install the newest vq" in hint
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before


def test_a_file_of_a_newer_version_is_not_started_over(file: Path, tmp_path: Path) -> None:
    db = damage.ChatDb(tmp_path / "chat.db")
    db.message(db.dm("+12505550111"), 1_700_000_000_000, "hi", sender="+12505550111")
    path = db.close()
    execute(file, "UPDATE _sqlite_migrations SET name = 'm900_voices' WHERE name LIKE 'm001%'")
    before = file.read_bytes()
    for options in ([], ["--replace"]):
        assert "newer vq" in refusal("collect", "--chat-db", str(path), *options)[0]
    assert file.read_bytes() == before


def test_another_programs_database_gets_no_tables_of_ours(home: Path) -> None:
    home.mkdir()
    file = home / "ventriloquist.db"
    execute(file, "CREATE TABLE message (id INTEGER PRIMARY KEY, text TEXT)")
    before = file.read_bytes()
    for command in COMMANDS:
        assert "another program's tables" in refusal(*command)[0]
    assert file.read_bytes() == before


DAMAGE: dict[str, Callable[[Path], None]] = {
    "a table is missing": lambda file: execute(file, "DROP TABLE text_messages"),
    "a view is missing": lambda file: execute(file, "DROP VIEW rendered_windows"),
    "an index is missing": lambda file: execute(file, "DROP INDEX text_messages_guid"),
    "a column is missing": lambda file: execute(file, "ALTER TABLE text_messages RENAME COLUMN text TO body"),
    "a column has another type": lambda file: execute(
        file,
        "DROP TABLE reactions",
        "CREATE TABLE reactions (guid INTEGER, target_guid, person_id, kind, emoji, sent_at)",
    ),
    "the record of migrations is missing": lambda file: execute(file, "DROP TABLE _sqlite_migrations"),
    "the record of migrations is empty": lambda file: execute(file, "DELETE FROM _sqlite_migrations"),
    "pages are zero": lambda file: file.write_bytes(
        file.read_bytes()[:4096] + bytes(12 * 4096) + file.read_bytes()[13 * 4096 :]
    ),
    "its header says another format": lambda file: file.write_bytes(
        file.read_bytes()[:44] + b"\x00\x00\x00\x63" + file.read_bytes()[48:]
    ),
    "it is cut off": lambda file: file.write_bytes(file.read_bytes()[: 5 * 4096]),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_file_that_lacks_something_is_called_damaged(file: Path, how: str) -> None:
    DAMAGE[how](file)
    for command in COMMANDS:
        assert "is damaged" in refusal(*command)[0]


@pytest.mark.parametrize(
    ("table", "column", "value", "command"),
    [
        ("people", "name", b"\xff", ["prepare"]),
        ("text_messages", "sent_at", "yesterday", ["prepare"]),
        ("text_messages", "text", damage.BAD_TEXT, ["prepare"]),
        ("text_messages", "text", b"\x00\x01", ["prepare"]),
        ("runs", "started_at", "yesterday", ["status"]),
        ("runs", "started_at", 2**62, ["status"]),
        ("runs", "parameters", "{", ["forget", "Sam", "--yes"]),
        ("training_messages", "line", None, ["export", "--output", "-"]),
        ("training_messages", "line", b"\xff", ["export", "--output", "-"]),
        ("training_messages", "line", damage.BAD_TEXT, ["export", "--output", "-"]),
        ("training_messages", "position", "first", ["export", "--output", "-"]),
        ("training_conversations", "members", "{", ["chat", "--as", "Sam", "--endpoint", "http://127.0.0.1:9"]),
    ],
)
def test_a_value_of_another_kind_is_damage_not_a_traceback(
    file: Path, table: str, column: str, value: object, command: list[str]
) -> None:
    set_value(file, table, column, value)
    assert "is damaged" in refusal(*command)[0]


@pytest.mark.parametrize("value", [None, b"x", damage.BAD_TEXT])
def test_prepared_lines_that_are_damaged_are_made_anew_by_what_the_hint_says(file: Path, value: object) -> None:
    set_value(file, "training_messages", "line", value)
    assert refusal("export", "--output", "-")[1] == "Run: vq prepare"
    assert vq("prepare").exit_code == 0
    assert vq("export", "--output", "-").exit_code == 0


def index_beyond_its_table(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        damage.without_index(connection, "text_messages_order", "DELETE FROM text_messages WHERE id > 20")


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the hint is a command of SQLite's own program")
def test_an_index_that_points_beyond_its_table_is_mended_by_what_the_hint_says(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VQ_HOME", str(tmp_path / "Application Support"))
    file = file.parent.rename(tmp_path / "Application Support") / file.name
    index_beyond_its_table(file)
    what, hint = refusal("prepare")
    assert "is damaged" in what
    command = hint.partition("read: ")[2].partition(", then ")[0]
    subprocess.run(command, shell=True, check=True, cwd=tmp_path, capture_output=True)
    Path(f"{file}.new").replace(file)
    assert vq("prepare").exit_code == 0
    assert vq("status").exit_code == 0


def test_a_bug_keeps_its_traceback(file: Path) -> None:
    for bug in (ZeroDivisionError, KeyError, sqlite3.IntegrityError, StopIteration):
        with pytest.raises((bug, RuntimeError)), open_database(file.parent):
            raise bug
    with pytest.raises(sqlite3.OperationalError, match="syntax error"), open_database(file.parent) as db:
        db.execute("SELEKT 1")


def test_a_device_in_the_place_of_the_file_is_left_alone(home: Path) -> None:
    home.mkdir()
    (home / "ventriloquist.db").symlink_to("/dev/zero")
    with pytest.raises(StorageError, match="cannot be used"), open_database(home):
        pass


def test_damaged_files_end_no_command_in_a_traceback(tmp_path: Path) -> None:
    tried = list(damage.run_on_damaged_files(25, tmp_path))
    assert [one for one in tried if one.failure] == []
    assert {one.code for one in tried} == {0, 1}


@pytest.mark.parametrize("value", ["{", "5", "null"])
def test_lookups_of_another_kind_are_damage(file: Path, value: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE chats SET lookups = ?", (value,))
        if not connection.execute("SELECT 1 FROM chats").fetchone():
            row = ("iMessage;-;x", "dm", "[]", 0, value)
            connection.execute(
                "INSERT INTO chats (guid, type, handles, newest_at, lookups) VALUES (?, ?, ?, ?, ?)", row
            )
    with pytest.raises(StorageError, match="lookups that are not a list"), open_database(file.parent) as db:
        load_evidence(db)
