"""Training on from an adapter: its weights and shape, and what it has seen already."""

from __future__ import annotations

from pathlib import Path

import pytest
from file_builder import MINUTE, NOON
from stages import prepare, train

from ventriloquist.errors import ModelError
from ventriloquist.layout import LOG
from ventriloquist.model.adapter import load_adapter
from ventriloquist.model.manifest import first_unseen, read_manifest
from ventriloquist.prepare import PrepareOptions
from ventriloquist.store import Connection
from ventriloquist.train import log, preset

QUICK = preset("tiny").changed(
    max_steps=6, max_length=512, targets_per_window=8, context=8, window=9, rank=4, alpha=8, validation_messages=8
)


def test_training_on_from_an_adapter_starts_where_it_ended(prepared: Connection, home: Path) -> None:
    first = Path(train(prepared, QUICK.changed(learning_rate=1e-2), home=home).run)
    steps = log.read(first / LOG)
    # another rank is asked for: the adapter's own is kept
    settings = QUICK.changed(continue_from=first.name, max_steps=2, seed=5, rank=8, alpha=16)
    second = Path(train(prepared, settings, home=home).run)
    assert log.read(second / LOG)[0].loss < steps[0].loss - 0.2
    manifest = read_manifest(second)
    assert manifest.settings["continue_from"] == first.name
    assert manifest.settings["rank"] == 4
    assert {*read_manifest(first).people} <= {*manifest.people}
    assert load_adapter(second).model.peft_config["default"].r == 4


def test_what_an_earlier_adapter_was_trained_on_does_not_count_as_held_out(prepared: Connection, home: Path) -> None:
    first = Path(train(prepared, QUICK.changed(max_steps=1), home=home).run)
    earlier = read_manifest(first)
    later_mark = max(earlier.held_out.values()) + 3
    conversation = max(earlier.held_out, key=lambda number: earlier.held_out[number])
    marks = {**earlier.held_out, conversation: later_mark}
    gone = [*earlier.people, "Somebody Gone"]
    marks[99] = 7  # a conversation that is left out now
    earlier.model_copy(update={"held_out": marks, "people": gone}).write(first)
    second = Path(train(prepared, QUICK.changed(max_steps=1, continue_from=str(first)), home=home).run)
    manifest = read_manifest(second)
    assert manifest.held_out == marks
    assert "Somebody Gone" in manifest.people  # to forget them must reach this adapter too


def test_the_mark_moves_with_older_messages_that_are_there_later(prepared: Connection, home: Path) -> None:
    midnight = NOON + 120 * MINUTE  # in that time zone: the middle of the longest conversation
    prepare(prepared, PrepareOptions(timezone="Etc/GMT-10", since="2024-03-16"))
    first = Path(train(prepared, QUICK.changed(max_steps=1), home=home).run)
    earlier = read_manifest(first)
    longest = max(earlier.held_out, key=lambda conversation: earlier.held_out[conversation])
    prepare(prepared)
    query = "SELECT count(*) FROM training_messages WHERE conversation_id = ? AND sent_at < ?"
    (older,) = prepared.execute(query, (longest, midnight)).fetchone()
    expected = earlier.held_out[longest] + older
    assert older > 100
    assert first_unseen(prepared, earlier)[longest] == expected
    prepare(prepared, PrepareOptions(holdout=60))  # more is held out than the first run left
    second = Path(train(prepared, QUICK.changed(max_steps=1, continue_from=str(first)), home=home).run)
    assert read_manifest(second).held_out[longest] == expected
    assert read_manifest(second).trained_until[longest] == earlier.trained_until[longest]


def test_an_adapter_of_somebody_forgotten_or_of_another_base_is_not_trained_on(
    prepared: Connection, home: Path
) -> None:
    first = Path(train(prepared, QUICK.changed(max_steps=1), home=home).run)
    with pytest.raises(ModelError, match="is an adapter for tiny"):
        train(prepared, preset("smollm2").changed(continue_from=first.name), home=home)
    read_manifest(first).model_copy(update={"tainted": "Kim was forgotten."}).write(first)
    with pytest.raises(ModelError, match="Kim was forgotten"):
        train(prepared, QUICK.changed(continue_from=first.name), home=home)
    assert [path.name for path in (home / "runs").iterdir()] == [first.name]
