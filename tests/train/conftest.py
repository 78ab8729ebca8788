"""A prepared home and its corpus, small enough to train on in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from file_builder import Conversation, Message, filled
from invented import lines
from stages import prepare

from ventriloquist.model import tiny
from ventriloquist.model.base import Base, load_base, load_tokenizer
from ventriloquist.model.corpus import Corpus, load_corpus
from ventriloquist.store import Connection
from ventriloquist.transcript import render_line

torch.set_num_threads(1)

SIZES = (230, 120, 40, 12, 5)  # messages a conversation: long, over one window, short, just held out, too short


@pytest.fixture
def prepared(home: Path) -> Iterator[Connection]:
    """Open a database with prepared conversations of very different length."""
    conversations = [
        Conversation(
            [Message("Aidan Allchin" if i % 3 else f"Friend {n}", line.content) for i, line in enumerate(said)]
        )
        for n, said in enumerate(lines(size, seed=size) for size in SIZES)
    ]
    with filled(home, conversations) as db:
        prepare(db)
        yield db


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """Return a tiny base model in a folder."""
    folder = tmp_path_factory.mktemp("base") / "tiny"
    tiny.build([render_line(line) + "\n" for line in lines(600, seed=1)], folder, seed=1)
    return Base(str(folder))


@pytest.fixture
def corpus(prepared: Connection, base: Base, home: Path) -> Corpus:
    return load_corpus(prepared, load_tokenizer(base), home / "tokens")


@pytest.fixture
def model(base: Base) -> torch.nn.Module:
    """Return the tiny model in float64, where sums over a row and over its windows must agree."""
    loaded: torch.nn.Module = load_base(base, device="cpu").double()
    return loaded


@pytest.fixture
def ampere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the card be one with bfloat16."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _card=None: (8, 0))
