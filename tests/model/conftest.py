"""A tiny model for every test that needs one: a few million random weights, and a tokenizer of invented lines."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from adapter_builder import build_run, strengthen
from invented import Tiny, conversation, lines

from ventriloquist.model import tiny
from ventriloquist.model.base import Base, load_base, load_tokenizer
from ventriloquist.transcript import render, render_line

torch.set_num_threads(1)  # of a model this small, more threads only wait for each other


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Build `tiny` once; its tokenizer has seen the format, so that a line is some twenty tokens."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny.build([render_line(line) + "\n" for line in lines(600, seed=1)], folder, seed=1)
    base = Base(str(folder))
    return Tiny(folder, load_base(base, device="cpu"), load_tokenizer(base))


@pytest.fixture
def prompts() -> list[str]:
    """Return three transcripts of very different length, each ended by a newline."""
    return [render(*conversation(messages, seed=messages)) for messages in (1, 4, 12)]


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a run whose adapter does something."""
    return strengthen(build_run(tmp_path_factory.mktemp("runs") / "20240315-120000-000"))
