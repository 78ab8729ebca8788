"""What the prepared file says of the people."""

from __future__ import annotations

from pathlib import Path

import pytest
from file_builder import DAY, NOON, Conversation, Message, filled
from made_up import target
from stages import prepare

from ventriloquist.evaluate import context as module
from ventriloquist.evaluate.context import read_context
from ventriloquist.model.manifest import Manifest


def test_of_each_message_what_was_typed_is_read(home: Path) -> None:
    said = [Message("Sam" if i % 2 else "Aidan Allchin", f"line {i}") for i in range(40)]
    said[0].guid = "first"
    said[3] = Message("Sam", "250-555-0133", reply_to="first")
    said[5] = Message("Sam", "no, x@example.org!", reply_to="first")
    with filled(home, [Conversation(said)]) as db:
        prepare(db)
        assert "[replying to" in db.execute("SELECT group_concat(content) FROM training_messages").fetchone()[0]
        held_out = [target("Sam", '[replying to "line 0"] sure'), target("Sam", "[phone]")]
        known = read_context(db, held_out, {1: len(said)}, seed=0)
    assert known.training["Sam"][:3] == ["line 1", "no,!", "line 7"]
    assert [one.content for one in known.real] == ["sure"]
    assert [reply.content for reply in known.past if reply.name == "Sam"] == known.training["Sam"]
    assert next(reply for reply in known.past if reply.content == "line 4").before == ""
    assert known.division["tested on"] == 2


def test_the_past_messages_that_are_searched_are_the_latest_in_time(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_PAST", 3)
    later, earlier = (
        Conversation([Message("Sam" if i % 2 else "Aidan Allchin", f"{word} {i}", at + i) for i in range(8)])
        for word, at in (("later", NOON + DAY), ("earlier", NOON))
    )
    with filled(home, [later, earlier]) as db:
        prepare(db)
        past = read_context(db, [], {1: 8, 2: 8}, seed=0).past
    assert [reply.content for reply in past if reply.name == "Sam"] == ["later 3", "later 5", "later 7"]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"trained_targets": 17}, 17),  # stopped by the clock
        ({"trained_targets": 0}, 0),
        ({"trained_targets": 200}, 40),  # five times each
        ({}, 40),  # a manifest of before
        ({"trained_targets": "many"}, 40),
    ],
)
def test_trained_on_is_what_the_run_saw_not_what_there_was(
    home: Path, result: dict[str, object], expected: int
) -> None:
    said = [Message("Sam" if i % 2 else "Aidan Allchin", f"line {i}") for i in range(44)]
    manifest = Manifest.model_construct(result=result)
    with filled(home, [Conversation(said)]) as db:
        prepare(db)
        division = read_context(db, [], {1: 40}, seed=0, manifest=manifest).division
    assert division["trained on"] == expected
