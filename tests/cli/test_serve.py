"""`vq serve` as a process: what it prints, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import torch
from adapter_builder import build_run
from file_builder import Conversation, Message, filled
from invented import NAMES
from stages import prepare

ME, KIM, _ = NAMES


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return build_run(tmp_path_factory.mktemp("runs") / "20240315-120000-000")


@pytest.fixture
def kims(home: Path) -> Path:
    talk = [Message((ME, KIM)[index % 2], f"tea {index}") for index in range(30)]
    with filled(home, [Conversation(talk)], owner=ME) as db:
        prepare(db)
    return home


def start(home: Path, *arguments: str, code: str = "", **environment: str) -> subprocess.Popen[str]:
    python = ["-c", f"{code}\nfrom ventriloquist.cli.app import main\nmain()"] if code else ["-m", "ventriloquist"]
    return subprocess.Popen(
        [sys.executable, *python, "serve", "--no-open", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "VQ_HOME": str(home), "OMP_NUM_THREADS": "1", **environment},
    )


def fails(home: Path, *arguments: str, code: str = "", **environment: str) -> list[str]:
    process = start(home, *arguments, code=code, **environment)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, ""), err
    return err.splitlines()


def printed(process: subprocess.Popen[str], pattern: str) -> str:
    """Read stderr up to a line with the pattern, and return its first group."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if found := re.search(pattern, line):
            return found[1]
    pytest.fail("".join(said))


def test_it_prints_an_address_with_a_token_answers_and_ends_at_once_while_it_writes(run: Path, kims: Path) -> None:
    with start(kims, "--run", str(run), "--port", "0", "--seed", "1") as process:
        assert printed(process, r"(A simulation\. Everything that it says is written by tiny)")
        url = printed(process, r"Open (http://127\.0\.0\.1:\d+/\?token=\S{32})$")
        base = url.partition("?")[0]
        with httpx.Client(follow_redirects=False, timeout=60) as client:
            assert client.get(url).status_code == 303
            assert client.get(f"{base}page/about").json()["me"] == ME
            assert client.get(f"{base}v1/models").json()["data"][0]["id"] == KIM
        body = {"model": KIM, "messages": [{"role": "user", "content": "hi"}], "stream": True}
        with httpx.stream("POST", f"{base}v1/chat/completions", json=body, timeout=60) as response:
            next(response.iter_lines())
            started = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
        assert time.monotonic() - started < 20
        assert process.stderr is not None
        rest = process.stderr.read()
        assert "Traceback" not in rest
        assert rest.splitlines()[-1] == "Stopped."


def test_a_port_that_is_taken_is_said_before_the_model_is_loaded(run: Path, kims: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        show = "import atexit, sys\natexit.register(lambda: print('torch' in sys.modules, file=sys.stderr))"
        err = fails(kims, "--run", str(run), "--port", str(port), code=show)
    assert err[-3:] == [
        f"Error: Port {port} is taken.",
        "Stop the other vq serve, or choose another port: --port 0 takes a free one.",
        "False",
    ]


def test_without_the_extra_the_error_says_how_to_install_it(run: Path, kims: Path) -> None:
    err = fails(kims, "--run", str(run), code="import sys\nsys.modules['uvicorn'] = None")
    assert err[0] == "Error: This needs the extra `serve` (uvicorn is missing)."
    assert "ventriloquist-cli[serve]" in err[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--as", "Kin"], "No person is called 'Kin'."),
        (["--me", "Kin"], "No person is called 'Kin'."),
        (["--host", "0.0.0.0"], "With --host 0.0.0.0, other machines could read the chats."),
        (["--host", "0.0.0.0", "--token", "short"], "The token is too short: it needs 16 characters."),
        (["--host", "nowhere.invalid", "--token", "a" * 20], "There is no host 'nowhere.invalid'."),
        (["--host", "192.0.2.1", "--token", "a" * 20], "vq cannot listen on 192.0.2.1: "),
    ],
)
def test_what_cannot_be_served_is_two_lines(run: Path, kims: Path, arguments: list[str], said: str) -> None:
    err = fails(kims, "--run", str(run), "--port", "0", *arguments)
    assert said in err[-2]
    assert err[-1]
    assert "Traceback" not in "\n".join(err)


def test_nothing_is_trained_yet_says_what_to_run(home: Path) -> None:
    assert fails(home)[-1] == "Run: vq train"


def test_a_token_of_the_user_comes_from_the_environment_and_is_not_printed(run: Path, kims: Path) -> None:
    token = "of-the-environment-1"
    with start(kims, "--run", str(run), "--port", "0", "--host", "0.0.0.0", VQ_SERVE_TOKEN=token) as process:
        assert printed(process, "(leave this machine)")
        port = printed(process, r"Open http://[^:]+:(\d+)/\?token=… with your token")
        url = f"http://127.0.0.1:{port}/v1/models"
        assert httpx.get(url).status_code == 401
        assert httpx.get(url, headers={"Authorization": f"Bearer {token}"}).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
        assert process.stderr is not None
        assert token not in process.stderr.read()
