"""`vq train` as a user runs it: flags, exit codes, what is on stdout and what beside it."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from stages import train
from typer.testing import CliRunner

from ventriloquist.cli.app import app
from ventriloquist.cli.train_view import duration, plan_lines
from ventriloquist.model.base import Base
from ventriloquist.status import status
from ventriloquist.store import Connection, lock_home, recorded_run
from ventriloquist.train import Interrupted, plan, preset, run, stage
from ventriloquist.train.follow import Follower

QUICK = ["--model", "tiny", "--max-steps", "2", "--max-length", "512", "--rank", "4", "--targets-per-window", "8"]
KEYS = {
    "targets", "tokens_per_epoch", "supervised_tokens_per_epoch", "window_tokens_per_epoch", "steps_per_epoch",
    "trainable_parameters", "memory_gib", "backend",
}  # fmt: skip


def test_a_dry_run_says_its_plan_as_json_and_in_words(prepared: Connection) -> None:
    result = CliRunner().invoke(app, ["train", *QUICK, "--dry-run", "--json"])
    assert result.exit_code == 0, result.output
    plan = json.loads(result.stdout)
    assert plan.keys() >= KEYS
    assert plan["backend"] == "transformers"
    assert f"{plan['targets']:,} messages" in result.stderr
    assert "Unsloth needs CUDA, this is cpu" in result.stderr
    assert "s a step" in result.stderr


def test_settings_come_from_a_file_and_flags_stand_above_it(prepared: Connection, home: Path) -> None:
    config = home / "mine.toml"
    config.write_text('model = "tiny"\nmax_steps = 5\nrank = 2\nmax_length = 512\nvalidations = 0\n', encoding="utf-8")
    result = CliRunner().invoke(app, ["train", "--config", str(config), "--max-steps", "1", "--json"])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["steps"] == 1
    assert summary["bits_per_character"] is None
    settings = json.loads((Path(summary["run"]) / "settings.json").read_text(encoding="utf-8"))
    assert (settings["rank"], settings["alpha"], settings["backend"]) == (2, 4, "transformers")
    assert (Path(summary["run"]) / "loss.svg").read_text(encoding="utf-8").startswith("<svg ")


def recorded(db: Connection) -> list[tuple[str, bool]]:
    return db.execute("SELECT command, finished_at IS NOT NULL FROM runs ORDER BY id").fetchall()


def test_what_trained_nothing_is_no_training_and_changes_no_next_step(
    prepared: Connection, home: Path, base: Base, tmp_path: Path
) -> None:
    with recorded_run(home, "prepare"):
        pass
    adapter = home / "runs" / "one" / "manifest.json"
    adapter.parent.mkdir(parents=True)
    adapter.write_text("{}")
    with recorded_run(home, "train") as run:
        run.begun = True
    with recorded_run(home, "eval"):
        pass
    before = (status(home).next_step, status(home).runs)
    assert before[0] == 'vq chat --as "NAME"'
    cut = tmp_path / "cut"
    shutil.copytree(base.source, cut)
    (cut / "model.safetensors").write_bytes(b"cut")
    for arguments, code in (
        ([*QUICK, "--dry-run"], 0),
        (["--model", "tiny", "--max-length", "64"], 1),
        (["--model", "tiny", "--continue-from", "nothing"], 1),
        ([*QUICK, "--model", str(cut)], 1),  # refused after the plan was shown
        (["--model", str(tmp_path / "nowhere")], 1),
        (["--resume"], 1),
    ):
        result = CliRunner().invoke(app, ["train", *arguments])
        assert result.exit_code == code, result.output
        assert (status(home).next_step, status(home).runs) == before, arguments
    assert [path.name for path in (home / "runs").iterdir()] == ["one"]


def test_a_dry_run_has_the_home_for_itself(prepared: Connection, home: Path) -> None:
    with lock_home(home):
        result = CliRunner().invoke(app, ["train", *QUICK, "--dry-run"])
    assert (result.exit_code, "Another vq run" in result.stderr) == (1, True)


def test_a_dry_run_on_an_empty_machine_makes_nothing(home: Path) -> None:
    result = CliRunner().invoke(app, ["train", "--model", "tiny", "--dry-run"])
    assert (result.exit_code, "Run: vq collect" in result.stderr) == (1, True)
    assert not home.exists()


def test_a_stop_before_the_first_step_leaves_nothing(
    prepared: Connection, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    settings = preset("tiny").changed(max_steps=2, max_length=512)
    monkeypatch.setattr(stage, "load_model", stop)
    with (
        pytest.raises(KeyboardInterrupt),
        recorded_run(home, "train", plan=lambda db: plan(db, settings, home=home)) as recording,
    ):
        run(recording.db, recording.plan)
    assert recorded(prepared) == []
    assert list((home / "runs").iterdir()) == []


def test_a_result_names_what_was_trained_and_the_next_step(prepared: Connection) -> None:
    result = CliRunner().invoke(app, ["train", *QUICK])
    assert result.exit_code == 0, result.output
    assert "validation" in result.stdout
    assert "Next: vq chat" in result.stderr
    assert re.search(r"step 2 of 2, (.* left, )?loss", result.stderr)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--config", "nowhere.toml"], 1, "neither a preset nor a file"),
        (["--backend", "jax"], 1, "backend"),
        (["--backend", "unsloth", "--model", "tiny"], 1, "Unsloth is not installed"),
        (["--model", "tiny", "--continue-from", "nothing"], 1, "no finished run"),
        (["--resume"], 1, "no unfinished run"),
        (["--max-steps", "0"], 2, "max-steps"),
        (["--seed", "-1"], 2, "seed"),
        (["--seed", str(2**32)], 2, "seed"),
        (["--model", "tiny", "--max-length", "64"], 1, "No message fits, with its header, into 64 tokens."),
        (["--resume", "--rank", "8", "--no-four-bit"], 2, "Leave out --rank, --four-bit"),
        (["--resume", "--model", "tiny", "--wandb"], 2, "Leave out --model, --wandb"),
    ],
)
def test_what_cannot_be_is_refused_with_a_hint(
    prepared: Connection, arguments: list[str], code: int, says: str
) -> None:
    result = CliRunner().invoke(app, ["train", *arguments])
    assert result.exit_code == code
    assert says in result.stderr
    assert "Traceback" not in result.stderr


def test_a_resumed_run_is_recorded_with_its_own_settings(prepared: Connection, home: Path) -> None:
    def interrupt(done: int, _total: int) -> None:
        if done == 1:
            os.kill(os.getpid(), signal.SIGINT)

    settings = preset("tiny").changed(max_steps=2, max_length=512, targets_per_window=8, rank=3)
    with pytest.raises(Interrupted):
        train(prepared, settings, home=home, progress=interrupt)
    result = CliRunner().invoke(app, ["train", "--resume", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["steps"] == 2
    assert ", saved after step 2." in result.stderr
    ((parameters,),) = prepared.execute("SELECT parameters FROM runs WHERE command = 'train'")
    assert (json.loads(parameters)["model"], json.loads(parameters)["rank"]) == ("tiny", 3)


def test_a_run_that_is_stopped_without_a_loss_says_which_step_is_saved(
    prepared: Connection, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = Follower.end_step

    def end_without_a_loss(self: Follower, step: int, steps: int, **figures: float) -> object:
        if step == 2:
            self.asked = signal.SIGINT
            figures["loss"] = math.nan
        return end(self, step, steps, **figures)

    monkeypatch.setattr(Follower, "end_step", end_without_a_loss)
    settings = preset("tiny").changed(max_steps=4, max_length=512, targets_per_window=8, validations=0)
    with pytest.raises(Interrupted, match=r"Stopped after 2 steps\. Nothing is saved, because"):
        train(prepared, settings, home=home)
    with pytest.raises(Interrupted, match="Step 1 is the last that is saved"):
        train(prepared, settings.changed(save_minutes=0.0), home=home)


def test_a_run_whose_settings_cannot_be_read_is_named(prepared: Connection, home: Path) -> None:
    folder = home / "runs" / "20260101-000000-000"
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text('{"learning_rate": null}', encoding="utf-8")
    result = CliRunner().invoke(app, ["train", "--resume"])
    assert result.exit_code == 1
    assert "cannot be read" in result.stderr
    assert folder.name in result.stderr


@pytest.mark.slow  # a process that imports torch and is then asked to stop
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_after_its_step_saved(
    prepared: Connection, home: Path, number: signal.Signals, code: int
) -> None:
    command = [sys.executable, "-m", "ventriloquist", "train", *QUICK, "--max-steps", "500", "--epochs", "99"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("step 1 of"):
                process.send_signal(number)
                break
        rest = process.stderr.read()
    assert process.returncode == code
    assert "Go on with: vq train --resume" in rest
    (folder,) = (home / "runs").iterdir()
    assert list((folder / "checkpoints").glob("checkpoint-*/whole.json"))


def test_several_visible_gpus_are_answered_with_the_command_for_all(prepared: Connection, home: Path) -> None:
    from dataclasses import replace

    settings = preset("tiny").changed(max_steps=1, max_length=512, targets_per_window=8, rank=2)
    estimate = plan(prepared, settings, home=home).estimate
    assert not any("torchrun" in line for line in plan_lines(estimate))
    assert any("torchrun --nproc-per-node 4" in line for line in plan_lines(replace(estimate, visible_gpus=4)))


@pytest.mark.parametrize(("minutes", "said"), [(0.5, "30 s"), (12.4, "12 min"), (300, "5.0 h")])
def test_durations_are_said_as_people_say_them(minutes: float, said: str) -> None:
    assert duration(minutes) == said
