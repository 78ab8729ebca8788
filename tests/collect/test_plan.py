"""What is planned: it changes nothing, and is what a run then does."""

from __future__ import annotations

from pathlib import Path

import pytest
from apple import ChatDb
from collected import collect_into, dump, query

from ventriloquist import collect
from ventriloquist.errors import SettingsError
from ventriloquist.sources import SOURCES
from ventriloquist.store import open_database, recorded_run

ANN, BEN, T = "+12505550111", "+12505550112", 1_650_000_000_000


def chat_db(path: Path, *handles: str) -> Path:
    db = ChatDb(path)
    for number, handle in enumerate(handles):
        db.message(db.dm(handle), T + number, f"hello from {handle}", sender=handle)
    return db.close()


def test_planning_writes_nothing(tmp_path: Path, home: Path) -> None:
    collect_into(home, chat_db(tmp_path / "one.db", ANN), my_name="Robin")
    before = dump(home)
    with SOURCES["chat-db"].open(chat_db(tmp_path / "two.db", BEN)) as source, open_database(home) as db:
        changes = db.total_changes
        planned = collect.plan(db, source, collect.Options("Robin"))
        assert db.total_changes == changes
        assert len(planned.conversations.of) == 2
    assert dump(home) == before


def test_a_plan_made_before_there_is_a_file_is_run_in_the_new_one(tmp_path: Path, home: Path) -> None:
    with (
        SOURCES["chat-db"].open(chat_db(tmp_path / "chat.db", ANN)) as source,
        recorded_run(
            home, "collect", create=True, plan=lambda db: collect.plan(db, source, collect.Options("Robin"))
        ) as run,
    ):
        run.result = summary = collect.run(run.db, source, run.plan, home=home)
    assert (summary.messages, summary.people, summary.conversations) == (1, 2, 1)
    assert query(home, "SELECT json_extract(result, '$.messages') FROM runs") == [(1,)]


def test_to_start_over_the_file_counts_as_empty(tmp_path: Path, home: Path) -> None:
    path = chat_db(tmp_path / "chat.db", ANN)
    collect_into(home, path, my_name="Robin")
    with SOURCES["chat-db"].open(path) as source, open_database(home) as db:
        assert collect.plan(db, source).owner_name == "Robin"
        with pytest.raises(SettingsError, match="name is not known"):
            collect.plan(db, source, collect.Options(replace=True))
