"""Stages in one call, for tests: plan, then run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ventriloquist import prepare as prepare_stage
from ventriloquist import train as train_stage
from ventriloquist.prepare import OwnRule, PrepareOptions, PrepareSummary
from ventriloquist.records import Progress
from ventriloquist.store import Connection
from ventriloquist.train import Step, TrainSettings, TrainSummary


def prepare(
    db: Connection, options: PrepareOptions | None = None, *, own_rules: Sequence[OwnRule] = (), **more: Any
) -> PrepareSummary:
    return prepare_stage.run(db, prepare_stage.plan(db, options, own_rules), **more)


def train(
    db: Connection,
    settings: TrainSettings,
    *,
    home: Path,
    resume: bool = False,
    progress: Progress = lambda _done, _total: None,
    observe: Callable[[Step], None] = lambda _step: None,
) -> TrainSummary:
    plan = train_stage.plan(db, settings, home=home, resume=resume, progress=progress)
    return train_stage.run(db, plan, progress=progress, observe=observe)
