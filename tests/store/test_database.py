"""The one file: private, whole when closed, one run at a time, the newest schema."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations

from ventriloquist.errors import BusyError, NotReadyError, StorageError
from ventriloquist.layout import DATABASE
from ventriloquist.store import Run, migrations, open_database, recorded_run
from ventriloquist.store.migrations import MIGRATIONS, NAME


def test_nothing_is_made_before_the_first_collect(home: Path) -> None:
    with pytest.raises(NotReadyError), open_database(home):
        pass
    with pytest.raises(NotReadyError), recorded_run(home, "prepare"):
        pass
    assert not home.exists()


def test_the_file_is_private_and_whole_when_closed(home: Path) -> None:
    umask = os.umask(0)
    try:
        with recorded_run(home, "collect", create=True):
            pass
    finally:
        os.umask(umask)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert {file.name for file in home.iterdir()} == {"ventriloquist.db", "ventriloquist.lock"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in home.iterdir()} == {0o600}


def test_a_folder_that_is_everybodys_is_not_taken_from_them(home: Path) -> None:
    home.mkdir()
    home.chmod(0o1777)
    with pytest.raises(StorageError, match="everybody"), recorded_run(home, "collect", create=True):
        pass
    assert stat.S_IMODE(home.stat().st_mode) == 0o1777
    assert not (home / "ventriloquist.db").exists()


def mode_after_a_run(home: Path, mode: int) -> int:
    home.chmod(mode)
    with recorded_run(home, "collect", create=True):
        pass
    return stat.S_IMODE(home.stat().st_mode)


def test_a_folder_that_holds_other_things_keeps_its_mode(home: Path) -> None:
    home.mkdir()
    (home / "notes.txt").write_text("mine")
    assert mode_after_a_run(home, 0o755) == 0o755
    assert mode_after_a_run(home, 0o750) == 0o750  # the file in it does not make the folder ours
    assert stat.S_IMODE((home / "ventriloquist.db").stat().st_mode) == 0o600


@pytest.mark.parametrize("names", [(), (".env", "redact.txt"), ("ventriloquist.db",)])
def test_a_folder_that_holds_nothing_else_is_made_private(home: Path, names: tuple[str, ...]) -> None:
    home.mkdir()
    for name in names:
        (home / name).touch()
    assert mode_after_a_run(home, 0o755) == 0o700


def test_a_run_is_recorded_with_what_was_asked_and_what_came_of_it(home: Path) -> None:
    with recorded_run(home, "collect", {"source": "here"}, create=True) as run:
        run.result = {"messages": 3}
    with open_database(home) as db:
        row = _first(db, "SELECT * FROM runs")
    assert (row["command"], row["parameters"], row["result"]) == ("collect", '{"source": "here"}', '{"messages": 3}')
    assert row["finished_at"] >= row["started_at"] > 1_600_000_000_000


def test_a_run_that_fails_is_not_finished(home: Path) -> None:
    with pytest.raises(ZeroDivisionError), recorded_run(home, "collect", create=True):
        raise ZeroDivisionError
    with open_database(home) as db:
        assert _first(db, "SELECT finished_at, result FROM runs") == {"finished_at": None, "result": None}


@pytest.mark.parametrize("refusal", [StorageError("No room.", hint="Make some."), KeyboardInterrupt(), SystemExit(143)])
def test_a_run_that_did_nothing_is_not_recorded(home: Path, refusal: BaseException) -> None:
    with pytest.raises(type(refusal)), recorded_run(home, "collect", create=True):
        raise refusal
    with open_database(home) as db:
        assert db.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def test_a_run_that_was_stopped_after_it_had_begun_is_recorded_as_not_finished(home: Path) -> None:
    def stop(run: Run) -> None:
        run.begun = True
        raise StorageError("No room.", hint="Make some.")

    with pytest.raises(StorageError), recorded_run(home, "train", create=True) as run:
        stop(run)
    with open_database(home) as db:
        assert _first(db, "SELECT command, finished_at FROM runs") == {"command": "train", "finished_at": None}


def test_paths_inside_the_home_are_recorded_from_it(home: Path, tmp_path: Path) -> None:
    with recorded_run(home, "export", {"folder": str(home / "x"), "to": home / "y"}, create=True) as run:
        run.result = {"written": [str(home / "x" / "z"), str(tmp_path / "elsewhere")]}
    with open_database(home) as db:
        row = _first(db, "SELECT parameters, result FROM runs")
    assert json.loads(row["parameters"]) == {"folder": "x", "to": "y"}
    assert json.loads(row["result"]) == {"written": ["x/z", str(tmp_path / "elsewhere")]}


def test_a_second_run_at_once_is_turned_away(home: Path) -> None:
    with recorded_run(home, "collect", create=True), pytest.raises(BusyError), recorded_run(home, "prepare"):
        pass


def test_the_lock_dies_with_its_process(home: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from ventriloquist.store import recorded_run\n"
        "with recorded_run(Path(sys.argv[1]), 'collect', create=True): os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(home)], check=False).returncode == 9
    with recorded_run(home, "prepare") as run:
        assert run.id == 2


def test_reading_does_not_wait_for_who_writes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ventriloquist.store.connect.BUSY_TIMEOUT_MS", 60_000)
    with open_database(home, create=True), open_database(home) as writer:
        writer.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        with open_database(home) as reader:
            assert reader.execute("SELECT count(*) FROM people").fetchone() == (0,)
        assert time.monotonic() - started < 30  # not that it is quick, but that it did not wait
        writer.execute("ROLLBACK")


def test_something_else_in_its_place_is_named(home: Path) -> None:
    home.mkdir()
    (home / "ventriloquist.db").write_bytes(b"certainly no database" * 100)
    with pytest.raises(StorageError, match="not a database"), open_database(home):
        pass


def test_another_programs_tables_are_left_alone(home: Path) -> None:
    home.mkdir()
    connection = sqlite3.connect(home / "ventriloquist.db")
    connection.execute("CREATE TABLE people (id, shoe_size)")
    connection.commit()
    connection.close()
    with pytest.raises(StorageError, match="another program's tables"), open_database(home):
        pass


def _first(db: sqlite3.Connection, query: str) -> dict[str, object]:
    cursor = db.execute(query)
    return dict(zip([name for name, *_ in cursor.description], cursor.fetchone(), strict=True))


def test_the_schema_is_the_same_however_old_the_file_was(home: Path, tmp_path: Path) -> None:
    with open_database(home, create=True) as db:
        newest = _schema(db)
    for applied in range(len(MIGRATIONS)):
        old = sqlite3.connect(tmp_path / f"old-{applied}.db")
        _apply(old, applied)
        _apply(old, None)
        assert _schema(old) == newest
        old.close()


def test_sqlite_utils_finds_every_migration_of_a_new_file_recorded(home: Path) -> None:
    with open_database(home, create=True):
        pass
    ours = Migrations(NAME)
    for migration in MIGRATIONS:
        ours(name=migration.__name__)(lambda _db: pytest.fail("it is applied already"))
    database = Database(home / DATABASE)
    before = _schema(database.conn)
    assert ours.pending(database) == []
    ours.apply(database)
    assert _schema(database.conn) == before
    assert [row.name for row in ours.applied(database)] == [migration.__name__ for migration in MIGRATIONS]
    assert {datetime.fromisoformat(row.applied_at).tzinfo for row in ours.applied(database)} == {UTC}
    database.close()


def test_a_new_file_has_all_tables_or_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_db: sqlite3.Connection) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(migrations, "MIGRATIONS", (*MIGRATIONS[:2], fail))
        with pytest.raises(KeyboardInterrupt), open_database(home, create=True):
            pass
    with closing(sqlite3.connect(home / DATABASE)) as file:
        assert _schema(file) == []
    with open_database(home) as db:
        assert db.execute("SELECT count(*) FROM people").fetchone() == (0,)


def test_a_new_file_is_made_without_importing_sqlite_utils(home: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from ventriloquist.store import recorded_run\n"
        "with recorded_run(Path(sys.argv[1]), 'collect', create=True): pass\n"
        "print([name for name in ('sqlite_utils', 'numpy', 'pandas') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", script, str(home)], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


def _apply(connection: sqlite3.Connection, count: int | None) -> None:
    names = [migration.__name__ for migration in MIGRATIONS]
    migrations.apply(connection, stop_before=names[count] if count is not None and count < len(names) else None)


def _schema(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    return connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()
