"""Measure the speed and memory of `vq prepare` and `vq export`.

    python benchmarks/prepare.py [--messages 770000] [--conversations 600] [--long-text BYTES] [--reactions]
                                 [--windows] [--keep DIR]

The script generates a file like the one that collect writes. It prints, in CPU-seconds,

- `vq prepare`: messages per second, peak memory, and bytes of the file per message,
- the same without redaction, and without looking for near-duplicates of held-out messages,
- windows read through the view,
- exported windows in MB, beside the straightforward way: render every line of each window with json.dumps, then dump
  the row. Both ways write the same 20,000 windows to a file, and the script compares the files.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import multiprocessing
import random
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from ventriloquist import export
from ventriloquist.export import ExportOptions
from ventriloquist.export.files import write_rows
from ventriloquist.export.rows import window_rows
from ventriloquist.fs import put_in_place
from ventriloquist.prepare import PrepareOptions, plan, run, stage
from ventriloquist.store import Connection, open_database, transaction

_TEXT = """
    ok sure see you later tonight what the dog did again lol no way im on my way call me 😂 café naïve haha i told her
    that we would be there by then but she never listens and honestly who can blame her it is raining all day here
"""
WORDS = _TEXT.split()
SECRETS = ("call +1 415 555 0132", "a.b@example.com", "code is 482913", "card 4111 1111 1111 1111", "14 Larkspur Lane")
NUMBERS = ("at 8:30", "in 20 min", "5 of us", "room 1204", "2024-03-15", "$12.50", "https://example.com/p/8841234567")
START_MS = 1_400_000_000_000
COMPARED_WINDOWS = 20_000


def build(home: Path, messages: int, conversations: int, long_text: int, *, reactions: bool, seed: int = 0) -> None:
    """Fill the tables that collect writes. A tenth of the texts have a number, and one in fifty has a secret."""
    rng = random.Random(seed)
    with open_database(home, create=True) as db, transaction(db):
        execute = db.execute
        execute("INSERT INTO people VALUES (1, 'Robin Example', 1)")
        people = range(2, conversations + 2)
        db.executemany("INSERT INTO people VALUES (?, ?, 0)", [(id, f"Person {id:06}") for id in people])
        db.executemany("INSERT INTO handles VALUES (?, ?)", [(f"+1415555{id:04}", id) for id in people])
        rows = ((id, "group" if id % 10 == 0 else "dm") for id in range(1, conversations + 1))
        db.executemany("INSERT INTO conversations (id, type) VALUES (?, ?)", rows)
        for id in range(1, conversations + 1):
            others = [id + 1] if id % 10 else [1 + (id + k) % conversations + 1 for k in range(4)]
            db.executemany(
                "INSERT OR IGNORE INTO members VALUES (?, ?)", [(id, member) for member in {1, id + 1, *others}]
            )
        db.executemany(
            "INSERT INTO text_messages (guid, conversation_id, sender_id, sent_at, text, is_from_me, source_rowid,"
            " thread_originator_guid, chat_guid) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'c')",
            _messages(rng, messages, conversations, long_text),
        )
        execute(
            "INSERT INTO attachments SELECT guid, 0, 'image/heic', 'IMG.HEIC', NULL FROM text_messages"
            " WHERE id % 30 = 0"
        )
        if reactions:
            execute(
                "INSERT INTO reactions SELECT 'r' || guid, guid, 1, 'love', NULL, sent_at + 60000 FROM text_messages"
                " WHERE id % 10 = 0"
            )


def _messages(rng: random.Random, messages: int, conversations: int, long_text: int) -> Iterator[tuple[Any, ...]]:
    at = START_MS
    weights = [1 / (rank + 1) for rank in range(conversations)]  # a few people make up most of a life
    drawn = rng.choices(range(1, conversations + 1), weights, k=messages)
    last: dict[int, str] = {}
    for number, conversation in enumerate(drawn):
        at += rng.choice((2_000, 15_000, 60_000, 600_000))
        mine = rng.random() < 0.5
        text = " ".join(rng.choices(WORDS, k=rng.randint(1, 16)))
        chance = rng.random()
        if chance < 0.02:
            text += " " + rng.choice(SECRETS)
        elif chance < 0.1:
            text += " " + rng.choice(NUMBERS)
        elif chance < 0.13:
            text += "\n" + " ".join(rng.choices(WORDS, k=3))
        if long_text and number == messages // 2:
            text = " ".join(rng.choices(WORDS, k=long_text // 5))
        guid = f"{number:032x}"
        reply = last.get(conversation) if rng.random() < 0.03 else None
        last[conversation] = guid
        yield guid, conversation, 1 if mine else conversation + 1, at, text, int(mine), number, reply


def straightforward(db: Connection, split: str) -> Generator[bytes, None, None]:
    """Yield rows in the straightforward way: render every line of each window for that window."""
    query = "SELECT conversation_id, type, members, messages FROM training_conversations ORDER BY 1"
    for id, type, members, messages in db.execute(query).fetchall():
        lines: list[tuple[str, str, str, str, str | None]] = db.execute(
            "SELECT day, sender, delta, content, split FROM training_messages WHERE conversation_id = ?"
            " ORDER BY position",
            (id,),
        ).fetchall()
        header = {"type": type, "members": json.loads(members)}
        for target in range(messages):
            if lines[target][4] == split:
                window = lines[max(0, target - 99) : target + 1]
                text = [json.dumps(header | {"start": window[0][0]}, ensure_ascii=False)]
                text += [
                    json.dumps({"name": sender, "delta": delta, "content": content}, ensure_ascii=False)
                    for _, sender, delta, content, _ in window
                ]
                row = {"text": "\n".join(text) + "\n"}
                yield json.dumps(row, ensure_ascii=False).encode() + b"\n"


def measured(work: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    """Run in a process of its own and return its result, CPU-seconds and peak memory."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_measure, (work, arguments))


def _measure(work: Callable[..., Any], arguments: tuple[Any, ...]) -> dict[str, Any]:
    start = time.process_time()
    try:
        result = work(*arguments)
    except Exception as error:
        raise RuntimeError(traceback.format_exc()) from error  # ours cannot be sent between processes
    seconds = time.process_time() - start
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"result": result, "seconds": seconds, "peak_mb": peak / 1e6}


def run_prepare(home: Path, options: PrepareOptions) -> int:
    with open_database(home) as db:
        return run(db, plan(db, options)).lines


def run_without_duplicates(home: Path, options: PrepareOptions) -> int:
    stage.drop_duplicates = lambda _db: 0  # only in the process of this measurement
    return run_prepare(home, options)


def run_views(home: Path) -> int:
    with open_database(home) as db:
        query = f"SELECT text FROM rendered_windows WHERE id % 7 = 0 LIMIT {COMPARED_WINDOWS}"
        return sum(1 for _ in db.execute(query))


def run_export(home: Path, options: ExportOptions, folder: Path) -> tuple[int, int, int]:
    """Return the bytes written, the bytes estimated before, and the rows."""
    with open_database(home) as db:
        planned = export.plan(db, folder, options)
        files = export.run(db, planned).files
    return sum(file.bytes for file in files), planned.bytes, sum(file.rows for file in files)


def run_windows(home: Path, path: Path) -> int:
    """Write and hash windows as `vq export` does; return their bytes."""
    with open_database(home) as db:
        written = write_rows(path, "train", islice(window_rows(db, "train"), COMPARED_WINDOWS), lambda _: None)
    put_in_place(path)
    return written.bytes


def run_straightforward(home: Path, path: Path) -> int:
    """Write the same windows the straightforward way; return their bytes."""
    with open_database(home) as db, path.open("wb") as file, closing(straightforward(db, "train")) as rows:
        return sum(file.write(row) for row in islice(rows, COMPARED_WINDOWS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=770_000)
    parser.add_argument("--conversations", type=int, default=600)
    parser.add_argument("--long-text", type=int, default=0, help="bytes of one long message")
    parser.add_argument("--reactions", action="store_true")
    parser.add_argument("--windows", action="store_true", help="write all windows of train to a file, too: gigabytes")
    parser.add_argument("--keep", type=Path, help="a folder for the file; default: a temporary one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = arguments.keep or Path(temporary)
        file = home / "ventriloquist.db"
        build(home, arguments.messages, arguments.conversations, arguments.long_text, reactions=arguments.reactions)
        before = file.stat().st_size
        print(f"{arguments.messages:,} messages, {arguments.conversations:,} conversations: {before / 1e6:,.0f} MB")
        all_of_it = PrepareOptions(reactions=arguments.reactions)
        for name, work, options in (
            ("without redaction", run_prepare, PrepareOptions(redact=(), reactions=arguments.reactions)),
            ("no duplicates", run_without_duplicates, all_of_it),
            ("prepare", run_prepare, all_of_it),
        ):
            run = measured(work, home, options)
            print(
                f"{name:18} {run['seconds']:7.1f} s  {arguments.messages / run['seconds']:>9,.0f} messages/s"
                f"  {run['peak_mb']:5.0f} MB peak  {run['result']:,} lines"
            )
        print(f"{'file':18} {(file.stat().st_size - before) / arguments.messages:7.0f} bytes a message more")
        run = measured(run_views, home)
        print(f"{'rendered_windows':18} {run['seconds']:7.1f} s  {run['result'] / run['seconds']:>9,.0f} windows/s")
        exports = [ExportOptions("blocks"), *([ExportOptions("windows")] if arguments.windows else [])]
        for options in exports:
            run = measured(run_export, home, options, Path(temporary) / "exports")
            size, expected, rows = run["result"]
            print(
                f"{'export ' + options.format:18} {run['seconds']:7.1f} s  {size / 1e6 / run['seconds']:>9,.0f} MB/s"
                f"  {run['peak_mb']:5.0f} MB peak  {rows:,} rows, {size / 1e6:,.0f} MB ({expected / size:.2f} foretold)"
            )
        seconds = []
        paths = [Path(temporary) / name for name in ("windows.jsonl", "straightforward.jsonl")]
        for path, write in zip(paths, (run_windows, run_straightforward), strict=True):
            run = measured(write, home, path)
            seconds.append(run["seconds"])
            print(f"{path.stem:18} {run['seconds']:7.1f} s  {run['result'] / 1e6 / run['seconds']:>9,.0f} MB/s")
        same = filecmp.cmp(*paths, shallow=False)
        print(f"{'':18} {seconds[1] / seconds[0]:7.1f} times as fast, bytes {'equal' if same else 'DIFFER'}")
        if not same:
            sys.exit(1)


if __name__ == "__main__":
    main()
