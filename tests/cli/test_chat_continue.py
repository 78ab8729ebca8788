"""`vq chat --continue`: the last chat goes on, on a terminal, in a pipe and with --once.

In most tests a served model writes, because `vq chat` then starts without torch.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
import torch
from adapter_builder import build_run
from completions_server import serving, writing
from invented import NAMES
from stages import prepared_garden

from ventriloquist import forget
from ventriloquist.model.adapter import load_adapter
from ventriloquist.model.line_writer import LineWriter
from ventriloquist.store import open_database

ME, KIM, ZOE = NAMES
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PATH": os.environ["PATH"], "TERM": "xterm-256color"}

ANSWER = f"\x1b\\[1;[0-9]+m{KIM}"  # a bold, coloured name


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return build_run(tmp_path_factory.mktemp("runs") / "20240315-120000-000")


@pytest.fixture(scope="session")
def served(trained: Path) -> Iterator[list[str]]:
    """Return the options for a served model."""
    adapter = load_adapter(trained)
    with serving(writing(LineWriter(adapter.model, adapter.tokenizer, max_tokens=30))) as served:
        yield ["--endpoint", served.url]


@pytest.fixture
def garden(home: Path, trained: Path) -> Path:
    """Return a home with a run, in which the owner has talked to Kim, and to Kim and Zoë in a group."""
    prepared_garden(home)
    (home / "runs").mkdir()
    (home / "runs" / trained.name).symlink_to(trained)
    return home


def vq(home: Path, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """Run `vq chat` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "ventriloquist", "chat", *arguments],
        input=said,
        capture_output=True,
        env={**ENVIRONMENT, "VQ_HOME": str(home)},
        check=False,
        text=True,
    )


def kept(home: Path) -> list[dict[str, object]]:
    paths = sorted((home / "chats" / "kept").glob("*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def said(chat: dict[str, object], by: str = ME) -> list[str]:
    lines = chat["said"][chat["opened_with"] :]  # type: ignore[index]
    return [content for name, _, content, *_ in lines if name == by]


def open_terminal(home: Path, *arguments: str) -> pexpect.spawn:
    return pexpect.spawn(
        sys.executable,
        ["-m", "ventriloquist", "chat", "--no-delay", *arguments],
        env={**ENVIRONMENT, "VQ_HOME": str(home), "PROMPT_TOOLKIT_NO_CPR": "1"},
        encoding="utf-8",
        timeout=240,
        dimensions=(40, 100),
    )


def test_a_script_that_sends_one_message_at_a_time_holds_one_chat(garden: Path) -> None:
    first = vq(garden, "--as", "kim", "--once", "one", "--json")
    assert first.returncode == 0, first.stderr
    second = vq(garden, "--continue", "--once", "two", "--json")
    assert second.returncode == 0, second.stderr
    assert "Going on with the chat with Kim, after " in second.stderr
    assert {json.loads(line)["name"] for line in second.stdout.splitlines()} == {KIM}
    third = vq(garden, "--continue", "--as", "KIM", said="three\nfour\n")
    assert third.returncode == 0, third.stderr
    (chat,) = kept(garden)
    assert said(chat) == ["one", "two", "three", "four"]
    assert said(chat, KIM)[: len(first.stdout.splitlines())] == [
        json.loads(line)["content"] for line in first.stdout.splitlines()
    ]
    assert chat["run"] == "runs/20240315-120000-000"


def test_a_chat_on_a_terminal_goes_on_and_its_turns_can_be_taken_back(garden: Path, served: list[str]) -> None:
    terminal = open_terminal(garden, *served, "--as", "Kim")
    terminal.expect("Continuing after the last")
    terminal.expect("/help")
    terminal.send("good evening\r")
    terminal.expect(ANSWER)
    terminal.kill(signal.SIGKILL)  # while the answer is written
    terminal.close(force=True)
    assert said(kept(garden)[0]) == ["good evening"]
    terminal = open_terminal(garden, *served, "--continue")
    terminal.expect("simulation of Kim")
    terminal.expect("Going on with the chat with Kim, after .* lines?, the last on 20")
    terminal.expect(f"\x1b\\[2m{ME}: good evening\x1b\\[0m")
    terminal.expect("/help")
    terminal.send("/retry\r")
    terminal.expect(ANSWER)
    terminal.send("/undo\r")
    terminal.expect("Taken back: good evening")
    terminal.send("/new\r")
    terminal.expect("A new conversation with Kim")
    terminal.send("another chat\r")
    terminal.expect(ANSWER)
    terminal.send("\x04")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert [said(chat) for chat in kept(garden)] == [[], ["another chat"]]


def test_an_earlier_self_and_a_group_go_on_as_they_were(garden: Path, served: list[str]) -> None:
    assert vq(garden, *served, "--from", "Garden@2024-03", "--me", "Zoë Field", "--once", "hello").returncode == 0
    done = vq(garden, *served, "--continue", "--me", "ZOË FIELD", "--once", "and now?")
    assert done.returncode == 0, done.stderr
    (chat,) = kept(garden)
    assert (chat["me"], chat["speaker"], chat["title"], chat["source"]) == (ZOE, None, "Garden", "Garden@2024-03")
    assert said(chat, ZOE) == ["hello", "and now?"]
    assert {day[:7] for *_, day in chat["said"]} == {"2024-03"}  # type: ignore[attr-defined]


def test_no_keep_writes_nothing_and_leaves_a_kept_chat_as_it_was(garden: Path, served: list[str]) -> None:
    assert vq(garden, *served, "--as", "Kim", "--once", "a secret", "--no-keep").returncode == 0
    assert not (garden / "chats").exists()
    assert vq(garden, *served, "--as", "Kim", "--once", "kept").returncode == 0
    before = kept(garden)
    assert vq(garden, *served, "--continue", "--once", "a secret", "--no-keep").returncode == 0
    assert kept(garden) == before


def test_no_keep_on_a_terminal_does_not_keep_what_is_typed_either(garden: Path, served: list[str]) -> None:
    terminal = open_terminal(garden, *served, "--as", "Kim", "--new", "--no-keep")
    terminal.expect("/help")
    terminal.send("a secret\r")
    terminal.expect(ANSWER)
    terminal.send("\x04")
    terminal.expect(pexpect.EOF)
    assert not (garden / "chats").exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--new"], "--new"),
        (["--date", "2024", "--with", "Zoë Field"], "--with and --date"),
        (["--from", "Garden"], "--from"),
    ],
)
def test_a_chat_that_goes_on_has_no_other_start(garden: Path, options: list[str], named: str) -> None:
    done = vq(garden, "--continue", *options)
    assert done.returncode == 2
    assert f"leave out {named}." in " ".join(done.stderr.replace("│", " ").split())


def test_without_a_kept_chat_with_them_there_is_one_line_and_a_remedy(garden: Path, served: list[str]) -> None:
    done = vq(garden, *served, "--continue", "--once", "hello")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: No chat is kept yet.\nStart one: ")
    assert vq(garden, *served, "--as", "Kim", "--once", "hello").returncode == 0
    done = vq(garden, *served, "--continue", "Zoë", "Field", "--once", "hello")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: No kept chat is with 'Zoë Field'.\n")


def test_a_damaged_file_is_one_line_a_remedy_and_is_still_there(garden: Path, served: list[str]) -> None:
    assert vq(garden, *served, "--as", "Kim", "--once", "hello").returncode == 0
    (path,) = (garden / "chats" / "kept").glob("*.json")
    path.write_text(path.read_text(encoding="utf-8")[:-40], encoding="utf-8")
    done = vq(garden, *served, "--continue", "--once", "hello")
    assert done.returncode == 1
    assert done.stderr == (
        f"Error: {path} is not a kept chat, or is damaged.\n"
        "Move the file to another folder; then --continue takes the chat before it.\n"
    )
    assert path.exists()


def test_a_chat_goes_on_without_its_run_and_without_the_prepared_messages(garden: Path, served: list[str]) -> None:
    runs = garden / "runs"
    shutil.copytree(runs / "20240315-120000-000", runs / "20240316-120000-000")
    assert vq(garden, *served, "--as", "Kim", "--run", "20240316-120000-000", "--once", "hello").returncode == 0
    assert "20240316" in vq(garden, *served, "--continue", "--once", "again").stderr
    shutil.rmtree(runs / "20240316-120000-000")
    (garden / "ventriloquist.db").unlink()
    done = vq(garden, *served, "--continue", "--once", "and again")
    assert done.returncode == 0, done.stderr
    assert "written by a model at http://127.0.0.1:" in done.stderr
    assert "(run 20240316-120000-000)." in done.stderr
    assert said(kept(garden)[0]) == ["hello", "again", "and again"]


def test_forget_removes_kept_chats(garden: Path, served: list[str]) -> None:
    assert vq(garden, *served, "--as", "Kim", "--once", "hello").returncode == 0
    assert vq(garden, *served, "--from", "Garden", "--once", "hello all").returncode == 0
    assert len(kept(garden)) == 2
    with open_database(garden) as db:
        forget.run(db, garden, forget.plan(db, garden, KIM))
    assert not (garden / "chats").exists()
