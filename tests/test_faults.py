"""Prepare, export and forget cut off at any moment: what was there stays whole, and running again ends alike."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from file_builder import Conversation, Message, filled

from ventriloquist.cli.app import main  # noqa: F401  (compiled before anything is timed)

KILLS = 4


def build(home: Path) -> None:
    rng = random.Random(1)
    chats = [
        Conversation(
            [
                Message(
                    "Aidan Allchin" if rng.random() < 0.5 else f"Person {number}", f"message {rng.random()} of many"
                )
                for _ in range(3000)
            ],
            members=[f"Person {number}"],
        )
        for number in range(4)
    ]
    with filled(home, chats):
        pass


def vq(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "ventriloquist", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def rows(home: Path, table: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(home / "ventriloquist.db")
    try:
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
    finally:
        connection.close()


def kill_at_random(seconds: float, seed: int, *arguments: str) -> None:
    """Kill a command somewhere in the second half of its usual time, when it is past its imports."""
    process = vq(*arguments)
    time.sleep(seconds * random.Random(seed).uniform(0.3, 1.0))
    process.send_signal(signal.SIGKILL)
    process.wait()


def seconds_of(*arguments: str) -> float:
    start = time.monotonic()
    assert vq(*arguments).wait() == 0
    return time.monotonic() - start


@pytest.mark.slow
def test_a_killed_prepare_leaves_the_old_lines_or_the_new_ones(home: Path) -> None:
    build(home)
    seconds = seconds_of("prepare", "--holdout", "5")
    old = rows(home, "training_messages")
    assert vq("prepare").wait() == 0
    new = rows(home, "training_messages")
    assert old != new
    assert vq("prepare", "--holdout", "5").wait() == 0
    for seed in range(KILLS):
        kill_at_random(seconds, seed, "prepare")
        assert rows(home, "training_messages") in (old, new)
    assert vq("prepare").wait() == 0
    assert rows(home, "training_messages") == new


@pytest.mark.slow
def test_a_killed_export_leaves_whole_files_and_the_next_one_clears_its_rest(home: Path) -> None:
    build(home)
    assert vq("prepare").wait() == 0
    seconds = seconds_of("export", "--format", "prompt-completion")
    whole = {path.name: path.read_bytes() for path in (home / "exports").iterdir()}
    for seed in range(KILLS):
        kill_at_random(seconds, seed, "export", "--format", "prompt-completion")
        left = {path.name: path.read_bytes() for path in (home / "exports").glob("[!.]*")}
        assert left == whole
    assert vq("export", "--format", "prompt-completion").wait() == 0
    assert {path.name: path.read_bytes() for path in (home / "exports").iterdir()} == whole


@pytest.mark.slow
def test_a_killed_forget_is_finished_by_running_it_again(home: Path) -> None:
    build(home)
    assert vq("prepare").wait() == 0
    assert vq("export").wait() == 0
    seconds = seconds_of("forget", "Person 3", "--yes")
    for seed, name in enumerate(("Person 0", "Person 1", "Person 2")):
        kill_at_random(seconds, seed, "forget", name, "--yes")
        vq("forget", name, "--yes").wait()  # 1 where it was done already
        assert name not in {row[1] for row in rows(home, "people")}
    everything = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"Person" not in everything
    assert b"of many" not in everything
