"""Stages in one call, for tests: plan, then run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from file_builder import Conversation, Message, filled
from invented import NAMES

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


def prepared_garden(home: Path) -> Path:
    """Prepare a home in which the owner has talked to Kim, and to Kim and Zoë in a group, and return it."""
    owner, kim, _ = NAMES
    talk = [Message((owner, kim)[index % 2], f"tea {index}") for index in range(30)]
    group = [Message(NAMES[index % 3], f"train {index}") for index in range(30)]
    with filled(home, [Conversation(talk), Conversation(group, type="group", title="Garden")], owner=owner) as db:
        prepare(db)
    return home
