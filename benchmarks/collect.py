"""Measure the speed and memory of `vq collect`, beside a plain scan of the same database in the same run.

    python benchmarks/collect.py [--messages 200000] [--keep DIR]

The script prints

- rows per CPU-second of the whole collect: checks, bodies, people and writing,
- rows per CPU-second of a scan that only reads the same columns of `message`,
- the ratio of the two, and the ratio to a scan of seven columns,
- the peak memory of the collecting process,
- rows per CPU-second of `imessage-chatdb` with attachments, if it is installed (Python 3.12).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

from peak_memory import in_a_process

from ventriloquist import collect
from ventriloquist.demo.chatdb import ChatDatabase, Owner, Sent
from ventriloquist.records import Attachment
from ventriloquist.sources import SOURCES
from ventriloquist.store import open_database

_TEXT = "ok sure see you later tonight what the dog did again lol no way im on my way call me 😂 café naïve haha"
WORDS = _TEXT.split()
START_MS = 1_500_000_000_000
BATCH = 5_000
# those that collect reads
COLUMNS = """
    ROWID, guid, handle_id, is_from_me, date, text, attributedBody, item_type, associated_message_type,
    associated_message_guid, associated_message_emoji, thread_originator_guid, thread_originator_part,
    message_summary_info, date_edited, date_retracted, service, subject, error, is_spam,
    schedule_type, schedule_state
"""
SEVEN_COLUMNS = "guid, text, attributedBody, date, handle_id, is_from_me, service"


def build(path: Path, messages: int, *, seed: int = 0) -> None:
    """Write a chat.db with Apple's newest schema. A tenth of the rows are tapbacks, and one in thirty has a photo."""
    rng = random.Random(seed)
    with ChatDatabase(path, owner=Owner("+12505550100", "robin@example.com")) as db:
        addresses = [f"+1250555{number:04}" for number in range(1000, 1060)]
        chats = [db.dm(address) for address in addresses]
        chats += [db.group(rng.sample(addresses, 5), f"Group {number}") for number in range(10)]
        recent: list[Sent] = []
        at = START_MS
        for _ in range(messages):
            at += rng.choice((2_000, 15_000, 60_000, 600_000))
            chat = rng.choice(chats)
            sender = rng.choice((None, *chat.handles))
            chance = rng.random()
            if chance < 0.1 and recent:
                target = rng.choice(recent)
                who = rng.choice((None, *target.chat.handles))
                db.tapback(target, at, rng.choice(("love", "like", "laugh")), sender=who)
                continue
            text = " ".join(rng.choices(WORDS, k=rng.randint(1, 24)))
            files = (Attachment("image/heic", "IMG_0001.HEIC"),) if chance > 0.97 else ()
            stored = "both" if chance > 0.8 else "typedstream"
            sent = db.message(chat, at, text, sender=sender, files=files, stored=stored)
            recent = [*recent[-20:], sent]


def cpu_seconds() -> float:
    return time.process_time()


def scan(path: Path, columns: str) -> float:
    """Return the CPU-seconds of reading some columns of every row."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    begin = cpu_seconds()
    for _ in connection.execute(f"SELECT {columns} FROM message"):
        pass
    connection.close()
    return cpu_seconds() - begin


def collect_once(path: Path, home: Path) -> dict[str, Any]:
    """Collect into a new home; return the CPU-seconds and the summary."""
    begin = cpu_seconds()
    options = collect.Options(my_name="Robin")
    with SOURCES["chat-db"].open(path) as source, open_database(home, create=True) as db:
        summary = collect.run(db, source, collect.plan(db, source, options))
    return {"seconds": cpu_seconds() - begin, "messages": summary.messages, "rows": summary.rows}


def read_published(path: Path) -> float:
    """Return the CPU-seconds that imessage-chatdb takes to read every message, in batches as its documentation does."""
    import imessage_chatdb  # type: ignore[import-not-found,unused-ignore]  # Python 3.12, and only where it is wanted

    begin = cpu_seconds()
    db = imessage_chatdb.open(path)
    last = 0
    while batch := db.messages_after(last, limit=BATCH, include_orphans=True):
        last = batch[-1].rowid
    db.close()
    return cpu_seconds() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--keep", type=Path, help="a folder in which the database stays, and is used again")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        path = (folder / f"chat-{arguments.messages}.db").resolve()
        if not path.exists():
            build(path, arguments.messages)
        scanned, _ = in_a_process(scan, path, COLUMNS)
        scanned_seven, _ = in_a_process(scan, path, SEVEN_COLUMNS)
        result, peak = in_a_process(collect_once, path, Path(temporary) / "home")
        rows = result["rows"]
        found = {
            "rows": rows,
            "messages": result["messages"],
            "scan_rows_per_cpu_second": round(rows / scanned),
            "collect_rows_per_cpu_second": round(rows / result["seconds"]),
            "ratio": round(scanned / result["seconds"], 3),
            "ratio_of_seven_columns": round(scanned_seven / result["seconds"], 3),
            "peak_mb": round(peak),
        }
        if importlib.util.find_spec("imessage_chatdb"):
            seconds, _ = in_a_process(read_published, path)
            found["imessage_chatdb_rows_per_cpu_second"] = round(rows / seconds)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
