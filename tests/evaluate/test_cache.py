"""What is kept in a run's folder, so that a stopped evaluation goes on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ventriloquist.errors import StorageError
from ventriloquist.evaluate.cache import OutputCache, key_of
from ventriloquist.fs import write_json
from ventriloquist.layout import EVALUATION, RECORDS
from ventriloquist.model.gate import ADAPTER_CONFIG, WEIGHTS
from ventriloquist.model.manifest import Manifest


def manifest_of(base: Path) -> Manifest:
    return Manifest(
        format_version=1, base_model=str(base), base_revision=None, window=8, context=0, targets_per_window=8,
        max_length=384, settings={}, seed=0, data_hash="", people=[], held_out={}, packages={}, created_at="",
    )  # fmt: skip


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    OutputCache(tmp_path).put(key_of("line", 1), ["hi", "é\u2028"])
    OutputCache(tmp_path).put(key_of("line", 2), [])
    assert OutputCache(tmp_path).get(key_of("line", 1)) == ["hi", "é\u2028"]
    assert OutputCache(tmp_path).get(key_of("line", 2)) == []
    assert OutputCache(tmp_path).get(key_of("line", 3)) is None


def test_a_line_that_was_not_written_whole_is_made_again(tmp_path: Path) -> None:
    OutputCache(tmp_path).put("a", 1)
    path = tmp_path / EVALUATION / RECORDS
    path.write_text(path.read_text() + '["b", {"half')
    store = OutputCache(tmp_path)
    assert store.get("b") is None
    store.put("b", 2)
    assert (OutputCache(tmp_path).get("a"), OutputCache(tmp_path).get("b")) == (1, 2)


@pytest.mark.parametrize("weights", [WEIGHTS, "model-00001-of-00002.safetensors"])
def test_what_other_weights_made_is_not_found(tmp_path: Path, weights: str) -> None:
    (tmp_path / weights).write_bytes(b"first")
    OutputCache(tmp_path).put("a", 1)
    assert OutputCache(tmp_path).get("a") == 1
    (tmp_path / weights).write_bytes(b"a second training")
    assert OutputCache(tmp_path).get("a") is None
    OutputCache(tmp_path).put("a", 2)
    assert OutputCache(tmp_path).get("a") == 2


def test_what_was_made_with_another_base_model_is_not_found(tmp_path: Path) -> None:
    base, run = tmp_path / "a-model", tmp_path / "run"
    base.mkdir()
    run.mkdir()
    (run / WEIGHTS).write_bytes(b"adapter")
    manifest = manifest_of(base)
    manifest.write(run)
    (base / "model.safetensors").write_bytes(b"one" * 100_000)
    OutputCache(run).put("a", 1)
    os.utime(base / "model.safetensors", (1, 1))
    assert OutputCache(run).get("a") == 1
    (base / "model.safetensors").write_bytes(b"two" * 100_000)  # of the same size
    assert OutputCache(run).get("a") is None
    manifest.model_copy(update={"base_model": "of/hub", "base_revision": "1"}).write(run)
    OutputCache(run).put("a", 2)
    manifest.model_copy(update={"base_model": "of/hub", "base_revision": "2"}).write(run)
    assert OutputCache(run).get("a") is None
    (run / ADAPTER_CONFIG).write_text('{"use_rslora": true}')
    OutputCache(run).put("a", 3)
    (run / ADAPTER_CONFIG).write_text("{}")
    assert OutputCache(run).get("a") is None


def test_an_adapter_that_was_copied_to_another_machine_keeps_what_it_made(tmp_path: Path) -> None:
    (tmp_path / WEIGHTS).write_bytes(b"first")
    OutputCache(tmp_path).put("a", 1)
    os.utime(tmp_path / WEIGHTS, (1, 1))
    assert OutputCache(tmp_path).get("a") == 1


def test_a_file_is_written_whole_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    write_json(path, {"a": "é"})
    assert path.read_text(encoding="utf-8") == '{"a": "é"}\n'
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert path.read_text(encoding="utf-8") == '{"a": "é"}\n'
    assert path.stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_written_to_is_said_so(tmp_path: Path) -> None:
    (tmp_path / EVALUATION).write_text("a file")
    with pytest.raises(StorageError, match="cannot be written"):
        OutputCache(tmp_path)


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    OutputCache(tmp_path).put("a", 1)
    assert (tmp_path / EVALUATION).stat().st_mode & 0o077 == 0
    assert (tmp_path / EVALUATION / RECORDS).stat().st_mode & 0o077 == 0
