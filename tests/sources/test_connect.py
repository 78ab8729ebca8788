"""Opening a live, protected or missing database: what is seen, what is said, and that no byte of it changes."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from apple import ChatDb

from ventriloquist.errors import NotReadyError, SourceError
from ventriloquist.sources import SOURCES
from ventriloquist.sources.imessage import private_copy as copies
from ventriloquist.sources.imessage.connect import open_untrusted
from ventriloquist.sources.imessage.permission import permission_error
from ventriloquist.store import recorded_run
from ventriloquist.store.temporary import sweep

CANNOT_OPEN = "unable to open database file"
DENIED = "authorization denied"


@pytest.fixture
def db(tmp_path: Path) -> ChatDb:
    db = ChatDb(tmp_path / "chat.db")
    chat = db.dm("+12505550111")
    for number in range(50):
        db.message(chat, 1_700_000_000_000 + number, f"message {number}")
    return db


def rows(path: Path) -> int:
    with SOURCES["chat-db"].open(path) as source:
        return sum(1 for _ in source.rows())


def state(folder: Path) -> dict[str, tuple[str, int]]:
    """Digest and time of change of the database and its -wal."""
    return {
        path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in folder.glob("chat.db*")
        if not path.name.endswith("-shm")  # belongs to the processes that have the database open
    }


def failure(path: Path) -> SourceError:
    with pytest.raises(SourceError) as caught, SOURCES["chat-db"].open(path) as source:
        list(source.rows())
    assert "\n" not in caught.value.what + caught.value.hint
    return caught.value


def test_rows_that_are_only_in_the_wal_are_seen(db: ChatDb) -> None:
    assert Path(f"{db.path}-wal").stat().st_size > 0
    assert rows(db.path) == 50


def test_the_database_and_its_wal_stay_as_they_are(db: ChatDb) -> None:
    before = state(db.path.parent)
    rows(db.path)
    assert state(db.path.parent) == before
    assert len(before) == 2


def test_nothing_is_left_beside_a_database_that_nobody_has_open(db: ChatDb) -> None:
    path = db.close()
    assert [file.name for file in path.parent.glob("chat.db*")] == ["chat.db"]
    assert rows(path) == 50
    assert [file.name for file in path.parent.glob("chat.db*")] == ["chat.db"]


def test_a_quiet_database_that_changes_while_it_is_read_is_not_believed(db: ChatDb) -> None:
    path = db.close()
    with SOURCES["chat-db"].open(path) as source:
        reading = source.rows()
        next(reading)
        connection = sqlite3.connect(path)
        connection.execute("UPDATE message SET text = 'something else'")
        connection.commit()
        connection.close()
        with pytest.raises(SourceError, match="was changed while it was read"):
            list(reading)


def test_a_wal_whose_writer_is_gone_stays_as_it_is(db: ChatDb, tmp_path: Path) -> None:
    orphan = tmp_path / "orphan"
    orphan.mkdir()
    for name in ("chat.db", "chat.db-wal"):
        (orphan / name).write_bytes((tmp_path / name).read_bytes())
    before = state(orphan)
    assert rows(orphan / "chat.db") == 50
    assert state(orphan) == before


def test_rows_written_meanwhile_are_not_seen_and_do_not_disturb(db: ChatDb) -> None:
    with SOURCES["chat-db"].open(db.path) as source:
        reading = source.rows()
        next(reading)
        chat = db.dm("+12505550112")
        for number in range(10):
            db.message(chat, 1_700_000_100_000 + number, "while it is read")
        assert sum(1 for _ in reading) == 49
        assert source.total == 50
    assert rows(db.path) == 60


@pytest.mark.parametrize("name", ["a b.db", "50%20off?.db", "#1 & ?mode=rwc.db", "ünï.db"])
def test_any_file_name_will_do(db: ChatDb, tmp_path: Path, name: str) -> None:
    path = db.close().rename(tmp_path / name)
    assert rows(path) == 50


def test_a_missing_file_says_where_it_would_be(tmp_path: Path) -> None:
    error = failure(tmp_path / "no" / "chat.db")
    assert str(tmp_path / "no" / "chat.db") in error.what
    assert "--chat-db" in error.hint
    assert "--backup" in error.hint


def test_a_folder_is_not_a_database(tmp_path: Path) -> None:
    assert "is a folder" in failure(tmp_path).what


@pytest.mark.parametrize("content", [b"", b"Dear diary", b"SQLite format 4\x00" + bytes(4096), b"\x00" * 5000])
def test_anything_else_is_not_a_database(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "diary.txt"
    path.write_bytes(content)
    assert "is not an SQLite database" in failure(path).what
    assert path.read_bytes() == content


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is not an SQLite database" in failure(tmp_path / "pipe").what


@pytest.mark.parametrize("suffix", ["-wal", "-journal", "-shm"])
def test_a_pipe_beside_a_database_is_not_waited_for(db: ChatDb, suffix: str) -> None:
    path = db.close()
    os.mkfifo(f"{path}{suffix}")
    assert "is not an SQLite database" in failure(path).what


def test_a_device_is_not_read_without_end(tmp_path: Path) -> None:
    (tmp_path / "chat.db").symlink_to("/dev/zero")
    assert "is not an SQLite database" in failure(tmp_path / "chat.db").what


def test_another_programs_database_is_not_messages(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, body TEXT)")
    connection.close()
    assert "not of Messages" in failure(path).what


def test_a_file_that_was_cut_off_is_damaged(db: ChatDb) -> None:
    path = db.close()
    path.write_bytes(path.read_bytes()[:20_000])
    assert "is damaged" in failure(path).what


def test_a_write_that_was_cut_off_in_the_middle_is_not_read_as_it_is(db: ChatDb, tmp_path: Path) -> None:
    path = db.close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA cache_size = 1")  # so that pages are written before the end
    connection.execute("BEGIN")
    connection.execute("UPDATE message SET subject = hex(zeroblob(20000))")
    torn = tmp_path / "torn"
    torn.mkdir()
    for name in ("chat.db", "chat.db-journal"):
        shutil.copyfile(tmp_path / name, torn / name)
    connection.execute("ROLLBACK")
    connection.close()
    assert (torn / "chat.db").read_bytes() != path.read_bytes()
    assert "is damaged" in failure(torn / "chat.db").what


def fail_at_open(_connection: type[sqlite3.Connection]) -> Callable[..., sqlite3.Connection]:
    def connect(*_: object, **__: object) -> sqlite3.Connection:
        raise sqlite3.OperationalError(CANNOT_OPEN)

    return connect


def fail_at_first_query(_connection: type[sqlite3.Connection]) -> Callable[..., sqlite3.Connection]:
    class Denied(sqlite3.Connection):
        def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
            if sql.startswith("SELECT"):
                raise sqlite3.DatabaseError(DENIED)
            return super().execute(sql, *parameters)  # type: ignore[arg-type]

    return Denied


@pytest.mark.parametrize("failing", [fail_at_open, fail_at_first_query])
@pytest.mark.parametrize("terminal", ["Apple_Terminal", "iTerm.app", "Strange.app", None])
def test_without_full_disk_access_it_says_what_to_allow(
    db: ChatDb, monkeypatch: pytest.MonkeyPatch, failing: Callable[..., object], terminal: str | None
) -> None:
    monkeypatch.setattr(sqlite3, "connect", failing(sqlite3.Connection))
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delenv("TERM_PROGRAM", raising=False)
    if terminal:
        monkeypatch.setenv("TERM_PROGRAM", terminal)

    error = failure(db.path)

    assert str(db.path) in error.what
    assert "System Settings > Privacy & Security > Full Disk Access" in error.hint
    assert os.path.realpath(sys.executable) in error.hint
    shown = {"Apple_Terminal": "Terminal", "iTerm.app": "iTerm", "Strange.app": "Strange", None: "your terminal"}[
        terminal
    ]
    assert f"Allow {shown} in" in error.hint
    assert f"restart {shown}" in error.hint


def test_elsewhere_than_on_a_mac_it_says_to_look_at_the_permissions_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    error = permission_error(tmp_path / "chat.db", "Permission denied")
    assert error.hint.startswith("Check its permissions: ls -l")
    assert "On a Mac, allow" in error.hint


@pytest.fixture
def nobody() -> Iterator[None]:
    """Be a user whom permissions apply to."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    yield
    os.seteuid(0)


@pytest.mark.usefixtures("nobody")
def test_a_file_that_may_not_be_read_says_so() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chat.db"
        path.touch(mode=0)
        error = failure(path)
    assert "may not be read: Permission denied." in error.what


class Interrupted:
    """A connect that fails for the original and works for a copy, as where the -wal may not be locked."""

    def __init__(self, original: Path) -> None:
        self.original = original
        self.connect = sqlite3.connect
        self.copied_to: list[Path] = []

    def __call__(self, address: str, **options: object) -> sqlite3.Connection:
        if self.original.as_uri() in address:
            raise sqlite3.OperationalError(CANNOT_OPEN)
        self.copied_to.append(Path(address.removeprefix("file://").partition("?")[0]))
        return self.connect(address, **options)  # type: ignore[call-overload, no-any-return]


def test_where_locking_fails_a_private_copy_is_read_and_removed(db: ChatDb, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = Interrupted(db.path)
    monkeypatch.setattr(sqlite3, "connect", connect)
    before = state(db.path.parent)
    with SOURCES["chat-db"].open(db.path) as source:
        (copy,) = connect.copied_to
        assert copy.parent.stat().st_mode & 0o777 == 0o700
        assert sum(1 for _ in source.rows()) == 50  # those in the -wal too
    assert not copy.parent.exists()
    assert state(db.path.parent) == before


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
def test_the_copy_is_removed_however_it_ends(
    db: ChatDb, monkeypatch: pytest.MonkeyPatch, ending: type[BaseException]
) -> None:
    connect = Interrupted(db.path)
    monkeypatch.setattr(sqlite3, "connect", connect)
    with pytest.raises(ending), SOURCES["chat-db"].open(db.path):
        raise ending
    assert not connect.copied_to[0].parent.exists()


def left_by_a_killed_process(db: ChatDb, home: Path) -> Path:
    script = (
        "import os, signal, sys; from pathlib import Path; from ventriloquist.sources.imessage.private_copy import *\n"
        "with private_copy(Path(sys.argv[1]), Path(sys.argv[2])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(db.path), str(home)], check=False)
    (left,) = (home / "temporary").iterdir()
    assert (left / "copy.db").exists()
    assert {path.stat().st_mode & 0o777 for path in (home, left.parent, left)} == {0o700}
    return left


def test_a_copy_that_a_killed_process_left_goes_with_the_next_run(db: ChatDb, home: Path) -> None:
    left = left_by_a_killed_process(db, home)
    with copies.private_copy(db.path, home) as one, copies.private_copy(db.path, home) as two:
        sweep(home)
        assert not left.exists()
        assert one.exists()
        assert two.exists()
    assert list(home.iterdir()) == []


def test_a_copy_that_a_killed_process_left_goes_with_a_forget(db: ChatDb, home: Path) -> None:
    left_by_a_killed_process(db, home)
    with pytest.raises(NotReadyError), recorded_run(home, "forget"):
        pass
    assert list(home.iterdir()) == []


def test_a_copy_is_not_swept_from_under_a_process_that_reads_it(db: ChatDb, home: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from ventriloquist.sources.imessage.private_copy import *\n"
        "with private_copy(Path(sys.argv[1]), Path(sys.argv[2])) as copy:\n"
        "    print(copy, flush=True); input(); print(copy.exists())"
    )
    command = [sys.executable, "-c", script, str(db.path), str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        copy = Path(reader.stdout.readline().strip())
        sweep(home)
        assert copy.exists()
        assert reader.communicate("\n")[0] == "True\n"
    assert not home.exists()


def test_what_is_not_ours_among_the_copies_is_not_removed(home: Path) -> None:
    (home / "temporary").mkdir(parents=True)
    (home / "temporary" / "notes.txt").write_text("mine")
    (home / "temporary" / "drafts").mkdir()
    (home / "temporary" / "drafts" / "letter.txt").write_text("mine")
    sweep(home)
    assert (home / "temporary" / "notes.txt").read_text() == "mine"
    assert [path.name for path in (home / "temporary" / "drafts").iterdir()] == ["letter.txt"]


def test_a_folder_whose_process_was_killed_before_it_could_lock_is_removed(home: Path) -> None:
    (home / "temporary" / "tmp1").mkdir(parents=True)
    sweep(home)
    assert list(home.iterdir()) == []


def test_a_private_copy_is_made_in_the_home_that_is_given(
    db: ChatDb, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "connect", connect := Interrupted(db.path))
    with SOURCES["chat-db"].open(db.path, home=tmp_path / "other"):
        assert connect.copied_to[0].is_relative_to(tmp_path / "other")
    assert not home.exists()


def test_a_copy_waits_for_a_moment_without_changes(db: ChatDb, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = db.dm("+12505550112")
    copy_file = shutil.copyfile
    writes = iter(range(2))

    def copy_while_it_is_written(source: Path, target: Path) -> None:
        copy_file(source, target)
        if next(writes, None) is not None:
            db.message(chat, 1_700_000_200_000, "meanwhile")

    monkeypatch.setattr(shutil, "copyfile", copy_while_it_is_written)
    with copies.private_copy(db.path, home) as copy, open_untrusted(copy) as reading:
        assert reading.connection.execute("SELECT count(*) FROM message").fetchone() == (52,)


def test_no_space_for_a_copy_says_so(db: ChatDb, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "SPARE_BYTES", 1 << 60)
    with pytest.raises(SourceError, match=r"needs .* MB") as caught, copies.private_copy(db.path, home):
        pass
    assert "VQ_HOME" in caught.value.hint


def test_a_database_in_a_folder_that_cannot_be_written_to_is_read(db: ChatDb, tmp_path: Path) -> None:
    db.close()
    folder = tmp_path / "read-only"
    folder.mkdir()
    (folder / "chat.db").write_bytes(db.path.read_bytes())
    folder.chmod(0o555)
    try:
        assert rows(folder / "chat.db") == 50
        assert [path.name for path in folder.iterdir()] == ["chat.db"]
    finally:
        folder.chmod(0o755)
