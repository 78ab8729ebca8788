"""Ctrl-C, SIGTERM, SIGHUP and a closed pipe at any moment: the exit code of each, no traceback, the file as it was."""

from __future__ import annotations

import os
import random
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from apple import ChatDb
from file_builder import Conversation, Message, filled

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

ANN = "+12505550111"
TIMES = 8


@pytest.fixture(scope="module")
def chat_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = ChatDb(tmp_path_factory.mktemp("apple") / "chat.db")
    chat = db.dm(ANN)
    db.connection.execute("BEGIN")
    for number in range(3000):
        db.message(chat, 1_700_000_000_000 + number * 60_000, f"message {number}", sender=ANN)
    db.connection.execute("COMMIT")
    return db.close()


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ventriloquist", *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(*arguments: object) -> int:
    """Return the exit code of a command that nobody interrupts."""
    process = start(*arguments)
    process.communicate()
    return process.returncode


def is_ours(process: subprocess.Popen[str]) -> bool:
    """Say whether a process has come as far as our first line; before it, a signal meets Python's own start."""
    caught = next(line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "SigCgt" in line)
    return bool(int(caught.split()[1], 16) & 1 << signal.SIGTERM - 1)


def end(process: subprocess.Popen[str], seconds: float, *signals: signal.Signals) -> tuple[int, str]:
    """Send signals so many seconds after a process has begun to run our code; return its exit code and stderr."""
    if sys.platform == "linux":
        while process.poll() is None and not is_ours(process):
            pass
    else:
        time.sleep(0.1)
    for number in signals:
        time.sleep(seconds)
        process.send_signal(number)
    _, err = process.communicate(timeout=120)
    return process.returncode, err


def rows(home: Path) -> list[object]:
    connection = sqlite3.connect(home / "ventriloquist.db")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return connection.execute("SELECT * FROM text_messages ORDER BY id").fetchall()
    finally:
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_process_at_once_while_torch_is_imported(tmp_path: Path, number: int) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("import time\nprint('loading', flush=True)\ntime.sleep(60)\n")
    code = "from ventriloquist.cli import interrupts\ninterrupts.unwind()\nimport torch\n"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading\n"
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (128 + number, "")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["collect", "prepare", "status", "train"])
def test_ctrl_c_at_any_moment_ends_without_a_traceback(
    command: str, home: Path, chat_db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_NAME", "Robin")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    arguments: dict[str, list[object]] = {
        "collect": ["collect", "--replace", "--chat-db", chat_db],
        "prepare": ["prepare"],
        "status": ["status"],
        "train": ["train", "--model", "tiny", "--max-steps", "2"],
    }
    for before in (["collect", "--chat-db", chat_db], ["prepare"]):
        assert finished(*before) == 0
    collected = rows(home)
    began = time.monotonic()
    if command == "train":
        whole = 8.0  # its imports and its first steps
    else:
        assert finished(*arguments[command]) == 0
        whole = time.monotonic() - began
    rng = random.Random(1)
    ended = []
    for number in range(TIMES):
        seconds = 0.0 if number == 0 else rng.uniform(0, whole)
        code, err = end(start(*arguments[command]), seconds, signal.SIGINT)
        # as the interpreter ends it takes its handlers down: then the signal itself ends it, which a shell calls 130
        assert (code in (0, 130, -signal.SIGINT), "Traceback" in err) == (True, False), (seconds, code, err)
        assert rows(home) == collected
        ended.append(code)
    assert 130 in ended


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_each_signal_has_its_exit_code_and_comes_twice_without_harm(name: str, home: Path, chat_db: Path) -> None:
    number = getattr(signal, name)
    for seconds in (0.0, 0.05, 0.3, 0.6, 1.0):
        process = start("collect", "--chat-db", chat_db)
        code, err = end(process, seconds, number, number)
        # 1: it came to its end, where no name is known; negative: the signal itself ended it, a shell's 128 + number
        assert code in (1, 128 + number, -number), err
        assert "Traceback" not in err


def test_a_signal_that_is_ignored_stays_ignored(home: Path) -> None:
    command = f"trap '' INT HUP; exec {shlex.quote(sys.executable)} -m ventriloquist status"
    process = subprocess.Popen(command, shell=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    code, err = end(process, 0.1, signal.SIGINT, signal.SIGHUP)
    assert code == 0, err


@pytest.mark.parametrize(
    ("where", "caught"),
    [
        ("import decimal", "decimal"),
        ("class D:\n    def __del__(self): os.kill(os.getpid(), 2)\nD()\ntime.sleep(20)", "a destructor"),
        (
            "c = sqlite3.connect(':memory:')\nc.set_progress_handler(lambda: os.kill(os.getpid(), 2), 10)\n"
            "c.execute('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1e6)'"
            " ' SELECT max(i) FROM n')",
            "a callback of SQLite",
        ),
        (
            "try:\n    os.kill(os.getpid(), 2); time.sleep(20)\nexcept KeyboardInterrupt:\n    raise ValueError('x')",
            "an error",
        ),
        (
            "try:\n    os.kill(os.getpid(), 2); time.sleep(20)\nfinally:\n    os.kill(os.getpid(), 2); time.sleep(20)",
            "finally",
        ),
        (
            "import atexit\natexit.register(os.kill, os.getpid(), 2)\nos.kill(os.getpid(), 2)",
            "the end of the interpreter",
        ),
        (
            "t = threading.Thread(target=lambda: os.kill(os.getpid(), 2)); t.start(); t.join(); time.sleep(20)",
            "a thread",
        ),
    ],
    ids=lambda value: value if " " not in value or value.startswith(("a ", "an ", "the ")) else "",
)
def test_ctrl_c_is_not_lost_where_python_drops_it(where: str, caught: str, home: Path) -> None:
    script = (
        "import os, sqlite3, sys, threading, time\n"
        "from ventriloquist import status\n"
        "from ventriloquist.cli.app import main\n"
        f"def stop(home):\n    exec({where!r}, globals())\n    os.kill(os.getpid(), 2)\n"
        "status.status = stop\n"
        "main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, "status"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, "Traceback" in ended.stderr) == (130, False), ended.stderr


def test_a_bug_before_any_signal_keeps_its_traceback(home: Path) -> None:
    script = (
        "from ventriloquist import status\nfrom ventriloquist.cli.app import main\n"
        "status.status = lambda home: 1 / 0\nmain()"
    )
    ended = subprocess.run([sys.executable, "-c", script, "status"], capture_output=True, text=True, check=False)
    assert (ended.returncode, "ZeroDivisionError" in ended.stderr) == (1, True)


@pytest.mark.parametrize("command", ["status", "prepare", "export --output -", "status --json", "--help", "nonsense"])
@pytest.mark.parametrize("pipe", ["| true", "| head -c 1", "2>&1 | true"])
def test_whoever_reads_may_go_at_any_moment(command: str, pipe: str, home: Path) -> None:
    with filled(home, [Conversation([Message("Sam", "hello")] * 50)]):
        pass
    vq = f"{shlex.quote(sys.executable)} -m ventriloquist"
    ended = subprocess.run(
        f"{vq} prepare > /dev/null 2>&1; {vq} {command} {pipe}", shell=True, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr
