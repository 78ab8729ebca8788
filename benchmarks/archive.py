"""Measure `vq search` and the pages of `vq export`: CPU-seconds, memory, and how much the index adds to the file.

    python benchmarks/archive.py [--messages 200000] [--conversations 50]

The texts are invented: nine words on average, from a vocabulary of 30,000 in which few words are frequent. For
comparison, two of FTS5's own tokenizers index the same texts.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from peak_memory import in_a_process
from prepare import build

from ventriloquist import search
from ventriloquist.export import pages
from ventriloquist.layout import DATABASE
from ventriloquist.store import open_database

LETTERS = "etaoinshrdlucmfwypvbgkjqxz"
VOCABULARY = 30_000
OWN = ("unicode61 remove_diacritics 2", "trigram")  # tokenizers of FTS5


def invent(home: Path) -> list[str]:
    """Give every message another text; return the vocabulary, the most frequent words first."""
    rng = random.Random(0)
    sizes = (min(9, 2 + rank // 200) for rank in range(VOCABULARY))
    words = ["".join(rng.choices(LETTERS, k=size)) for size in sizes]
    weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(VOCABULARY)))

    def text() -> str:
        return " ".join(rng.choices(words, cum_weights=weights, k=min(60, 1 + int(rng.expovariate(1 / 8)))))

    with open_database(home) as db:
        db.create_function("invented", 0, text)
        db.execute("UPDATE text_messages SET text = invented()")
        db.execute("VACUUM")
    return words


def find(home: Path, *words: str) -> float:
    """Search once; return the CPU-seconds."""
    with open_database(home) as db:
        began = time.process_time()
        search.run(db, search.plan(db, search.SearchOptions(words)))
        return time.process_time() - began


def write(home: Path, format: pages.PageFormat) -> tuple[float, int]:
    """Write all pages; return the CPU-seconds and the bytes."""
    with open_database(home) as db:
        began = time.process_time()
        summary = pages.run(db, pages.plan(db, home / format, pages.PagesOptions(format)))
    return time.process_time() - began, sum(file.bytes for file in summary.files)


def compare(path: Path, tokenizer: str) -> dict[str, Any]:
    """Index the texts with a tokenizer of FTS5; return its CPU-seconds and by how much the file grows."""
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    before = copy.stat().st_size
    began = time.process_time()
    with closing(sqlite3.connect(copy)) as db, db:
        options = f"content = 'text_messages', content_rowid = 'id', tokenize = '{tokenizer}'"
        db.execute(f"CREATE VIRTUAL TABLE other USING fts5(text, {options})")
        db.execute("INSERT INTO other (rowid, text) SELECT id, text FROM text_messages")
    grown = copy.stat().st_size / before - 1
    return {"seconds": round(time.process_time() - began, 1), "growth": round(grown, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--conversations", type=int, default=50)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        build(home, asked.messages, asked.conversations, 0, reactions=True)
        words = invent(home)
        path = home / DATABASE
        found: dict[str, Any] = {tokenizer: compare(path, tokenizer) for tokenizer in OWN}
        before = path.stat().st_size
        seconds, peak = in_a_process(find, home, "zzzz")
        grown = path.stat().st_size / before - 1
        found["vq search"] = {"seconds": round(seconds, 1), "growth": round(grown, 3), "peak_mb": round(peak)}
        queries = {"the most frequent word": words[0], "a rare word": words[20_000], "one letter": "e", "marks": ":)"}
        found["queries"] = {name: round(find(home, query), 3) for name, query in queries.items()}
        for format in pages.stage.FORMATS:
            (seconds, size), peak = in_a_process(write, home, format)
            found[format] = {"seconds": round(seconds, 1), "mb": round(size / 1e6), "peak_mb": round(peak)}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
