from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from adapter_builder import build_run
from file_builder import Conversation, Message, filled
from running import KIM, ME, NAMES, Running, running
from stages import prepare


def fill(home: Path) -> Path:
    """Prepare a home in which the owner has talked to Kim, and to Kim and Zoë in a group."""
    talk = [Message((ME, KIM)[index % 2], f"tea {index}") for index in range(30)]
    group = [Message(NAMES[index % 3], f"train {index}") for index in range(30)]
    with filled(home, [Conversation(talk), Conversation(group, type="group", title="Garden")], owner=ME) as db:
        prepare(db)
    return home


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return build_run(tmp_path_factory.mktemp("runs") / "20240315-120000-000")


@pytest.fixture(scope="session")
def garden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("garden") / "home")


@pytest.fixture(scope="session")
def served(run: Path, garden: Path) -> Iterator[Running]:
    """A server that all tests share; those that change it start their own."""
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    with running(garden, run) as served:
        yield served
