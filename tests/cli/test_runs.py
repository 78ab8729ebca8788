"""What `vq runs` lists, shows and removes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ventriloquist.store.runs import lock_home

OLD, NEW = "20240315-120000-000", "20250101-080000-000"
MANIFEST = {
    "format_version": 1,
    "base_model": "unsloth/Qwen3-8B-Base",
    "base_revision": "abc",
    "window": 100,
    "targets_per_window": 64,
    "max_length": 8192,
    "settings": {"model": "unsloth/Qwen3-8B-Base", "rank": 128, "seed": 0},
    "people": ["Robin Oak", "Kim", "Zoë Field"],
    "packages": {"torch": "2.13.0"},
    "created_at": "2024-03-15T12:00:00+00:00",
    "result": {"trained_targets": 1722, "bits_per_character": 1.6118, "steps": 14, "minutes": 4.0},
    "tainted": None,
}


def make_run(home: Path, name: str, **changes: object) -> Path:
    folder = home / "runs" / name
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps(MANIFEST["settings"]), encoding="utf-8")
    (folder / "adapter_model.safetensors").write_bytes(b"\0" * 5_000_000)
    (folder / "manifest.json").write_text(json.dumps({**MANIFEST, **changes}), encoding="utf-8")
    return folder


def make_unfinished(home: Path, name: str, **settings: object) -> Path:
    folder = home / "runs" / name
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps({"model": "smollm2", **settings}), encoding="utf-8")
    return folder


def vq(*arguments: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ventriloquist", "runs", *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "TZ": "UTC", **({"VQ_HOME": str(home)} if home else {})},
    )


def listed() -> dict[str, dict[str, object]]:
    return {run["name"]: run for run in json.loads(vq("--json").stdout)["runs"]}


def test_each_run_is_a_line_with_its_figures(home: Path) -> None:
    make_run(home, OLD)
    make_run(home, NEW, created_at="2025-01-01T08:00:00+00:00")
    shown = vq()
    assert shown.returncode == 0
    head, old, new = shown.stdout.splitlines()
    assert head.split() == ["run", "trained", "model", "messages", "people", "bits/char", "size"]
    for part in (OLD, "2024-03-15 12:00", "unsloth/Qwen3-8B-Base", "1,722", " 3 ", "1.612", "5.0 MB"):
        assert part in old
    assert "chat uses it" in new
    assert "chat uses it" not in old
    assert listed()[OLD] == {
        "name": OLD,
        "state": "finished",
        "model": "unsloth/Qwen3-8B-Base",
        "created_at": "2024-03-15T12:00:00+00:00",
        "messages": 1722,
        "people": ["Robin Oak", "Kim", "Zoë Field"],
        "bits_per_character": 1.6118,
        "bytes": sum(path.stat().st_size for path in (home / "runs" / OLD).iterdir()),
        "tainted": None,
        "is_chat_default": False,
    }


def test_a_table_in_a_pipe_is_not_cut(home: Path) -> None:
    make_run(home, OLD, settings={"model": "/models/" + "long-" * 40 + "name"})
    assert "long-" * 40 + "name" in vq().stdout.splitlines()[1]


def test_without_runs_the_list_is_empty_and_the_next_step_is_to_train(home: Path) -> None:
    shown = vq()
    assert (shown.returncode, shown.stdout) == (0, "")
    assert shown.stderr.splitlines() == ["There are no runs yet.", "Next: vq train"]
    assert listed() == {}
    assert vq("show").returncode == 1
    assert not home.exists()


def test_unfinished_tainted_and_damaged_runs_are_told_apart(home: Path) -> None:
    make_unfinished(home, "1")
    make_run(home, "2", tainted="Trained on messages of a person who was forgotten on 2024-05-01.")
    make_run(home, "3")
    (home / "runs" / "3" / "manifest.json").write_text('{"people": [', encoding="utf-8")
    (home / "runs" / "not a run.txt").write_text("a file", encoding="utf-8")
    assert {name: run["state"] for name, run in listed().items()} == {
        "1": "unfinished",
        "2": "tainted",
        "3": "damaged",
    }
    shown = vq()
    assert "Warning: 2: Trained on messages of a person who was forgotten" in shown.stderr
    for name in "123":
        assert vq("show", name).returncode == 0


WRONG = [None, True, 0, -1.5, 1e400, 10**400, "text", [], [1], {}, {"a": 1}]


@pytest.mark.parametrize("field", [*MANIFEST, "result.trained_targets", "result.bits_per_character", "settings.model"])
def test_whatever_stands_in_a_manifest_is_listed_shown_and_removed(field: str, home: Path) -> None:
    from ventriloquist.cli.runs import details_rows
    from ventriloquist.runs import list_runs, plan_removal, remove, show_run

    part, _, key = field.partition(".")
    for number, wrong in enumerate(WRONG):
        changed = {**MANIFEST[part], key: wrong} if key else wrong  # type: ignore[dict-item]
        make_run(home, str(number), **{part: changed})
    assert len(list_runs(home)) == len(WRONG)
    assert vq().returncode == 0
    for number in range(len(WRONG)):
        assert list(details_rows(show_run(home, str(number))))
        remove(home, plan_removal(home, [str(number)]))
    assert list_runs(home) == []


def test_show_says_what_the_manifest_says(home: Path) -> None:
    make_run(home, OLD)
    shown = vq("show", OLD)
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    for line in (
        f"run {OLD}",
        "state finished; vq chat uses it",
        "people 3: Robin Oak, Kim, Zoë Field",
        "messages trained on 1,722",
        "validation 1.612 bits a character",
        "rank 128",
        "revision abc",
        "torch 2.13.0",
    ):
        assert line in lines
    assert json.loads(vq("show", OLD, "--json").stdout)["manifest"] == MANIFEST
    assert vq("show").stdout == shown.stdout  # the one that chat uses


def test_an_unknown_run_offers_the_nearest(home: Path) -> None:
    make_run(home, OLD)
    shown = vq("show", "20240315")
    assert shown.returncode == 1
    assert shown.stderr.splitlines() == ["Error: No run is called '20240315'.", f"Did you mean '{OLD}'?"]


def test_removing_asks_first(home: Path) -> None:
    make_run(home, OLD)
    shown = vq("remove", OLD)
    assert shown.returncode == 1
    assert "--yes" in shown.stderr
    assert OLD in listed()


def test_removing_says_what_chat_uses_then(home: Path) -> None:
    make_run(home, OLD)
    make_run(home, NEW)
    assert f"vq chat uses {OLD} without it." in vq("remove", NEW, "--yes").stderr
    assert list(listed()) == [OLD]
    shown = vq("remove", OLD, "--yes")
    assert "vq chat has no adapter without it." in shown.stderr
    assert list((home / "runs").iterdir()) == []


def test_removing_another_than_the_newest_changes_nothing_for_chat(home: Path) -> None:
    make_run(home, OLD)
    make_run(home, NEW)
    shown = vq("remove", OLD, "--yes", "--json")
    assert shown.stderr == ""
    assert json.loads(shown.stdout)["chat_uses"] == NEW


@pytest.mark.parametrize(
    "name", ["..", ".", "../letters", "{home}", "{home}/runs", "{home}/../elsewhere", "/", "~", ""]
)
def test_nothing_outside_of_the_runs_folder_is_removed(name: str, home: Path, tmp_path: Path) -> None:
    make_run(home, OLD)
    (home / "letters").mkdir()
    before = sorted(tmp_path.rglob("*"))
    shown = vq("remove", name.format(home=home), "--yes")
    assert shown.returncode == 1
    assert "Traceback" not in shown.stderr
    assert [path for path in before if not path.exists()] == []


def test_a_run_may_be_named_by_its_path(home: Path) -> None:
    make_run(home, OLD)
    assert vq("remove", f"{home / 'runs' / OLD}/", "--yes").returncode == 0
    assert listed() == {}


def test_of_a_run_that_is_a_link_only_the_link_is_removed_and_the_rest_named(home: Path, tmp_path: Path) -> None:
    target = make_run(tmp_path / "disk", OLD)
    (home / "runs").mkdir(parents=True)
    (home / "runs" / OLD).symlink_to(target)
    assert int(str(listed()[OLD]["bytes"])) > 5_000_000
    shown = vq("remove", OLD, "--yes")
    assert f"Only the link was removed; the folder stays: {target}" in shown.stderr
    assert not (home / "runs" / OLD).is_symlink()
    assert (target / "manifest.json").exists()


def test_a_link_within_a_run_is_not_followed(home: Path, tmp_path: Path) -> None:
    folder = make_run(home, OLD)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mine.txt").write_text("mine", encoding="utf-8")
    (folder / "link").symlink_to(tmp_path / "letters")
    assert vq("remove", OLD, "--yes").returncode == 0
    assert (tmp_path / "letters" / "mine.txt").exists()


def test_a_run_is_not_removed_while_a_command_is_at_work(home: Path) -> None:
    make_unfinished(home, NEW)
    with lock_home(home):
        shown = vq("remove", NEW, "--yes")
    assert shown.returncode == 1
    assert "Another vq run is using" in shown.stderr
    assert (home / "runs" / NEW / "settings.json").exists()


def test_who_could_not_be_resumed_any_more_is_named(home: Path) -> None:
    from ventriloquist.runs import plan_removal

    source = make_run(home, OLD)
    make_unfinished(home, NEW, continue_from=str(source))
    assert plan_removal(home, [OLD]).needed_by == [NEW]


def test_wrong_usage_is_said(home: Path) -> None:
    make_run(home, OLD)
    assert vq("remove").returncode == 2
    assert vq("show", OLD, NEW).returncode == 2
    assert vq("list", OLD).returncode == 2
    assert vq("burn").returncode == 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal")
@pytest.mark.parametrize(("answer", "left"), [("n", [OLD]), ("y", [])])
@pytest.mark.parametrize("columns", [60, 120])
def test_on_a_terminal_the_question_says_what_goes(answer: str, left: list[str], columns: int, home: Path) -> None:
    import pexpect

    make_run(home, OLD)
    child = pexpect.spawn(
        sys.executable,
        ["-m", "ventriloquist", "runs", "remove", OLD],
        timeout=60,
        encoding="utf-8",
        dimensions=(40, columns),
    )
    child.expect(rf"{OLD}: finished,\s+unsloth/Qwen3-8B-Base,\s+1,722\s+messages,\s+5.0\s+MB")  # broken between words
    child.expect("vq chat has no adapter without it")
    child.expect("Go on")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    assert list(listed()) == left


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal")
def test_a_list_on_a_narrow_terminal_is_whole(home: Path) -> None:
    import pexpect

    make_run(home, OLD)
    narrow = pexpect.run(
        f"{sys.executable} -m ventriloquist runs", encoding="utf-8", timeout=60, env={**os.environ, "COLUMNS": "60"}
    )
    for part in (OLD, "unsloth/Qwen3-8B-Base", "1,722 messages", "3 people", "1.612 bits/char", "5.0 MB"):
        assert part in narrow.replace("\r\n", " ")
    assert "…" not in narrow


@pytest.mark.parametrize("settings", [None, {"model": "smollm2"}])
def test_resuming_is_offered_only_if_a_run_can_be_resumed(settings: dict[str, str] | None, home: Path) -> None:
    if settings:
        make_unfinished(home, NEW, **settings)
    else:
        (home / "runs" / NEW).mkdir(parents=True)
    assert ("--resume" in vq().stderr) == bool(settings)
    assert ("--resume" in vq("show", NEW).stdout) == bool(settings)


def test_a_plan_is_not_carried_out_after_a_run_has_changed(home: Path) -> None:
    from ventriloquist.errors import BusyError
    from ventriloquist.runs import plan_removal, remove

    folder = make_unfinished(home, NEW)
    plan = plan_removal(home, [NEW])
    (folder / "manifest.json").write_text(json.dumps(MANIFEST), encoding="utf-8")  # the training ended meanwhile
    with pytest.raises(BusyError, match="changed"):
        remove(home, plan)
    assert (folder / "manifest.json").exists()
