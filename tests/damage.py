"""Our own file damaged in every way, and every light command run on it: two lines at worst, no traceback, no hang.

    python tests/damage.py --files 2000

Prints how many commands went well, how many were refused, and the longest that one took.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from apple import ChatDb, write_address_book
from apple_cases import CARDS, write_cases
from collected import collect_into
from exported import export
from hostile import mutate_file
from stages import prepare
from typer.testing import CliRunner

from ventriloquist import forget, search
from ventriloquist.cli.app import app
from ventriloquist.export import ExportOptions
from ventriloquist.layout import DATABASE
from ventriloquist.prepare import PrepareOptions
from ventriloquist.store import open_database, recorded_run

SECONDS = 10.0  # for one command
VALUES = (
    *(None, "", "x", "{}", "[]", "[1]", "null", "5", '{"a": [null]}', '"', "\u0000", "2024-13-40", "\ud7ff" * 3),
    *(0, -1, 5, 2**40, 2**62, -(2**63), 1.5, float("inf"), b"", b"\xff\xfe", b"x" * 5000),
)  # fmt: skip
BAD_TEXT = "CAST(x'fffe41' AS TEXT)"  # not UTF-8

Damage = Callable[[sqlite3.Connection, random.Random], None]


def tables(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]


def set_value(connection: sqlite3.Connection, table: str, column: str, value: object, where: str = "1") -> None:
    """Set a column past its constraints, as a damaged page would."""
    sql = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    write_schema(connection, table, sql.replace("NOT NULL", ""))
    connection.execute("PRAGMA ignore_check_constraints = 1")
    is_bad = value is BAD_TEXT
    connection.execute(
        f"UPDATE OR REPLACE {table} SET {column} = {BAD_TEXT if is_bad else '?'} WHERE {where}",
        () if is_bad else (value,),
    )
    write_schema(connection, table, sql)


def write_schema(connection: sqlite3.Connection, name: str, sql: str | None) -> None:
    connection.execute("PRAGMA writable_schema = 1")
    connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (sql, name))
    (version,) = connection.execute("PRAGMA schema_version").fetchone()
    connection.execute(f"PRAGMA schema_version = {version + 1}")
    connection.execute("PRAGMA writable_schema = RESET")


def wrong_value(connection: sqlite3.Connection, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 3)):
        table = rng.choice(tables(connection))
        column = rng.choice(columns(connection, table))
        where = rng.choice(("1", "abs(random()) % 2", "abs(random()) % 10 = 0"))
        set_value(connection, table, column, rng.choice((*VALUES, BAD_TEXT)), where)


def dropped(connection: sqlite3.Connection, rng: random.Random) -> None:
    found = connection.execute("SELECT type, name FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    for type, name in rng.sample(found, rng.randint(1, 2)):
        connection.execute(f"DROP {type} {name}")


def changed_column(connection: sqlite3.Connection, rng: random.Random) -> None:
    table = rng.choice(tables(connection))
    column = rng.choice(columns(connection, table))
    sql = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    kind = rng.randrange(3)
    try:
        if kind == 0:
            connection.execute(f"ALTER TABLE {table} RENAME COLUMN {column} TO other")
        elif kind == 1:
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        else:
            write_schema(connection, table, sql.replace(*rng.choice((("INTEGER", "TEXT"), ("TEXT", "BLOB")))))
    except sqlite3.OperationalError:  # of a key, or of a view's
        dropped(connection, rng)


def without_index(connection: sqlite3.Connection, index: str, statement: str) -> None:
    """Execute a statement that an index does not hear of."""
    row = connection.execute("SELECT rowid, * FROM sqlite_master WHERE name = ?", (index,)).fetchone()
    connection.execute("PRAGMA writable_schema = 1")
    connection.execute("DELETE FROM sqlite_master WHERE name = ?", (index,))
    connection.execute("PRAGMA writable_schema = RESET")
    connection.execute(statement)
    connection.execute("PRAGMA writable_schema = 1")
    connection.execute(
        "INSERT INTO sqlite_master (rowid, type, name, tbl_name, rootpage, sql) VALUES (?, ?, ?, ?, ?, ?)", row
    )
    connection.execute("PRAGMA writable_schema = RESET")


def index_beyond_its_table(connection: sqlite3.Connection, rng: random.Random) -> None:
    index, table = rng.choice(
        connection.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'index' AND sql <> ''").fetchall()
    )
    without_index(connection, index, f"DELETE FROM {table} WHERE {rng.choice(('1', 'abs(random()) % 2'))}")


def other_page(connection: sqlite3.Connection, rng: random.Random) -> None:
    pages = [page for (page,) in connection.execute("SELECT rootpage FROM sqlite_master WHERE rootpage > 0")]
    connection.execute("PRAGMA writable_schema = 1")
    connection.execute(
        "UPDATE sqlite_master SET rootpage = ? WHERE rootpage = ?", (rng.choice((*pages, 99_999)), rng.choice(pages))
    )
    connection.execute("PRAGMA writable_schema = RESET")


def view_for_a_table(connection: sqlite3.Connection, rng: random.Random) -> None:
    table = rng.choice(tables(connection))
    connection.execute(f"ALTER TABLE {table} RENAME TO other")
    connection.execute(f"CREATE VIEW {table} AS SELECT * FROM other")


def other_migrations(connection: sqlite3.Connection, rng: random.Random) -> None:
    connection.execute(
        rng.choice(
            (
                "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('ventriloquist', 'm999', '')",
                "DELETE FROM _sqlite_migrations",
                "DELETE FROM _sqlite_migrations WHERE rowid = (SELECT max(rowid) FROM _sqlite_migrations)",
                "DROP TABLE _sqlite_migrations",
                "ALTER TABLE _sqlite_migrations RENAME COLUMN name TO other",
                "UPDATE _sqlite_migrations SET name = x'ff'",
                "UPDATE _sqlite_migrations SET migration_set = 5",
            )
        )
    )


def missing_rows(connection: sqlite3.Connection, rng: random.Random) -> None:
    table = rng.choice(tables(connection))
    connection.execute(f"DELETE FROM {table} WHERE {rng.choice(('1', 'abs(random()) % 2'))}")


BY_SQL: tuple[Damage, ...] = (
    *(wrong_value, wrong_value, wrong_value, wrong_value, dropped, changed_column, index_beyond_its_table),
    *(other_page, view_for_a_table, other_migrations, missing_rows),
)


def by_sql(path: Path, damage: Damage, rng: random.Random) -> None:
    """Damage a file through SQLite, whole when it is closed."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        damage(connection, rng)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def damage_file(path: Path, sound: bytes, rng: random.Random) -> str:
    """Write a damaged file, and return how it was damaged."""
    path.parent.mkdir(exist_ok=True)
    if rng.random() < 0.4:
        path.write_bytes(mutate_file(sound, rng))
        return "bytes"
    path.write_bytes(sound)
    if rng.random() < 0.1:
        path.with_name(path.name + rng.choice(("-wal", "-journal", "-shm"))).write_bytes(rng.randbytes(5000))
        return "beside it"
    damage = rng.choice(BY_SQL)
    with suppress(sqlite3.DatabaseError):  # halfway is damaged, too
        by_sql(path, damage, rng)
    return damage.__name__


def sound_home(home: Path, folder: Path) -> list[list[str]]:
    """Make a home with every table filled, and return the commands to be run on it."""
    db = ChatDb(folder / "chat.db")
    write_cases(db)
    chat = db.dm("+12505550177")
    hinted = [db.handle(address) for address in ("+12505550178", "+12505550179")]
    for handle in hinted:
        db.connection.execute("UPDATE handle SET person_centric_id = 'P1' WHERE ROWID = ?", (handle,))
    group = db.group("hinted", ["+12505550178", "+12505550179"])
    for sender in ("+12505550178", "+12505550179"):
        db.message(group, 1_650_000_000_000, "hinted", sender=sender)
    for number in range(40):
        db.message(chat, 1_650_000_000_000 + number * 1000, f"m {number}", sender=(None, "+12505550177")[number % 2])
    db.close()
    contacts = write_address_book(folder / "contacts", CARDS)
    collect_into(home, folder / "chat.db", contacts)
    with recorded_run(home, "prepare", {"reactions": True, "timezone": "UTC"}) as run:
        run.result = prepare(run.db, PrepareOptions(reactions=True, timezone="UTC"))
    with recorded_run(home, "forget") as run:
        run.result = forget.run(run.db, home, forget.plan(run.db, home, "+12505550177"))
    with recorded_run(home, "export", {"format": "blocks"}) as run:
        run.result = export(run.db, home / "exports", ExportOptions())
    with open_database(home) as db:  # an index, and one message that has changed since
        search.run(db, search.plan(db, search.SearchOptions(("hinted",))))
        db.execute("UPDATE text_messages SET text = 'changed' WHERE text = 'hinted'")
    with closing(sqlite3.connect(home / DATABASE)) as connection:
        name = connection.execute("SELECT name FROM people WHERE NOT is_me ORDER BY id").fetchone()[0]
        empty = [
            table
            for table in tables(connection)
            if not connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        ]
    assert not empty, empty
    return [
        ["status"],
        ["status", "--people"],
        ["status", "--json"],
        ["collect", "--chat-db", str(folder / "chat.db"), "--contacts", str(contacts)],
        ["prepare", "--report"],
        ["export", "--output", "-"],
        ["export", "--output", "-", "--format", "windows"],
        ["export", "--format", "html"],
        ["search", "the"],
        ["search", "--json", "changed"],
        ["search", ":)"],
        ["forget", name, "--yes"],
        ["chat", "--as", name, "--endpoint", "http://127.0.0.1:9"],
    ]


class Tried(NamedTuple):
    how: str  # the file was damaged
    command: str
    code: int
    seconds: float
    failure: str  # empty: it went well, or was refused in two lines


def run_on_damaged_files(count: int, folder: Path, *, seed: int = 0, each: int = 3) -> Iterator[Tried]:
    """Damage so many files, and run `each` commands on each."""
    sound_folder = folder / "sound"
    commands = sound_home(sound_folder, folder)
    sound = (sound_folder / DATABASE).read_bytes()
    for number in range(seed, seed + count):
        rng = random.Random(number)
        damaged = folder / f"damaged-{number}"
        how = damage_file(damaged / DATABASE, sound, rng)
        for command in rng.sample(commands, each):
            home = folder / "home"
            shutil.copytree(damaged, home)
            yield _try(f"{number} ({how})", command, home)
            shutil.rmtree(home)
        shutil.rmtree(damaged)


def _try(how: str, command: list[str], home: Path) -> Tried:
    began = time.monotonic()
    result = CliRunner().invoke(app, command, input="hello\n", env={"VQ_HOME": str(home)})
    seconds = time.monotonic() - began
    failure = ""
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        failure = "".join(traceback.format_exception(result.exception))
    elif result.exit_code not in (0, 1) or (result.exit_code == 1 and result.stderr.count("\n") < 2):
        failure = f"{result.exit_code}: {result.stderr}"
    elif seconds > SECONDS:
        failure = f"{seconds:.0f} s"
    return Tried(how, " ".join(command), result.exit_code, seconds, failure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        tried = list(run_on_damaged_files(asked.files, Path(name), seed=asked.seed))
    for one in tried:
        if one.failure:
            print(f"{one.how}: vq {one.command}\n{one.failure}", file=sys.stderr)
    codes = Counter(one.code for one in tried)
    slowest = round(max(one.seconds for one in tried), 3)
    failures = sum(bool(one.failure) for one in tried)
    found = {"files": asked.files, "done": codes[0], "refused": codes[1], "failures": failures}
    print(json.dumps({**found, "slowest_seconds": slowest}))


if __name__ == "__main__":
    main()
