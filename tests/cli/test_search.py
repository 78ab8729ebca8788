"""vq search as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from file_builder import Conversation, Message, chat, filled
from typer.testing import CliRunner, Result

from ventriloquist.cli.app import app
from ventriloquist.store import open_database, recorded_run


def vq(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


@pytest.fixture
def ready(home: Path) -> Path:
    group = Conversation(
        [Message("Sam", "pizza\nat the \x1b[31m café\u202e"), Message("Kim", "x " * 300 + "needle " + "y " * 300)],
        type="group",
        title="climbing\n2024-01-01 00:00  forged",
    )
    with filled(home, [chat("pizza tonight?", "yes pizza"), group]):
        pass
    return home


def test_a_hit_is_one_line_with_where_who_when_and_the_marked_words(ready: Path) -> None:
    shown = vq("search", "PIZZA", "cafe")
    (line,) = shown.stdout.splitlines()
    assert line.startswith(r"2024-03-15 12:01  climbing\n2024-01-01 00:00  forged (2)  Sam: *pizza*\nat the ")
    assert r"\x1b[31m" in line
    assert r"\u202e" in line
    assert "Next: vq export --format html --conversation 2" in shown.stderr


def test_what_is_left_out_is_said_for_one_hit_and_for_several(ready: Path) -> None:
    assert vq("search", "pizza", "--limit", "1").stderr.startswith("There are more: this is the newest. ")
    assert vq("search", "pizza", "--limit", "2").stderr.startswith("There are more: these are the newest 2. ")


def test_a_long_message_is_cut_around_the_hit(ready: Path) -> None:
    (line,) = vq("search", "needle").stdout.splitlines()
    assert "*needle*" in line
    assert len(line) < 450
    assert line.count("…") == 2


def test_json_has_the_whole_text_and_where_the_words_are(ready: Path) -> None:
    shown = vq("search", "pizza", "--json", "--limit", "2")
    result = json.loads(shown.stdout)
    assert [hit["text"] for hit in result["hits"]] == ["yes pizza", "pizza tonight?"] or len(result["hits"]) == 2
    assert result["more"]
    hit = next(hit for hit in result["hits"] if hit["text"] == "yes pizza")
    assert (hit["name"], hit["title"], hit["conversation"], hit["spans"]) == ("Sam", "Sam", 1, [[4, 9]])
    assert shown.stderr == ""


@pytest.mark.parametrize("words", [["AND"], ["*"], ['"'], ["NEAR("], ["text:"], ["\\"], ["'; DROP TABLE people; --"]])
def test_nothing_in_a_query_is_an_operator(ready: Path, words: list[str]) -> None:
    shown = vq("search", *words)
    assert shown.exit_code == 0
    assert shown.stdout == ""
    assert "Nothing found." in shown.stderr
    assert len(shown.stderr.splitlines()) == 1


def test_a_person_who_is_not_there_is_an_error_with_a_suggestion(ready: Path) -> None:
    shown = vq("search", "pizza", "--person", "Samm")
    assert shown.exit_code == 1
    assert "Did you mean 'Sam'?" in shown.stderr


def test_dates_are_checked(ready: Path) -> None:
    assert vq("search", "pizza", "--since", "soon").exit_code == 1
    assert vq("search", "pizza", "--since", "2024-02-01", "--until", "2024-01-01").exit_code == 2
    assert "leave out" in vq("search", "pizza", "--since", "2025-01-01").stderr
    assert vq("search", "pizza", "--until", "2024-03-15").stdout.count("\n") == 3


def test_a_search_does_not_wait_for_a_run_and_is_not_recorded(ready: Path) -> None:
    with recorded_run(ready, "train"):
        assert vq("search", "pizza").stdout.count("\n") == 3
    with open_database(ready) as db:
        assert db.execute("SELECT command FROM runs").fetchall() == [("train",)]


def test_without_a_file_the_next_step_is_to_collect(home: Path) -> None:
    shown = vq("search", "pizza")
    assert (shown.exit_code, "Run: vq collect" in shown.stderr) == (1, True)
    assert not home.exists()
