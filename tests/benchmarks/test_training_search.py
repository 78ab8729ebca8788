"""The search for settings sees validation messages only."""

from __future__ import annotations

import sys
from pathlib import Path

from file_builder import chat, filled
from stages import prepare

from ventriloquist.prepare import PrepareOptions
from ventriloquist.store import open_database

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from training_search import BASE, CANDIDATES, Candidate, Length, Search, control_home, fewer, validation_home


def test_the_home_to_search_in_has_no_test_message_and_validation_in_its_place(home: Path, tmp_path: Path) -> None:
    with filled(home, [chat(*(f"message {i}" for i in range(60))), chat("hi", "ho")]) as db:
        prepare(db)
        before = dict(db.execute("SELECT content, split FROM training_messages"))
    with open_database(validation_home(home, tmp_path / "search")) as db:
        after = dict(db.execute("SELECT content, split FROM training_messages"))
        lengths = db.execute(
            "SELECT messages, (SELECT count(*) FROM training_messages AS t WHERE t.conversation_id = c.conversation_id)"
            " FROM training_conversations AS c"
        ).fetchall()
    assert {"train", "validation", "test"} == set(before.values())
    renamed = {"train": "train", "validation": "test"}
    assert after == {text: renamed[split] for text, split in before.items() if split != "test"}
    assert all(recorded == there for recorded, there in lengths)


def test_fewer_messages_are_whole_conversations_and_the_held_out_ones_stay(home: Path, tmp_path: Path) -> None:
    with filled(home, [chat(*(f"{i} of {j}" for i in range(30))) for j in range(4)]) as db:
        prepare(db)
    query = "SELECT split, count(*), count(DISTINCT conversation_id) FROM training_messages GROUP BY 1 ORDER BY 1"
    with open_database(home) as db:
        before = {split: counts for split, *counts in db.execute(query)}
    with open_database(fewer(home, tmp_path / "fewer", before["train"][0] // 2)) as db:
        after = {split: counts for split, *counts in db.execute(query)}
    assert after["train"] == [before["train"][0] // 2, 2]
    assert after[None] == after["train"]
    assert {split: after[split] for split in ("validation", "test")} == {
        split: before[split] for split in ("validation", "test")
    }


def test_every_candidate_is_a_setting_of_a_run() -> None:
    for candidate in CANDIDATES.values():
        assert type(BASE)(**{**BASE.model_dump(), **candidate.changes})
    assert len(CANDIDATES) <= 20


def test_a_control_is_the_same_messages_under_shuffled_names(home: Path, tmp_path: Path) -> None:
    with filled(home, [chat(*(f"{i} of {j}" for i in range(30))) for j in range(4)]) as db:
        prepare(db)
    fewer_home = fewer(home, tmp_path / "fewer", 30)
    query = "SELECT conversation_id, position, content, delta, split FROM training_messages ORDER BY 1, 2"
    names = "SELECT sender FROM training_messages ORDER BY conversation_id, position"
    with open_database(fewer_home) as db, open_database(control_home(fewer_home, 0)) as control:
        assert control.execute(query).fetchall() == db.execute(query).fetchall()
        assert control.execute(names).fetchall() != db.execute(names).fetchall()
    with open_database(control_home(fewer_home, 1)) as control, open_database(control_home(fewer_home, 0)) as again:
        assert control.execute(names).fetchall() != again.execute(names).fetchall()


def test_a_control_trains_as_long_as_what_it_controls(home: Path, tmp_path: Path) -> None:
    with filled(home, [chat(*(f"{i} of {j}" for i in range(150))) for j in range(2)]) as db:
        prepare(db, PrepareOptions(holdout=30))
    candidate = Candidate({"model": "tiny", "top_layers": None, "targets_per_window": 2, "window": 2})
    search = Search(tmp_path)
    for seed in (0, 1):
        result, control, difference = search.with_control("tiny", home, candidate, Length(200, seed))
        assert (control["name"], control["seed"]) == ("tiny, names shuffled", seed)
        assert control["steps"] == result["steps"]
        assert control["messages"] == result["messages"]
        compared = difference["metrics"]["likelihood"]
        assert compared["low"] <= compared["difference"] <= compared["high"]
    finished = (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(finished) == 4
    assert search.result("tiny", home, candidate, Length(200, 1))["run"] == result["run"]  # read, not trained again
    assert (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines() == finished
