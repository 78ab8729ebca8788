from __future__ import annotations

import random
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ventriloquist.demo.cast import CONVERSATIONS, Conversation
from ventriloquist.demo.script import Scene, ScriptError, Spoken, parse_script, play, play_anew, repeated_share

SCRIPT = """= the lost drill
R: Have you seen the {tool:drill|router}? It's not on the {bench|shelf}
M: noooo
M^1: is the {tool} {|really} lost

= photos
M: [photo]
"""


def played(text: str, seed: int = 0) -> list[Spoken]:
    return play(parse_script(text, "RM")[0], random.Random(seed))


def test_a_script_is_scenes_of_lines() -> None:
    drill, photos = parse_script(SCRIPT, "RM")
    assert (drill.title, len(drill.lines)) == ("the lost drill", 3)
    assert [line.reply_to for line in drill.lines] == [None, None, 1]
    assert play(photos, random.Random(0)) == [Spoken("M", "[photo]", None)]


@given(st.integers())
def test_what_is_remembered_is_repeated_and_spaces_are_folded(seed: int) -> None:
    first, _, last = played(SCRIPT, seed)
    tool = "drill" if "drill" in first.text else "router"
    assert first.text in {f"Have you seen the {tool}? It's not on the {place}" for place in ("bench", "shelf")}
    assert last.text in {f"is the {tool} lost", f"is the {tool} really lost"}


def test_plays_with_the_same_seed_are_equal() -> None:
    assert played(SCRIPT, 5) == played(SCRIPT, 5)


@pytest.mark.parametrize(
    ("script", "line", "complaint"),
    [
        ("R: hello", 1, "outside a scene"),
        ("= a\nR: x\n\n\nM hello", 5, "outside a scene"),
        ("= a\nR hello", 2, "neither a title nor a message"),
        ("= a\nR:hello", 2, "neither a title nor a message"),
        ("= a\nX: hello", 2, "nobody here is X"),
        ("= a\nR^1: hello", 2, "above the scene"),
        ("= a\nR: {a|b", 2, "belongs to no choice"),
        ("= a\nR: a|b", 2, "belongs to no choice"),
        ("= a\nR: {a|{b|c}}", 2, "belongs to no choice"),
        ("= a\nR: {tool}", 2, "nothing is remembered as 'tool'"),
        ("= a\nR: {t:a|b} {t:c|d}", 2, "remembered already"),
        ("= a\nR: {t:a|b}\n\n= b\nR: {t}", 5, "nothing is remembered as 't'"),
        ("= a\nR: {a|a}", 2, "the same"),
        ("= a\nR: {a|} {|b}", 2, "may come out empty"),
        ("= a\nR: x\n\n= a\nR: y", 4, "taken"),
        ("= a\n\n= b\nR: x", 2, "empty"),
        ("= a\nR: x\n= b\nR: y", 3, "without a blank line"),
    ],
)
def test_a_line_that_is_not_in_the_format_is_named(script: str, line: int, complaint: str) -> None:
    with pytest.raises(ScriptError, match=f"^maya.txt:{line}: .*{complaint}"):
        parse_script(script, "RM", name="maya.txt")


def test_a_second_play_avoids_what_was_written_before() -> None:
    text = "= a\nR: We are {meeting at the old station|walking to the harbour} tonight, are we not?\n"
    (scene,) = parse_script(text, "R")
    first = play(scene, random.Random(0))
    second = play_anew(scene, {first[0].text}, random.Random(1))
    assert second[0].text != first[0].text
    assert repeated_share(first, {first[0].text}) == 1
    assert repeated_share(second, {first[0].text}) == 0


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=[conversation.script for conversation in CONVERSATIONS])
def test_every_script_is_in_the_format_and_everybody_in_it_speaks(conversation: Conversation) -> None:
    script, initials, *_ = conversation
    text = resources.files("ventriloquist.demo").joinpath("scripts", f"{script}.txt").read_text(encoding="utf-8")
    scenes: list[Scene] = parse_script(text, initials, name=script)
    assert len(scenes) >= 15
    assert all(8 <= len(scene.lines) <= 30 for scene in scenes)
    assert {line.speaker for scene in scenes for line in scene.lines} == set(initials)
