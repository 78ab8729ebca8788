"""A collect of a backup that is killed while it reads its private copy."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from apple import ChatDb
from typer.testing import CliRunner

from ventriloquist.cli.app import app
from ventriloquist.sources.imessage.backup import MESSAGES, hashed_name

ANN = "+12505550111"
WORD = b"zanzibarquux"
KILLED = """
import os, signal
from contextlib import contextmanager
from ventriloquist.cli import app, collect

@contextmanager
def progress(_):
    yield lambda done, total: os.kill(os.getpid(), signal.SIGKILL)

collect.progress = progress
app.main()
"""


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """Return a backup whose newest messages are in a -wal, which is why a copy of both is read."""
    folder = tmp_path / "backup"
    db = ChatDb(tmp_path / "sms.db")
    db.message(db.dm(ANN), 1_700_000_000_000, WORD.decode(), sender=ANN)
    for name, file in ((MESSAGES, db.path), (f"{MESSAGES}-wal", Path(f"{db.path}-wal"))):
        place = folder / hashed_name(name)[:2] / hashed_name(name)
        place.parent.mkdir(parents=True)
        shutil.copyfile(file, place)
    db.close()
    return folder


def copies(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in folder.rglob("copy.db*") if WORD in path.read_bytes())


@pytest.mark.parametrize(
    "after",
    [["collect"], ["collect", "--chat-db", "nowhere.db"], ["forget", "Nobody", "--yes"], ["forget", ANN, "--yes"]],
)
def test_what_a_killed_collect_of_a_backup_has_copied_goes_with_the_next_run(
    backup: Path, tmp_path: Path, home: Path, after: list[str]
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, "collect", "--backup", str(backup)],
        env=os.environ | {"TMPDIR": str(temporary), "MY_NAME": "Robin"},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert list(temporary.iterdir()) == []
    assert list(copies(home))
    assert {path.stat().st_mode & 0o077 for path in home.rglob("*")} == {0}
    CliRunner().invoke(app, [*after, *(["--backup", str(backup)] if after == ["collect"] else [])])
    assert not list(copies(home, temporary))
