"""A home as version 0.1.0 left it: its file, its adapter on a base model in the home, and its export.

`homes/0.1.0.tar.gz` was written by 0.1.0 with `vq collect`, `prepare --timezone Europe/Berlin`, `train --max-steps 3`
and `export`, on invented messages. It lay somewhere else then.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ventriloquist.cli.app import app
from ventriloquist.model.adapter import find_run, load_adapter
from ventriloquist.model.manifest import first_unseen
from ventriloquist.store import corpus, open_database
from ventriloquist.train import resolve_settings
from ventriloquist.train.folder import recorded_settings

FILES = ("train.jsonl", "validation.jsonl", "test.jsonl")


@pytest.fixture
def old(home: Path, tmp_path: Path) -> Path:
    with tarfile.open(Path(__file__).parent / "homes" / "0.1.0.tar.gz") as archive:
        archive.extractall(tmp_path / "old", filter="data")
    shutil.move(tmp_path / "old" / "home", home)
    return home


def vq(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_an_old_adapter_loads_on_its_base_and_knows_what_it_was_trained_on(old: Path) -> None:
    adapter = load_adapter(find_run(old / "runs"))
    with open_database(old) as db:
        assert corpus.data_hash(db) == adapter.manifest.data_hash
        assert first_unseen(db, adapter.manifest) == adapter.manifest.held_out
    assert adapter.manifest.people[0] == "Robin Oak"


def test_the_settings_of_an_old_run_are_read_though_one_has_another_name_now(old: Path) -> None:
    run = find_run(old / "runs")
    written = json.loads((run / "settings.json").read_text(encoding="utf-8"))
    assert recorded_settings(run).gradient_checkpointing is written["recompute"]
    again = resolve_settings(str(run / "settings.json"), {"seed": 1})
    assert again == recorded_settings(run).changed(seed=1)


def test_an_old_file_is_exported_to_the_same_bytes(old: Path) -> None:
    before = {name: (old / "exports" / name).read_bytes() for name in FILES}
    vq("export")
    assert {name: (old / "exports" / name).read_bytes() for name in FILES} == before


def test_an_old_file_prepared_again_has_the_same_lines(old: Path) -> None:
    with open_database(old) as db:
        before = list(corpus.lines_of_all(db))
    vq("prepare", "--timezone", "Europe/Berlin")
    with open_database(old) as db:
        assert list(corpus.lines_of_all(db)) == before


def test_an_old_file_is_searched_and_written_as_pages(old: Path) -> None:
    with open_database(old) as db:
        (text,) = db.execute("SELECT text FROM text_messages WHERE text LIKE '% %' LIMIT 1").fetchone()
    found = json.loads(vq("search", "--json", *text.split()))
    assert text in [hit["text"] for hit in found["hits"]]
    assert json.loads(vq("export", "--format", "html", "--json"))["messages"] == 161


def test_an_old_home_is_listed_evaluated_and_forgets(old: Path) -> None:
    status = json.loads(vq("status", "--json"))
    assert (status["rows"]["text_messages"], len(status["adapters"])) == (161, 1)
    assert "Kim Moss" in vq("status", "--people")
    assert json.loads(vq("eval", "--quick", "--only", "likelihood", "--json"))["held_out"] > 0
    vq("forget", "Kim Moss", "--yes")
    assert "Kim" not in vq("status", "--people")
