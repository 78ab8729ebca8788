"""Which run is used, and which folders are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ventriloquist.errors import ModelError, NotReadyError
from ventriloquist.layout import MANIFEST
from ventriloquist.model.adapter import WEIGHTS, find_run, load_adapter
from ventriloquist.model.manifest import Manifest
from ventriloquist.transcript import FORMAT_VERSION


def write_run(folder: Path, **changes: object) -> Path:
    """Write a manifest alone, whose base model is nowhere."""
    folder.mkdir(parents=True)
    values: dict[str, object] = {
        "format_version": FORMAT_VERSION,
        "base_model": "nobody/nothing",
        "base_revision": None,
        "window": 100,
        "context": 99,
        "targets_per_window": 64,
        "max_length": 2048,
        "settings": {},
        "seed": 0,
        "data_hash": "",
        "people": ["Robin"],
        "held_out": {},
        "packages": {},
        "created_at": "2024-03-15T12:00:00+00:00",
    }
    Manifest.model_validate({**values, **changes}).write(folder)
    return folder


def test_the_newest_finished_run_is_used_unless_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="no trained adapter"):
        find_run(tmp_path)
    older, newer = (write_run(tmp_path / name) for name in ("20240315-120000-000", "20240316-120000-000"))
    (tmp_path / "20240317-120000-000").mkdir()  # not finished
    assert find_run(tmp_path) == newer
    assert find_run(tmp_path, older.name) == older
    assert find_run(tmp_path / "elsewhere", str(older)) == older
    with pytest.raises(ModelError, match="no finished run"):
        find_run(tmp_path, "20240317-120000-000")


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    torch.save({}, folder / "adapter_model.bin")
    with pytest.raises(ModelError, match=WEIGHTS):
        load_adapter(folder)


def test_a_base_model_that_is_not_here_is_not_fetched(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    (folder / WEIGHTS).touch()
    with pytest.raises(ModelError, match="nobody/nothing cannot be loaded"):
        load_adapter(folder)


def test_a_manifest_that_is_damaged_or_of_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="transcript format"):
        load_adapter(write_run(tmp_path / "other", format_version=FORMAT_VERSION + 1))
    folder = write_run(tmp_path / "damaged")
    (folder / MANIFEST).write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="damaged"):
        load_adapter(folder)
    with pytest.raises(ModelError, match="no finished adapter"):
        load_adapter(tmp_path)
