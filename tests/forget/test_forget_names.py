"""Who is meant by `vq forget`, however a name or a handle is written, and where they are named in earlier runs."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from file_builder import Conversation, Message, filled
from stages import prepare
from typer.testing import CliRunner, Result

from ventriloquist import forget
from ventriloquist.cli.app import app
from ventriloquist.errors import UnknownNameError, VentriloquistError
from ventriloquist.names import fold
from ventriloquist.prepare import PrepareOptions
from ventriloquist.store import Connection, open_database, recorded_run, transaction

OWNER = "Aidan Allchin"
NAME = "Sam O’Neill-Façade"
WRITTEN = [
    NAME,
    "sam o'neill-façade",
    "SAM O`NEILL‑FAÇADE",
    "  Sam  Oʼneill-façade ",
    unicodedata.normalize("NFD", NAME),
    unicodedata.normalize("NFD", NAME).upper(),
    "\u2068Sam O’Neill-Façade\u2069",
    "+15550100199",
    "+1 (555) 010-0199",
    "5550100199",
    "(555) 010 0199",
    "Sam@Example.COM",
    " sam@example.com",
    "samuel oneill",  # what their card calls them
]


@pytest.fixture
def db(home: Path) -> Connection:
    chats = [
        Conversation([Message(name if i % 2 else OWNER, f"{name} {i}") for i in range(20)])
        for name in (NAME, "Kim Oak")
    ]
    with filled(home, chats) as db, transaction(db):
        for handle, person in (("+15550100100", 1), ("+15550100199", 2), ("sam@example.com", 2), ("+15550100177", 3)):
            db.execute("INSERT INTO handles VALUES (?, ?)", (handle, person))
        db.execute("INSERT INTO cards VALUES ('here', 'book', 1, 'Samuel', 'Oneill', '', '', '[]', 0, 2)")
    return db


def vq(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("name", WRITTEN)
def test_a_person_is_found_however_they_are_written(home: Path, name: str) -> None:
    with open_database(home) as db:
        assert forget.plan(db, home, name).person.name == NAME


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("name", ["Sam", "0199", "010-0199", "sam@example.org", "+445550100199", ""])
def test_a_part_of_a_name_or_number_is_nobodys(home: Path, name: str) -> None:
    with open_database(home) as db, pytest.raises(UnknownNameError):
        forget.plan(db, home, name)


@pytest.mark.usefixtures("db")
def test_of_several_people_a_list_is_shown(home: Path) -> None:
    with open_database(home) as db, transaction(db):
        db.execute("INSERT INTO people (id, name) VALUES (4, ?)", (NAME.upper(),))
        db.execute("INSERT INTO handles VALUES ('+15550100188', 4)")
    with open_database(home) as db:
        assert forget.plan(db, home, NAME).person.id == 2
        assert forget.plan(db, home, NAME.upper()).person.id == 4
    result = vq("forget", NAME.lower(), "--yes")
    assert result.exit_code == 1
    what, hint = result.stderr.splitlines()
    for shown in ("Several people", repr(NAME), repr(NAME.upper()), "+15550100199", "+15550100188"):
        assert shown in what
    assert "as it is written here" in hint
    with open_database(home) as db, pytest.raises(VentriloquistError, match="Several people"):
        forget.plan(db, home, NAME.lower())


@pytest.mark.usefixtures("db")
def test_no_way_of_writing_a_name_or_handle_is_left_in_earlier_runs(home: Path) -> None:
    for text in WRITTEN:
        with recorded_run(home, "collect", {"exclude": [text, "Kim Oak"], text: 1}) as run:
            run.result = {"notes": [f"It says {text.strip()}, twice: {text.strip()}"]}
    assert vq("forget", "sam@example.com", "--yes").exit_code == 0
    with open_database(home) as db:
        runs = db.execute("SELECT parameters, result FROM runs WHERE command = 'collect'").fetchall()
    for parameters, result in runs:
        assert json.loads(parameters) == {"exclude": ["[forgotten]", "Kim Oak"], "[forgotten]": 1}
        assert json.loads(result.translate({0x2068: None, 0x2069: None})) == {
            "notes": ["It says [forgotten], twice: [forgotten]"]
        }


@pytest.mark.usefixtures("db")
def test_somebody_elses_number_and_a_folder_stay_in_earlier_runs(home: Path) -> None:
    kept = {"exclude": ["+1 555 010 0177", "15550100199999"], "folder": "/exports/sam o'neill-façade/here"}
    with recorded_run(home, "collect", kept):
        pass
    assert vq("forget", NAME, "--yes").exit_code == 0
    with open_database(home) as db:
        (parameters,) = db.execute("SELECT parameters FROM runs WHERE command = 'collect'").fetchone()
    assert json.loads(parameters) == kept


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("name", WRITTEN)
def test_whoever_was_left_out_in_another_case_does_not_stop_preparing_again(home: Path, name: str) -> None:
    with recorded_run(home, "prepare", {"exclude_people": [name], "exclude_conversations": [name]}) as run:
        run.result = prepare(run.db, PrepareOptions())
    with recorded_run(home, "forget") as run:
        run.result = summary = forget.run(run.db, home, forget.plan(run.db, home, NAME))
    assert summary.prepared_again


def test_names_fold_alike_only_where_they_are_alike() -> None:
    assert fold("Straße") == fold("STRASSE")
    assert fold("İpek") != fold("Ipek")
    assert fold("Sam (2)") != fold("Sam")
    assert len({fold(name) for name in WRITTEN[:7]}) == 1


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("place", ["home", "elsewhere"])
def test_what_a_killed_export_has_written_is_found(home: Path, tmp_path: Path, place: str) -> None:
    folder = (home if place == "home" else tmp_path) / "mine"
    assert vq("prepare").exit_code == 0
    assert vq("export", "--output", str(folder)).exit_code == 0
    with open_database(home) as db, transaction(db):
        db.execute("UPDATE runs SET finished_at = NULL, result = NULL WHERE command = 'export'")
    (folder / "manifest.json").unlink()
    for file in list(folder.iterdir()):
        file.rename(folder / f".{file.name}.partial")
    with open_database(home) as db:
        plan = forget.plan(db, home, NAME)
    assert vq("forget", NAME, "--yes").exit_code == 0
    if place == "home":
        assert list(folder.iterdir()) == []
    else:
        assert plan.artifacts.elsewhere == (str(folder),)


@pytest.mark.usefixtures("db")
def test_a_path_with_the_name_in_it_is_kept_while_something_is_there(home: Path, tmp_path: Path) -> None:
    """A later forget of somebody else has to find it."""
    there, gone = tmp_path / NAME / "Sam's", tmp_path / "gone" / NAME / "out"
    there.mkdir(parents=True)
    inside = home / "deep" / NAME
    inside.mkdir(parents=True)
    for folder in (there, gone, inside):
        with recorded_run(home, "export", {"folder": str(folder)}):
            pass
    assert vq("forget", NAME, "--yes").exit_code == 0
    with open_database(home) as db:
        recorded = [
            json.loads(parameters)["folder"]
            for (parameters,) in db.execute("SELECT parameters FROM runs WHERE command = 'export' ORDER BY id")
        ]
        assert recorded == [str(there), str(gone).replace(NAME, "[forgotten]"), f"deep/{NAME}"]
        assert forget.plan(db, home, "Kim Oak").artifacts.elsewhere == (str(there),)


def test_a_name_in_quotes_is_scrubbed_with_any_kind_of_quotes(home: Path) -> None:
    with filled(home, [Conversation([Message('Sam "Sunny" Oak', "hi"), Message(OWNER, "hello")])]):
        pass
    with recorded_run(home, "note", {"text": "with sam “sunny” oak and Kim"}):
        pass
    assert vq("forget", "2@example.org", "--yes").exit_code == 0
    with open_database(home) as db:
        (parameters,) = db.execute("SELECT parameters FROM runs WHERE command = 'note'").fetchone()
    assert json.loads(parameters) == {"text": "with [forgotten] and Kim"}


@pytest.mark.usefixtures("db")
def test_an_unknown_name_offers_one_with_another_kind_of_apostrophe(home: Path) -> None:
    with open_database(home) as db, pytest.raises(UnknownNameError) as caught:
        forget.plan(db, home, "O'NEILL-FAÇADE")
    assert caught.value.hint == f"Did you mean {NAME!r}?"
