"""Damage, at random and on purpose: bodies, databases, and the end of the process at any moment.

    python tests/hostile.py --bodies 100000 --texts 100000 --databases 10000 --values --kills 200

Each may fail only as a user is to see it. Prints what was tried and the most CPU time that one took.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from apple import ChatDb, write_address_book
from apple_bodies import FILE, GLYPH, ONE_TIME_CODE, PART, TRANSCRIPTION, attributed, body
from apple_cases import CARDS, write_cases
from collected import collect_into, dump
from stages import prepare

from ventriloquist.collect.tapback_wordings import WORDINGS
from ventriloquist.collect.tapbacks import read_tapback
from ventriloquist.errors import VentriloquistError
from ventriloquist.records import Attachment
from ventriloquist.sources.imessage import body as bodies
from ventriloquist.sources.imessage.attachments import File, placed
from ventriloquist.store import open_database

EXTREMES = (0x00, 0x7F, 0x80, 0x81, 0x82, 0x84, 0x85, 0x86, 0x92, 0xFF)
BODY_SECONDS = 2.0  # of CPU, for one body; a damaged one takes a millisecond
DATABASE_SECONDS = 30.0


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Return bytes with one to eight things wrong."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(changed) + 1)
        kind = rng.randrange(7)
        if kind == 0 and changed:
            changed[at % len(changed)] ^= 1 << rng.randrange(8)
        elif kind == 1 and changed:
            changed[at % len(changed)] = rng.choice(EXTREMES)
        elif kind == 2:
            del changed[at : at + rng.randint(1, 20)]
        elif kind == 3:
            changed[at:at] = rng.randbytes(rng.randint(1, 20))
        elif kind == 4:
            changed[at:at] = changed[max(0, at - rng.randint(1, 60)) : at]
        elif kind == 5:
            del changed[at:]
        else:
            changed[at : at + 4] = rng.choice((b"\x82\xff\xff\xff\x7f", b"\x81\xff\xff", b"\x84\x01[", b"\x84\x04[9!]"))
    return bytes(changed)


def sound_bodies() -> list[bytes]:
    """Return bodies of every shape, each of which reads."""
    return [
        body("hello"),
        body("hello", mutable=False),
        body("é🙂" * 60),
        body("x" * 40_000),
        body("code 1", **{ONE_TIME_CODE: {"code": "1"}}),
        attributed([("\ufffc", {PART: 0, TRANSCRIPTION: "spoken"}), ("written", {PART: 1})]),
        attributed([("so ", {PART: 0}), ("\ufffc", {PART: 0, FILE: "at_0", GLYPH: 1}), ("é🙂", {PART: 0})]),
        attributed([("a", {PART: 0}), ("\ufffc", {PART: 1, FILE: "at_0"}), ("\ufffc", {PART: 2, FILE: "at_1"})]),
    ]


FILES = [
    File(b"at_0", False, Attachment("image/png", "a.png", kind="photo")),
    File(b"at_1", False, Attachment(None, "b.heic", kind="sticker")),
    File(b"at_2", True, Attachment(None, None, kind="sticker")),
]


def read_mutated_bodies(count: int, *, seed: int = 0) -> float:
    """Decode so many damaged bodies; return the most CPU-seconds that one took.

    Raises:
        AssertionError: one reads as something that is no text, or takes too long.
    """
    rng = random.Random(seed)
    sound = sound_bodies()
    slowest = 0.0
    for _ in range(count):
        data = mutate(rng.choice(sound), rng)
        begin = time.process_time()
        found = bodies.decode(data)
        if found is not None:
            found[0].encode()
            assert 0 <= found[1] <= len(data)
            bodies.attribute_strings(found, data, bodies.AUDIO_TRANSCRIPTION, most=9)
            bodies.attribute_runs(data)
            files = FILES[: rng.randint(1, 3)]
            placed_files = placed(files, found, data, "", found[0], frozenset({0}) if rng.random() < 0.1 else ())
            assert len(placed_files) <= len(files)
            assert all(0 <= (file.text_before or 0) <= len(found[0]) for file in placed_files)
        slowest = max(slowest, time.process_time() - begin)
    assert slowest < BODY_SECONDS
    return slowest


def read_mutated_tapback_texts(count: int, *, seed: int = 0) -> float:
    """Read so many damaged texts of tapbacks; return the most CPU-seconds that one took.

    Raises:
        AssertionError: one reads as something that is no tapback, or takes too long.
    """
    rng = random.Random(seed)
    wordings = [text for both in WORDINGS.values() for texts in both for text in texts]
    around = (
        "“",
        "”",
        '"',
        "«\u00a0",
        "„",
        "'",
        "\u200a",
        "\u200b👍\u200b",
        "…",
        "see you",
        "",
        "\ufe0f",
        "x" * 30_000,
    )
    slowest = 0.0
    for _ in range(count):
        quote = "".join(rng.choices(around, k=rng.randint(1, 6)))
        text = rng.choice(wordings).replace("%s", quote).replace("%e", rng.choice(("👍", "❤️", "5", quote[:50])))
        damaged = mutate(text.encode(), rng).decode("utf-8", "replace") if rng.random() < 0.7 else text
        begin = time.process_time()
        found = read_tapback(damaged)
        slowest = max(slowest, time.process_time() - begin)
        assert found is None or bool(found.quote) != (found.media is not None)
        assert found is None or (found.kind == "emoji") == bool(found.emoji)
    assert slowest < BODY_SECONDS
    return slowest


VALUES: tuple[object, ...] = (
    None,
    0,
    1,
    -1,
    2**62,
    -(2**62),
    1.5,
    "",
    "text",
    "x" * 100_000,
    b"",
    b"\xff\x00",
    b"\x80" * 9,
)
COLUMNS = (
    *(("attachment", name) for name in ("guid", "mime_type", "uti", "transfer_name", "filename", "is_sticker")),
    ("attachment", "hide_attachment"), ("attachment", "emoji_image_content_identifier"),
    ("attachment", "emoji_image_short_description"), ("message", "is_audio_message"), ("message", "text"),
    ("message", "attributedBody"), ("message", "thread_originator_part"), ("message", "message_summary_info"),
)  # fmt: skip


def collect_odd_values(folder: Path) -> tuple[int, float]:
    """Collect and prepare a database once for each column and value: that value is in every row of it.

    Raises:
        AssertionError: one takes too long.
    """
    sound = sound_database(folder)
    path, tried, slowest = folder / "odd.db", 0, 0.0
    for table, column in COLUMNS:
        for value in VALUES:
            path.write_bytes(sound)
            connection = sqlite3.connect(path)
            connection.create_function("delete_attachment_path", 1, lambda _path: None)
            is_unique = table == "attachment" and column == "guid"
            new = "CAST(? AS TEXT) || ROWID" if is_unique else "?"
            connection.execute(f"UPDATE {table} SET {column} = {new}", (value if not is_unique else str(value),))
            connection.commit()
            connection.close()
            home = folder / f"odd-{tried}"
            begin = time.process_time()
            summary = collect_into(home, path, my_name="Robin Vale")
            assert summary.rows == summary.messages + summary.reactions + sum(summary.skipped.values())
            with open_database(home) as db:
                prepare(db)
            slowest = max(slowest, time.process_time() - begin)
            shutil.rmtree(home)
            tried += 1
    assert slowest < DATABASE_SECONDS
    return tried, slowest


def mutate_file(data: bytes, rng: random.Random) -> bytes:
    """Return a database with something wrong in it: bytes, whole pages, its header, its end."""
    changed = bytearray(data)
    kind = rng.randrange(6)
    page = 4096
    pages = len(changed) // page
    if kind == 0:
        for _ in range(rng.randint(1, 50)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    elif kind == 1:
        at = rng.randrange(pages) * page
        changed[at : at + page] = rng.randbytes(page) if rng.random() < 0.5 else bytes(page)
    elif kind == 2:
        one, other = rng.randrange(pages) * page, rng.randrange(pages) * page
        changed[one : one + page] = changed[other : other + page]
    elif kind == 3:
        changed[rng.randrange(100)] = rng.randrange(256)
    elif kind == 4:
        del changed[rng.randrange(len(changed)) :]
    else:  # within one page: cells, offsets, headers of records
        at = rng.randrange(pages) * page
        for _ in range(rng.randint(1, 20)):
            changed[at + rng.randrange(page)] = rng.choice(EXTREMES)
    return bytes(changed)


def sound_database(folder: Path) -> bytes:
    """Return a small database with every case in it."""
    db = ChatDb(folder / "sound.db")
    write_cases(db)
    return db.close().read_bytes()


def collect_mutated_databases(count: int, folder: Path, *, seed: int = 0) -> tuple[int, float]:
    """Collect so many damaged databases, and as many damaged address books; return how many read, and the slowest.

    Raises:
        AssertionError: one takes too long, or leaves something behind when it fails.
    """
    rng = random.Random(seed)
    sound = sound_database(folder)
    contacts = write_address_book(folder / "contacts", CARDS)
    store = contacts / "AddressBook-v22.abcddb"
    cards = store.read_bytes()
    read, slowest = 0, 0.0
    refusals: set[str] = set()
    path = folder / "damaged.db"
    for number in range(count):
        path.write_bytes(mutate_file(sound, rng))
        store.write_bytes(mutate_file(cards, rng) if rng.random() < 0.3 else cards)
        home = folder / f"home-{number}"
        begin = time.process_time()
        try:
            summary = collect_into(home, path, contacts, my_name="Robin Vale")
            assert summary.rows == summary.messages + summary.reactions + sum(summary.skipped.values())
            read += 1
        except VentriloquistError as error:
            refusals.add(f"{error.what}\n{error.hint}".replace(str(folder), ""))
        slowest = max(slowest, time.process_time() - begin)
        for left in (home / name for name in ("ventriloquist.db", "ventriloquist.lock")):
            left.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            home.rmdir()
        for left in folder.glob("damaged.db-*"):
            left.unlink()
    assert all(refusal.count("\n") == 1 for refusal in refusals)
    assert slowest < DATABASE_SECONDS
    return read, slowest


def kill_collects(count: int, folder: Path, *, seed: int = 0) -> int:
    """Kill so many collects at random moments, run each again, and compare; return how many it took to start.

    Raises:
        AssertionError: a file differs from that of a collect that nobody killed, or is damaged after a kill.
    """
    rng = random.Random(seed)
    chat_db = folder / "chat.db"
    db = ChatDb(chat_db)
    write_cases(db)
    chat = db.dm("+12505550150")
    db.connection.execute("BEGIN")
    for number in range(20_000):
        db.message(
            chat, 1_600_000_000_000 + number * 1000, f"message {number}", sender=rng.choice((None, "+12505550150"))
        )
    db.connection.execute("COMMIT")
    contacts = write_address_book(folder / "contacts", CARDS)
    whole = folder / "whole"
    begin = time.monotonic()
    _collect_process(whole, chat_db, contacts).wait()
    usual = time.monotonic() - begin
    expected = dump(whole)
    started = killed = 0
    while killed < count:  # one that ended before its moment came is not counted
        started += 1
        home = folder / f"killed-{started}"
        process = _collect_process(home, chat_db, contacts)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(usual * rng.random())
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
        assert _collect_process(home, chat_db, contacts).wait() == 0
        assert dump(home) == expected, f"run {started} differs"
        shutil.rmtree(home)
    db.close()
    return started


def _collect_process(home: Path, chat_db: Path, contacts: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ventriloquist", "collect", "--chat-db", chat_db, "--contacts", contacts]
    environment = os.environ | {"VQ_HOME": str(home)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bodies", type=int, default=0)
    parser.add_argument("--texts", type=int, default=0, help="of tapbacks")
    parser.add_argument("--values", action="store_true", help="odd values in every column that says what a file is")
    parser.add_argument("--databases", type=int, default=0)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if asked.bodies:
        slowest = read_mutated_bodies(asked.bodies, seed=asked.seed)
        _say(bodies=asked.bodies, slowest_cpu_seconds=slowest)
    if asked.texts:
        _say(texts=asked.texts, slowest_cpu_seconds=read_mutated_tapback_texts(asked.texts, seed=asked.seed))
    if asked.values:
        with _folder() as folder:
            tried, slowest = collect_odd_values(folder)
        _say(values=tried, slowest_cpu_seconds=slowest)
    if asked.databases:
        with _folder() as folder:
            read, slowest = collect_mutated_databases(asked.databases, folder, seed=asked.seed)
        _say(databases=asked.databases, read=read, refused=asked.databases - read, slowest_cpu_seconds=slowest)
    if asked.kills:
        with _folder() as folder:
            started = kill_collects(asked.kills, folder, seed=asked.seed)
        _say(started=started, killed=asked.kills, identical=started)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def _say(**found: float) -> None:
    print(json.dumps({name: round(value, 4) for name, value in found.items()}), flush=True)


if __name__ == "__main__":
    main()
