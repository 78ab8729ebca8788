"""What forget names or removes of copies that lie elsewhere: merged models, saved chats, and what links lead to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from exported import export
from file_builder import chat, filled
from stages import prepare
from typer.testing import CliRunner

from ventriloquist import forget
from ventriloquist.cli.app import app
from ventriloquist.errors import StorageError
from ventriloquist.export import ExportOptions
from ventriloquist.store import open_database, record, recorded_run

OWNER = "Aidan Allchin"
WORD = "zzyzx"


@pytest.fixture
def ready(home: Path) -> Path:
    with filled(home, [chat(*(f"line {index}" for index in range(40)))]):
        pass
    return home


def forget_sam(home: Path) -> forget.ForgetPlan:
    with recorded_run(home, "forget") as run:
        plan = forget.plan(run.db, home, "Sam")
        run.result = forget.run(run.db, home, plan)
    return plan


def merged(folder: Path, people: list[str]) -> Path:
    folder.mkdir(parents=True)
    manifest = {"people": people, "base_model": ".", "held_out": {}}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    for name in ("model.safetensors", "README.md", "Modelfile", "tokenizer.json", "config.json"):
        (folder / name).write_text(WORD, encoding="utf-8")
    return folder


def run_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text('{"targets_per_window": 64}', encoding="utf-8")
    (folder / "weights").write_text(WORD, encoding="utf-8")
    return folder


def test_a_merged_model_elsewhere_is_named_if_it_may_know_the_person(ready: Path, tmp_path: Path) -> None:
    knows = merged(tmp_path / "knows", [OWNER, "Sam"])
    others = merged(tmp_path / "others", [OWNER, "Kim"])
    damaged = merged(tmp_path / "damaged", [OWNER])
    (damaged / "manifest.json").write_text("{", encoding="utf-8")
    for folder in (knows, others, damaged, tmp_path / "gone"):
        with recorded_run(ready, "merge", {"folder": str(folder)}):
            pass
    assert forget_sam(ready).artifacts.elsewhere == (str(damaged), str(knows))
    assert (knows / "model.safetensors").exists()


def test_what_a_killed_merge_has_left_elsewhere_is_named(ready: Path, tmp_path: Path) -> None:
    rest = tmp_path / ".mine.ab12.partial"
    rest.mkdir()
    with pytest.raises(ZeroDivisionError), recorded_run(ready, "merge", {"folder": str(tmp_path / "mine")}):
        raise ZeroDivisionError  # as good as a kill: the row is not finished
    assert forget_sam(ready).artifacts.elsewhere == (str(rest),)


def test_a_merged_model_anywhere_in_the_home_goes_and_what_else_lies_there_stays(ready: Path) -> None:
    folder = merged(ready / "deep" / "mine", [OWNER, "Sam"])
    (folder / "notes.txt").write_text("kept", encoding="utf-8")
    with recorded_run(ready, "merge", {"folder": str(folder)}):
        pass
    assert forget_sam(ready).artifacts.elsewhere == ()
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_saved_chats_elsewhere_are_named_and_those_in_the_home_go(ready: Path, tmp_path: Path) -> None:
    for place in (tmp_path / "chat.jsonl", ready / "deep" / "chat.txt"):
        place.parent.mkdir(exist_ok=True)
        record(ready, "chat", {"saved": str(place)})
        place.write_text(WORD, encoding="utf-8")
    assert forget_sam(ready).artifacts.elsewhere == (str(tmp_path / "chat.jsonl"),)
    assert not (ready / "deep" / "chat.txt").exists()


def test_what_was_written_before_the_home_was_moved_is_found_in_it(
    ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recorded_run(ready, "prepare") as run:
        prepare(run.db)
    for folder in (ready / "deep" / "out", tmp_path / "out"):
        with recorded_run(ready, "export") as run:
            run.result = export(run.db, folder, ExportOptions())
    (ready / "deep" / "report.html").write_text(WORD, encoding="utf-8")
    with recorded_run(ready, "eval") as run:  # as it was recorded before
        parameters = json.dumps({"report": str(ready / "deep" / "report.html")})
        run.db.execute("UPDATE runs SET parameters = ? WHERE id = ?", (parameters, run.id))
        run.db.commit()
    moved = ready.with_name("moved")
    ready.rename(moved)
    monkeypatch.setenv("VQ_HOME", str(moved))
    assert forget_sam(moved).artifacts.elsewhere == (str(tmp_path / "out"),)
    assert not [path for path in (moved / "deep").rglob("*") if path.is_file()]


def test_an_export_that_was_killed_before_its_record_was_done_is_named(ready: Path, tmp_path: Path) -> None:
    with open_database(ready) as db:
        prepare(db)
        export(db, tmp_path / "out", ExportOptions())
    with pytest.raises(ZeroDivisionError), recorded_run(ready, "export", {"folder": str(tmp_path / "out")}):
        raise ZeroDivisionError
    assert forget_sam(ready).artifacts.elsewhere == (str(tmp_path / "out"),)


def test_a_run_that_is_a_link_goes_with_what_it_leads_to(ready: Path, tmp_path: Path) -> None:
    target = run_folder(tmp_path / "large" / "run")
    (ready / "runs").mkdir()
    (ready / "runs" / "1").symlink_to(target)
    (ready / "runs" / "latest").symlink_to(target)
    plan = forget_sam(ready)
    assert (plan.artifacts.removed_runs, plan.artifacts.elsewhere) == (("runs/1", "runs/latest"), ())
    assert not list((ready / "runs").iterdir())
    assert (target.exists(), target.parent.exists()) == (False, True)


def test_a_link_among_the_runs_to_something_else_is_cut_and_what_it_leads_to_is_named(
    ready: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letters.txt").write_text("kept", encoding="utf-8")
    (ready / "runs").mkdir()
    (ready / "runs" / "1").symlink_to(tmp_path / "mine")
    (tmp_path / "mine" / "base").mkdir()
    (tmp_path / "mine" / "manifest.json").write_text('{"name": "my app"}', encoding="utf-8")
    (ready / "runs" / "2").symlink_to(tmp_path)  # the home lies in it
    (tmp_path / "settings.json").write_text("{}", encoding="utf-8")
    assert forget_sam(ready).artifacts.elsewhere == (str(tmp_path / "mine"), str(tmp_path))
    assert (tmp_path / "mine" / "letters.txt").exists()
    assert not list((ready / "runs").iterdir())


def test_what_links_in_exports_and_runs_lead_to_is_named(ready: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(WORD, encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (ready / "exports").mkdir()
    (ready / "exports" / "train.jsonl").symlink_to(tmp_path / "file")
    run = run_folder(ready / "runs" / "1")
    (run / "checkpoints").symlink_to(tmp_path / "folder")
    assert set(forget_sam(ready).artifacts.elsewhere) == {str(tmp_path / "file"), str(tmp_path / "folder")}
    assert not run.exists()
    assert (tmp_path / "file").exists()


def test_the_command_says_what_to_do_about_a_copy_elsewhere(ready: Path, tmp_path: Path) -> None:
    folder = merged(tmp_path / "knows", [OWNER, "Sam"])
    with recorded_run(ready, "merge", {"folder": str(folder)}):
        pass
    result = CliRunner().invoke(app, ["forget", "Sam", "--yes"])
    assert result.exit_code == 0, result.output
    assert f"{folder}: this copy lies elsewhere and still has their messages: delete it yourself." in result.stderr


def test_a_forget_that_is_cut_off_in_a_merged_model_goes_on_with_it(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = merged(ready / "mine", [OWNER, "Sam"])
    with recorded_run(ready, "merge", {"folder": str(folder)}):
        pass
    unlink = Path.unlink

    def in_use(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".safetensors":
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", in_use)
        with pytest.raises(StorageError):
            forget_sam(ready)
    forget_sam(ready)
    assert not [*folder.glob("*.safetensors")]


def test_a_handle_in_the_file_of_corrections_is_named(ready: Path) -> None:
    with open_database(ready) as db:
        (handle,) = db.execute(
            "SELECT h.handle FROM handles h JOIN people p ON p.id = h.person_id WHERE p.name = 'Sam' LIMIT 1"
        ).fetchone()
    path = ready / "corrections.toml"
    path.write_text("this is not TOML")
    with open_database(ready) as db:
        assert forget.plan(db, ready, "Sam").in_corrections == path  # nobody can tell
    path.write_text(f'merge = [["{handle}", "telegram:user777"]]\n')
    with open_database(ready) as db:
        assert forget.plan(db, ready, "Sam").in_corrections == path
    result = CliRunner().invoke(app, ["forget", "Sam", "--yes"], env={"VQ_HOME": str(ready)})
    assert result.exit_code == 0
    assert "may still hold their numbers or addresses" in " ".join(result.output.split())
