"""From a source to exported files: the same bytes on a second run, and whatever the order of the source's rows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from apple import ChatDb, write_address_book
from apple_cases import CARDS, write_cases
from exported import export
from stages import prepare

from ventriloquist import collect
from ventriloquist.export import ExportOptions
from ventriloquist.prepare import PrepareOptions
from ventriloquist.records import Source
from ventriloquist.sources import SOURCES
from ventriloquist.store import Connection, open_database

ANN, BEN = "+12505550111", "+12505550112"
T = 1_710_504_000_000
Item = TypeVar("Item")


def shuffled(source: Source, seed: int) -> Source:
    """Return a source that delivers the same rows in another order; they keep their numbers."""

    def other(items: Sequence[Item]) -> list[Item]:
        return random.Random(seed).sample(items, len(items))

    rows = list(source.rows())
    return replace(source, chats=other(source.chats), handles=other(source.handles), rows=lambda: iter(other(rows)))


def written(db: Connection, folder: Path) -> dict[str, bytes]:
    """Prepare and export in every format; return the files, and what the database says of every line."""
    prepare(db, PrepareOptions(reactions=True, timezone="Europe/Berlin"))
    for format in ("blocks", "prompt-completion", "windows"):
        export(db, folder / format, ExportOptions(format))  # type: ignore[arg-type]
    found = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.json*"))}
    columns = "conversation_id, position, kind, sender, sent_at, day, delta, content, line, split"
    lines = db.execute(f"SELECT {columns} FROM training_messages ORDER BY conversation_id, position").fetchall()
    return found | {"lines": repr(lines).encode()}


@pytest.fixture(scope="module")
def source_paths(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make a chat.db with every case there is, and two long conversations whose messages often share a time."""
    folder = tmp_path_factory.mktemp("source")
    db = ChatDb(folder / "chat.db")
    write_cases(db)
    rng = random.Random(3)
    for handle in (ANN, BEN):
        chat = db.dm(handle)
        for index in range(60):
            sender = {"sender": handle} if rng.random() < 0.5 else {}
            db.message(
                chat, T + index // 3 * 60_000, rng.choice(["ok", "good morning to you all", f"{index}"]), **sender
            )
    return db.close(), write_address_book(folder / "contacts", CARDS)


def test_neither_a_second_run_nor_the_order_of_rows_changes_a_byte(
    source_paths: tuple[Path, Path], tmp_path: Path
) -> None:
    outputs = []
    for seed in (None, 1, 2):
        home = tmp_path / f"home-{seed}"
        with open_database(home, create=True) as db, SOURCES["chat-db"].open(*source_paths) as source:
            options = collect.Options(my_name="Robin")
            ordered = source if seed is None else shuffled(source, seed)
            collect.run(db, ordered, collect.plan(db, ordered, options))
            first = written(db, tmp_path / f"first-{seed}")
            assert written(db, tmp_path / f"again-{seed}") == first
            outputs.append(first)
    assert outputs[0]["blocks/train.jsonl"].count(b"\n") > 3
    for other in outputs[1:]:
        assert other.keys() == outputs[0].keys()
        for name, data in outputs[0].items():
            assert other[name] == data, name
