"""Chatting with a served model: in the light install, and with what can go wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from adapter_builder import build_run
from completions_server import Served, serving, writing
from file_builder import Conversation, Message, filled
from invented import NAMES

from ventriloquist.model.adapter import load_adapter
from ventriloquist.model.session import Session
from ventriloquist.prepare import prepare
from ventriloquist.transcript import DELTAS

ME, KIM, ZOE = NAMES
LIGHT = (
    "import sys\n"
    "for name in ('torch', 'transformers', 'peft', 'numpy', 'llguidance', 'accelerate', 'sklearn', 'gguf'):\n"
    "    sys.modules[name] = None\n"
    "from ventriloquist.cli.app import main\nmain()"
)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return build_run(tmp_path_factory.mktemp("runs") / "20240315-120000-000")


@pytest.fixture(scope="session")
def served(run: Path) -> Iterator[Served]:
    adapter = load_adapter(run)
    with serving(writing(Session(adapter.model, adapter.tokenizer, max_tokens=30))) as served:
        yield served


@pytest.fixture
def mac(home: Path) -> Path:
    """Return a home with prepared messages and no run."""
    talk = [Message((ME, KIM)[index % 2], f"tea {index}") for index in range(30)]
    group = [Message(NAMES[index % 3], f"train {index}") for index in range(30)]
    with filled(home, [Conversation(talk), Conversation(group, type="group", title="Garden")], owner=ME) as db:
        prepare(db)
    return home


def light_vq(*arguments: str, said: str = "") -> tuple[int, str, str]:
    """Run `vq chat` where nothing of the `train` extra can be imported; return its exit code, stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, "chat", *arguments],
        input=said.encode(),
        capture_output=True,
        env=dict(os.environ),
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_a_served_model_answers_in_the_light_install(served: Served, mac: Path) -> None:
    code, out, err = light_vq("--as", "kim", "--endpoint", served.url, "--json", said='so "you"?\n\nand now\n')
    assert code == 0, err
    answers = [json.loads(line) for line in out.splitlines()]
    assert len(answers) >= 2
    assert all(answer["name"] == KIM and answer["delta"] in DELTAS and answer["content"] for answer in answers)
    assert f"A simulation of Kim. They said none of this: a model at {served.url} writes it." in err
    assert "Going on from the last 30 messages with Kim" in err
    assert "goes to" not in err  # the server is on this machine
    first = next(asked["prompt"] for asked in served.asked if "so " in asked["prompt"])
    assert first.endswith('"content": "so \\"you\\"?"}\n{"name": "Kim", "delta":')


def test_in_a_group_the_served_model_says_who_writes(served: Served, mac: Path) -> None:
    code, out, err = light_vq("--from", "Garden", "--endpoint", served.url, said="hello\n" * 4)
    assert code == 0, err
    assert {line.split(": ")[0] for line in out.splitlines()} <= {KIM, ZOE}


def test_a_copied_manifest_is_enough(served: Served, run: Path, home: Path) -> None:
    code, out, err = light_vq("--as", KIM, "--endpoint", served.url, "--run", str(run), "--once", "hello")
    assert code == 0, err
    assert out.strip()
    assert f"of the run {run.name}" in err


def test_without_messages_or_a_run_the_error_says_what_is_missing(served: Served, home: Path) -> None:
    code, out, err = light_vq("--as", KIM, "--endpoint", served.url, "--once", "hello")
    assert (code, out) == (1, "")
    assert "vq prepare" in err
    assert "--run" in err
    assert not home.exists()


def test_a_server_that_is_not_there_is_one_line_and_a_remedy(mac: Path) -> None:
    with serving(lambda asked: []) as gone:
        pass
    code, out, err = light_vq("--as", KIM, "--endpoint", gone.url, "--once", "hello")
    assert (code, out) == (1, "")
    assert "cannot be reached" in err
    assert "Traceback" not in err


def test_a_model_is_named_only_with_a_server(mac: Path) -> None:
    assert light_vq("--as", KIM, "--endpoint-model", "mine", "--once", "hello")[0] == 2


def test_whoever_talks_to_another_machine_is_told_so(mac: Path) -> None:
    code, _, err = light_vq("--as", KIM, "--endpoint", "http://192.0.2.1:1/v1", "--endpoint-model", "x", said="")
    assert code == 0
    assert "What you and they write goes to http://192.0.2.1:1/v1." in err
