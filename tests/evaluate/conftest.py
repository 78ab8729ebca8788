"""A trained run and its evaluation, made once for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from adapter_builder import build_run
from file_builder import Conversation, Message, filled
from invented import lines
from stages import prepare
from trained_run import (
    EVIL,
    EXTENT,
    HOSTILE,
    OTHERS,
    OWNER,
    evaluated,
    learnt,
    write_lines,
)

from ventriloquist.evaluate import Evaluation
from ventriloquist.prepare import PrepareOptions
from ventriloquist.store import Connection


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Connection, Path, Path]]:
    """Return a database, its home, and a run that writes valid lines; one person's name and words mean no good."""
    home = tmp_path_factory.mktemp("trained") / "home"
    conversations = [
        Conversation(
            [
                Message(OWNER if i % 2 else name, f"{EVIL} {i}" if name == HOSTILE and i % 6 == 0 else line.content)
                for i, line in enumerate(lines(120, seed=n))
            ]
        )
        for n, name in enumerate((*OTHERS, HOSTILE))
    ]
    with filled(home, conversations, owner=OWNER) as db:
        prepare(db, PrepareOptions(holdout=24))
        run = learnt(db, build_run(home / "runs" / "one", window=9))
        write_lines(db, home, run)
        yield db, home, run


@pytest.fixture(scope="module")
def evaluation(trained: tuple[Connection, Path, Path]) -> Evaluation:
    db, home, run = trained
    return evaluated(db, run, home=home, extent=EXTENT)
