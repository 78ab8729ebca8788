"""A run that is killed before it has made a step: it is gone on with, begun anew or forgotten like any other."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from stages import train

from ventriloquist import forget
from ventriloquist.errors import NotReadyError
from ventriloquist.store import Connection, recorded_run
from ventriloquist.train import preset, to_resume
from ventriloquist.train.folder import remove_never_begun

QUICK = preset("tiny").changed(
    max_steps=1, max_length=512, targets_per_window=8, context=8, window=9, rank=4, alpha=8, validations=0
)
KILL = "lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)"


def killed(home: Path, *, where: str) -> Path:
    """Train in a process that kills itself, and return the folder that it leaves."""
    script = (
        "import os, signal, sys, torch; torch.set_num_threads(1)\n"
        "from pathlib import Path\n"
        "from ventriloquist.store import recorded_run\n"
        "from ventriloquist.train import TrainSettings, folder, plan, run, trainer\n"
        f"{where} = {KILL}\n"
        "home, settings = Path(sys.argv[1]), TrainSettings.model_validate_json(sys.argv[2])\n"
        "with recorded_run(home, 'train') as recorded:\n"
        "    run(recorded.db, plan(recorded.db, settings, home=home))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(home), QUICK.model_dump_json()], check=False)
    assert done.returncode == -signal.SIGKILL
    (folder,) = (home / "runs").iterdir()
    return folder


def test_a_run_killed_in_its_first_step_is_gone_on_with(prepared: Connection, home: Path) -> None:
    folder = killed(home, where="trainer.RowTrainer.compute_loss")
    assert not (folder / "log.jsonl").exists()
    assert to_resume(home) == (folder.name, None, to_resume(home).settings)
    assert Path(train(prepared, QUICK, home=home, resume=True).run) == folder
    assert not list(home.rglob("*.partial"))


def test_a_run_killed_before_it_had_begun_is_forgotten_or_makes_room_for_the_next(
    prepared: Connection, home: Path
) -> None:
    folder = killed(home, where="folder.write_text")  # its base model is there, and nothing that says what was asked
    with pytest.raises(NotReadyError, match="no unfinished run"):
        to_resume(home)
    with recorded_run(home, "forget") as recorded:
        plan = forget.plan(recorded.db, home, "Friend 2")
        assert plan.artifacts.removed_runs == (f"runs/{folder.name}",)
        forget.run(recorded.db, home, plan)
    assert not folder.exists()
    folder.mkdir()
    (folder / ".data.json.partial").write_text("{", encoding="utf-8")
    trained = Path(train(prepared, QUICK, home=home).run)
    assert list((home / "runs").iterdir()) == [trained]


def test_only_folders_of_runs_that_never_began_are_removed(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in ("20260101-000000-000", "20260101-000000-001", "20260101-000000-002", "mine"):
        (runs / name / "base").mkdir(parents=True)
    (runs / "20260101-000000-001" / "settings.json").write_text("{}", encoding="utf-8")
    (runs / "20260101-000000-002" / "manifest.json").write_text("{}", encoding="utf-8")
    (runs / "20260101-000000-003").symlink_to(runs / "mine")
    remove_never_begun(runs)
    assert sorted(path.name for path in runs.iterdir()) == [
        "20260101-000000-001",
        "20260101-000000-002",
        "20260101-000000-003",
        "mine",
    ]
