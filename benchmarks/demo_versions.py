"""Measure how much two versions of the project learn of the demo's cast in the same minutes, one core each.

    git worktree add ../before REVISION
    vq demo --home HOME && python benchmarks/demo_versions.py --home HOME --before ../before [--max-minutes 4]

HOME has the base model. Both versions build, collect and prepare the cast and train at the same time, in new homes of
their own. Each has one core, and then the other one's, because cores may differ. A line of JSON for each run: the
messages, tokens and optimizer steps that fit into its time; then the ratio of the messages. Linux alone: it pins
processes to cores. Nothing else may run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from ventriloquist import prepare, train
from ventriloquist.demo.build import build
from ventriloquist.demo.pipeline import collect_cast
from ventriloquist.layout import DEMO_MESSAGES, MODELS
from ventriloquist.store import recorded_run
from ventriloquist.train import preset


def train_here(home: Path, minutes: float) -> None:
    """Train the cast in a home with the version that is imported, and print what fitted into the time."""
    collect_cast(home, build(home / DEMO_MESSAGES, 0))
    with recorded_run(home, "prepare") as record:
        record.result = prepare.run(record.db, prepare.plan(record.db))
        settings = preset("smollm2").changed(max_minutes=minutes)
        trained = train.run(record.db, train.plan(record.db, settings, home=home))
    print(
        json.dumps({"messages": trained.trained_targets, "tokens": trained.trained_tokens, "steps": trained.steps}),
        flush=True,
    )


def side_by_side(versions: list[Path], cores: list[int], models: Path, minutes: float) -> list[int]:
    """Train with both versions at once; print and return how many messages each read."""
    with TemporaryDirectory() as folder:
        running = []
        for version, core in zip(versions, cores, strict=True):
            home = Path(folder) / str(core)
            home.mkdir(mode=0o700)
            (home / MODELS).symlink_to(models, target_is_directory=True)
            command = [sys.executable, __file__, "--train", str(home), "--max-minutes", str(minutes)]
            environment = {**os.environ, "PYTHONPATH": str(version), "HF_HUB_OFFLINE": "1"}
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
            os.sched_setaffinity(process.pid, {core})
            running.append(process)
        found = [json.loads(process.communicate()[0].splitlines()[-1]) for process in running]
    for version, core, figures in zip(versions, cores, found, strict=True):
        print(json.dumps({"version": version.name, "core": core, **figures}), flush=True)
    return [figures["messages"] for figures in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="of a demo")
    parser.add_argument("--before", type=Path, help="a checkout of the earlier version")
    parser.add_argument("--max-minutes", type=float, default=4)
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)  # one run, in a process of its own
    arguments = parser.parse_args()
    if arguments.train is not None:
        train_here(arguments.train, arguments.max_minutes)
        return
    if arguments.home is None or arguments.before is None:
        parser.error("--home and --before are needed")
    versions = [arguments.before.resolve(), Path(__file__).resolve().parent.parent]
    cores = sorted(os.sched_getaffinity(0))[:2]
    read = [
        side_by_side(versions, order, (arguments.home / MODELS).resolve(), arguments.max_minutes)
        for order in (cores, cores[::-1])
    ]
    print(json.dumps({"messages": [round(after / before, 2) for before, after in read]}))


if __name__ == "__main__":
    main()
