from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from adapter_builder import build_run
from running import Running, running
from stages import prepared_garden


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return build_run(tmp_path_factory.mktemp("runs") / "20240315-120000-000")


@pytest.fixture(scope="session")
def garden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared_garden(tmp_path_factory.mktemp("garden") / "home")


@pytest.fixture(scope="session")
def served(run: Path, garden: Path) -> Iterator[Running]:
    """A server that all tests share; those that change it start their own."""
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    with running(garden, run) as served:
        yield served
