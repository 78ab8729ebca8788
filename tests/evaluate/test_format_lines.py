"""The lines that show a base model the format."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from file_builder import Conversation, Message, filled
from stages import prepare

from ventriloquist.evaluate.format_lines import FORMAT_LINES, format_lines
from ventriloquist.prepare import PrepareOptions
from ventriloquist.transcript import parse_line

FAR = 10**6


def talk(name: str, count: int, prefix: str) -> Conversation:
    return Conversation([Message("Me" if i % 2 else name, f"{prefix} number {i}") for i in range(count)])


def test_the_lines_are_training_messages_of_everybody_in_turn_and_drawn_by_the_seed(tmp_path: Path) -> None:
    said = [talk("Ann", 60, "from a long chat"), talk("Ben", 40, "short"), talk("Cem", 20, "x" * 300)]
    with filled(tmp_path / "home", said, owner="Me") as db:
        prepare(db, PrepareOptions())
        splits = dict(db.execute("SELECT content, coalesce(split, 'train') FROM training_messages").fetchall())
        ids = [id for (id,) in db.execute("SELECT DISTINCT conversation_id FROM training_messages")]
        everything = dict.fromkeys(ids, FAR)
        shown = format_lines(db, everything, seed=1)
        assert shown == format_lines(db, everything, seed=1) != format_lines(db, everything, seed=2)
        header, *lines = shown.splitlines()
        parsed = [parse_line(line) for line in lines]
        assert shown.endswith("\n")
        assert len(parsed) == FORMAT_LINES
        assert all(name in header for name in ("Me", "Ann", "Ben"))
        assert "Cem" not in shown  # too long for every row to be read after
        assert max(Counter(line.name for line in parsed).values()) <= 3
        assert {splits[line.content] for line in parsed} == {"train"}
        some = {**everything, ids[0]: 3}  # a run that was trained on no more of the first conversation
        first = dict(db.execute("SELECT content, position FROM training_messages WHERE conversation_id = ?", (ids[0],)))
        drawn = [parse_line(line).content for line in format_lines(db, some, seed=1).splitlines()[1:]]
        assert all(first.get(content, 0) < 3 for content in drawn)
        assert format_lines(db, {}, seed=1) == ""
