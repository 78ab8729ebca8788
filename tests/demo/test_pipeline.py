"""The whole way, with the model that the demo uses, for a few steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from ventriloquist.cli.demo import collected_rows
from ventriloquist.demo import pipeline
from ventriloquist.demo.pipeline import demo
from ventriloquist.errors import BusyError, StorageError
from ventriloquist.evaluate import Extent
from ventriloquist.model.manifest import read_manifest
from ventriloquist.store import recorded_run
from ventriloquist.train import preset

torch.set_num_threads(1)


@pytest.mark.slow
def test_smollm2_goes_the_whole_way_in_a_home_of_its_own(home: Path, tmp_path: Path) -> None:
    extent = Extent(likelihood=6, identity=4, validity=2, validity_context=2)
    stages: list[str] = []

    def stage(name: str) -> object:
        stages.append(name)
        return lambda done, total: None

    summary = demo(tmp_path / "demo", preset("smollm2").changed(max_steps=3), extent, stage=stage)
    assert not home.exists()
    assert list(summary.collected) == ["imessage", "telegram", "whatsapp"]
    assert summary.accepted is not None
    assert [handles[-1] for handles in summary.accepted.merged] == ["whatsapp:Maya"]
    assert summary.prepared.train > 3000
    assert summary.trained.steps == 3
    manifest = read_manifest(Path(summary.trained.run or ""))
    assert manifest.people[0] == "Robin"
    assert manifest.window == preset("smollm2").window
    bits = summary.evaluated.metrics["likelihood"].detail["bits_per_character"]
    assert 1 < bits["base"] < 5  # a model of English, but no oracle
    assert bits["adapter"] < 5
    assert len(summary.evaluated.metrics["identity"].detail["candidates"]) == 6
    assert {sample.name for sample in summary.samples} == {"Maya", "Dad", "Inés", "Priya", "Tomek"}
    assert (tmp_path / "demo" / "exports" / "train.jsonl").stat().st_size > 100_000
    assert stages[:4] == [
        "Writing a chat.db and two exports", "Collecting Messages", "Collecting Telegram", "Collecting WhatsApp",
    ]  # fmt: skip


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(StorageError, match="something else"):
        demo(tmp_path, preset("tiny"), Extent(1, 1, 1, 1))
    assert [file.name for file in tmp_path.iterdir() if file.suffix] == ["letters.txt"]


def test_a_file_is_no_folder_for_a_demo(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(StorageError, match="something else"):
        demo(tmp_path / "letters.txt", preset("tiny"), Extent(1, 1, 1, 1))


def test_a_demo_that_is_at_work_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text("{}")
    with recorded_run(tmp_path, "train", create=True), pytest.raises(BusyError):
        demo(tmp_path, preset("tiny"), Extent(1, 1, 1, 1))
    assert (tmp_path / "ventriloquist.db").exists()


def test_two_demos_in_one_folder_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin_another(*_arguments: object) -> None:
        demo(tmp_path / "demo", preset("tiny"), Extent(1, 1, 1, 1))

    monkeypatch.setattr(pipeline, "build", begin_another)
    with pytest.raises(BusyError):
        demo(tmp_path / "demo", preset("tiny"), Extent(1, 1, 1, 1))
    monkeypatch.setattr(pipeline, "build", lambda *_arguments: pytest.fail("begun"))
    with pytest.raises(pytest.fail.Exception):  # a demo that was stopped leaves a folder that the next one takes
        demo(tmp_path / "demo", preset("tiny"), Extent(1, 1, 1, 1))


def test_an_earlier_demo_is_emptied_but_for_its_models(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    (folder / "runs" / "old").mkdir(parents=True)
    (folder / "models" / "kept").mkdir(parents=True)
    (folder / "demo.json").write_text(json.dumps({}))
    (folder / "corrections.toml").write_text('merge = [["+12505550133", "+12505550144"]]')
    extent = Extent(likelihood=1, identity=1, validity=1, validity_context=1)
    settings = preset("tiny").changed(max_steps=1, max_length=512, targets_per_window=4, context=4, window=5, rank=2)
    summary = demo(folder, settings, extent)
    assert [run.name for run in (folder / "runs").iterdir()] == [Path(summary.trained.run or "").name]
    assert (folder / "models" / "kept").exists()
    assert "+12505550144" not in (folder / "corrections.toml").read_text()
    rows = dict(collected_rows(summary))
    assert list(rows) == ["collected", "  Messages", "  Telegram", "  WhatsApp", "  merged"]
    assert rows["collected"] == "4,873 messages of 8 people"
    assert rows["  WhatsApp"] == "967 messages"
    assert str(rows["  merged"]).endswith(", whatsapp:Maya")
