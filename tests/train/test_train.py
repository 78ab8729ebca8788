"""`train` from end to end with `tiny`: it learns, records what it did, stops and resumes."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from safetensors.numpy import load_file
from stages import prepare, train

from ventriloquist.errors import ModelError, NotReadyError
from ventriloquist.layout import CHECKPOINTS
from ventriloquist.model.adapter import find_run, load_adapter
from ventriloquist.model.base import Base
from ventriloquist.model.manifest import read_manifest
from ventriloquist.prepare import PrepareOptions
from ventriloquist.store import Connection
from ventriloquist.train import Interrupted, TrainSettings, plan, preset, stage
from ventriloquist.train.checkpoints import seal
from ventriloquist.train.folder import begin, check_resumable, unfinished_run
from ventriloquist.transcript import FORMAT_VERSION

QUICK = preset("tiny").changed(max_steps=6, max_length=1024, targets_per_window=8, context=8, window=9, rank=4, alpha=8)


def weights(folder: Path) -> dict[str, bytes]:
    return {name: tensor.tobytes() for name, tensor in load_file(folder / "adapter_model.safetensors").items()}


def test_training_learns_and_writes_an_adapter_with_its_manifest(prepared: Connection, home: Path) -> None:
    summary = train(prepared, QUICK.changed(learning_rate=1e-2), home=home)
    folder = find_run(home / "runs")
    assert summary.run == str(folder)
    assert summary.steps == 6
    assert summary.first_loss is not None
    assert summary.last_loss is not None
    assert summary.last_loss < summary.first_loss
    manifest = read_manifest(folder)
    assert (manifest.format_version, manifest.window, manifest.people[0]) == (FORMAT_VERSION, 9, "Aidan Allchin")
    assert manifest.settings["rank"] == 4
    assert load_adapter(folder).model.peft_config["default"].r == 4
    assert not (folder / "checkpoints").exists()


def test_the_manifest_marks_where_each_conversations_held_out_end_begins(prepared: Connection, home: Path) -> None:
    manifest = read_manifest(Path(train(prepared, QUICK.changed(max_steps=1), home=home).run))
    of_conversation: dict[int, list[tuple[str | None, int]]] = {}
    query = "SELECT conversation_id, split, sent_at FROM training_messages ORDER BY conversation_id, position"
    for id, split, sent_at in prepared.execute(query):
        of_conversation.setdefault(id, []).append((split, sent_at))
    assert manifest.held_out.keys() == of_conversation.keys()
    for id, messages in of_conversation.items():
        mark = manifest.held_out[id]
        assert {split for split, _ in messages[:mark]} <= {"train", None}
        assert mark == len(messages) or messages[mark][0] == "validation"
        assert manifest.trained_until[id] == messages[mark - 1][1]
    assert min(map(len, of_conversation.values())) in manifest.held_out.values()  # trained on whole


def test_the_manifest_names_nobody_who_was_left_out(prepared: Connection, home: Path) -> None:
    prepare(prepared, PrepareOptions(exclude_people=("Friend 1",)))
    folder = Path(train(prepared, QUICK.changed(max_steps=1), home=home).run)
    assert set(read_manifest(folder).people) == {"Aidan Allchin", "Friend 0", "Friend 2", "Friend 3", "Friend 4"}


def test_the_same_seed_gives_the_same_adapter(prepared: Connection, home: Path) -> None:
    first, again, other = (
        weights(Path(train(prepared, QUICK.changed(max_steps=2, seed=seed), home=home).run)) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_a_plan_counts_the_data_and_leaves_nothing(prepared: Connection, home: Path) -> None:
    estimate = plan(prepared, QUICK, home=home).estimate
    query = "SELECT count(*) FROM training_messages WHERE split = 'train'"
    assert estimate.targets == prepared.execute(query).fetchone()[0]
    assert estimate.window_tokens_per_epoch > estimate.tokens_per_epoch > estimate.supervised_tokens_per_epoch > 0
    assert estimate.memory_gib["total"] == pytest.approx(
        sum(size for part, size in estimate.memory_gib.items() if part != "total"), abs=0.01
    )
    assert not (home / "runs").exists()
    assert not (home / "temporary").exists()


def test_a_run_that_cannot_fit_is_refused_before_any_weights(prepared: Connection, home: Path, tmp_path: Path) -> None:
    config = {
        "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "hidden_size": 16384, "intermediate_size": 65536,
        "num_hidden_layers": 64, "num_attention_heads": 64, "num_key_value_heads": 8, "vocab_size": 4096,
    }  # fmt: skip
    from ventriloquist.model import tiny

    tiny.build(["{}\n"], tmp_path / "huge", seed=0)
    (tmp_path / "huge" / "config.json").write_text(json.dumps(config))
    (tmp_path / "huge" / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="GiB"):
        train(prepared, TrainSettings(model=str(tmp_path / "huge")), home=home)
    assert not list((home / "runs").glob("*"))


def test_a_stopped_run_is_resumed_to_the_same_adapter(prepared: Connection, home: Path) -> None:
    whole = weights(Path(train(prepared, QUICK, home=home).run))

    def interrupt(done: int, _total: int) -> None:
        if done == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted) as stopped:
        train(prepared, QUICK, home=home, progress=interrupt)
    assert stopped.value.signal == signal.SIGINT
    resumed = train(prepared, QUICK, home=home, resume=True)
    assert resumed.steps == 6
    assert weights(Path(resumed.run)) == whole


def test_a_run_that_never_made_a_step_leaves_nothing_to_resume(
    prepared: Connection, base: Base, home: Path, tmp_path: Path
) -> None:
    shutil.copytree(base.source, tmp_path / "cut")
    weights_file = tmp_path / "cut" / "model.safetensors"
    weights_file.write_bytes(weights_file.read_bytes()[:-100])
    with pytest.raises(ModelError, match="is cut off"):
        train(prepared, QUICK.changed(model=str(tmp_path / "cut")), home=home)
    assert not list((home / "runs").glob("*"))


def test_a_run_with_a_checkpoint_is_gone_on_with_before_a_newer_one_without(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="resume"):
        unfinished_run(tmp_path)
    for name in ("1", "2", "3"):
        begin(tmp_path / name, QUICK, "hash")
    assert unfinished_run(tmp_path).name == "3"
    checkpoint = tmp_path / "1" / CHECKPOINTS / "checkpoint-4"
    checkpoint.mkdir(parents=True)
    (checkpoint / "weights").write_bytes(b"1")
    seal(checkpoint)
    assert unfinished_run(tmp_path).name == "1"


def test_other_data_or_processes_than_a_run_began_with_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(tmp_path / "run", QUICK, "hash")
    check_resumable(tmp_path / "run", QUICK, "hash")
    with pytest.raises(ModelError, match="data has changed"):
        check_resumable(tmp_path / "run", QUICK, "other")
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ModelError, match="2 rows a step, 3 processes would take 3"):
        check_resumable(tmp_path / "run", QUICK, "hash")


def test_there_is_nothing_to_resume_after_a_finished_run(prepared: Connection, home: Path) -> None:
    train(prepared, QUICK.changed(max_steps=1), home=home)
    with pytest.raises(NotReadyError, match="resume"):
        train(prepared, QUICK, home=home, resume=True)


def test_training_stops_on_the_clock(prepared: Connection, home: Path) -> None:
    summary = train(prepared, QUICK.changed(max_steps=1000, epochs=50, max_minutes=0.02), home=home)
    assert 1 <= summary.steps < 1000
    assert find_run(home / "runs").name in (summary.run)


def test_a_base_that_computes_no_numbers_leaves_no_run(
    prepared: Connection, base: Base, home: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    huge = tmp_path / "huge"
    shutil.copytree(base.source, huge)
    tensors = load_file(huge / "model.safetensors")
    tensors["model.norm.weight"] = tensors["model.norm.weight"] * 3e38  # finite, but no product with it is
    save_file(tensors, huge / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="computes NaN"):
        train(prepared, QUICK.changed(model=str(huge)), home=home)
    with pytest.raises(NotReadyError):
        find_run(home / "runs")


def test_training_before_prepare_says_so(home: Path, tmp_path: Path) -> None:
    from file_builder import chat, filled

    with filled(tmp_path / "other", [chat("hi", "ho")]) as db, pytest.raises(NotReadyError) as error:
        plan(db, QUICK, home=home)
    assert error.value.hint == "Run: vq prepare"


def test_a_run_goes_on_with_the_revision_of_the_base_model_that_it_began_with(
    prepared: Connection, home: Path, tmp_path: Path
) -> None:
    settings = QUICK.changed(model="of/hub")
    folder = tmp_path / "run"
    with stage._found_base(prepared, settings, folder, home) as found:
        assert found == Base("of/hub", None)
    begin(folder, settings, "hash", "aaaa")
    with stage._found_base(prepared, settings, folder, home) as found:
        assert found == Base("of/hub", "aaaa")
    earlier = Path(train(prepared, QUICK.changed(max_steps=1), home=home).run)
    read_manifest(earlier).model_copy(update={"base_revision": "bbbb"}).write(earlier)
    continued = settings.changed(continue_from=str(earlier))
    with stage._found_base(prepared, continued, tmp_path / "new", home) as found:
        assert found == Base("of/hub", "bbbb")
