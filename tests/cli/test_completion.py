"""What the shell offers on Tab."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from file_builder import Conversation, Message, filled

NAMES = ["Maya Okafor", "Max", "Zoë Field", "Dad", "Sam O’Neil", "Sam O'Neil Jr.", "Anne‑Marie"]
HOSTILE = [
    "Mad $(touch hacked)",
    "Mad `touch hacked`",
    'Mad "',
    "Mad\\",
    "Mad*",
    "Mad; ls",
    "Mad\x1b[2J",
    "Mad\nhacked",
]


@pytest.fixture
def known(home: Path) -> Path:
    talk = [Message(name, "hi") for name in (*NAMES, *HOSTILE)]
    with filled(home, [Conversation(talk, type="group")], owner="Robin Oak"):
        pass
    for name in ("20240315-120000-000", "20250101-080000-000"):
        (home / "runs" / name).mkdir(parents=True)
    return home


def offered(*words: str, shell: str = "bash", code: str = "") -> list[str]:
    """Return what is offered for the last of the words."""
    asked = {
        "bash": {"COMP_WORDS": "\n".join(("vq", *words)), "COMP_CWORD": str(len(words))},
        "zsh": {"_TYPER_COMPLETE_ARGS": " ".join(("vq", *words))},
        "fish": {"_TYPER_COMPLETE_ARGS": " ".join(("vq", *words)), "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from ventriloquist.cli.app import main\nimport sys\ntry:\n    main()\nfinally:\n    {code or 'pass'}",
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "_VQ_COMPLETE": f"complete_{shell}", **asked},
    )
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]


def test_names_are_offered_whatever_their_case_and_escaped(known: Path) -> None:
    assert offered("chat", "--as", "ma") == ["Max", "Maya\\ Okafor"]
    assert offered("chat", "--as", '"Maya O') == ['"Maya Okafor']
    assert offered("chat", "--with", "Zo") == ["Zoë\\ Field"]
    assert offered("chat", "D") == ["Dad"]
    assert offered("chat", "--as", "anne-m") == ["Anne‑Marie"]
    assert offered("forget", "Z") == ["Zoë\\ Field"]
    assert offered("chat", "--as", "Sam", shell="fish") == ["Sam O'Neil Jr.", "Sam O’Neil"]
    assert offered("chat", "--as", "Sam\\ O") == ["Sam\\ O\\'Neil\\ Jr.", "Sam\\ O’Neil"]


def test_runs_are_offered_the_newest_first(known: Path) -> None:
    assert offered("chat", "--run", "20") == ["20250101-080000-000", "20240315-120000-000"]
    assert offered("eval", "--against", "2024") == ["20240315-120000-000"]
    assert offered("runs", "remove", "2025") == ["20250101-080000-000"]
    assert offered("runs", "re") == ["remove"]


def test_a_name_that_a_shell_would_execute_is_not_offered(known: Path) -> None:
    for shell in ("bash", "zsh", "fish"):
        shown = "".join(offered("chat", "--as", "Ma", shell=shell))
        assert "Max" in shown
        assert "Mad" not in shown


def test_names_come_from_the_adapter_where_only_that_was_copied(home: Path) -> None:
    (home / "runs" / "one").mkdir(parents=True)
    (home / "runs" / "one" / "manifest.json").write_text('{"people": ["Robin Oak", "Kim"]}', encoding="utf-8")
    assert offered("chat", "--as", "K") == ["Kim"]


@pytest.mark.parametrize("wrong", ["nothing", "damaged", "no such .env"])
def test_what_cannot_be_read_offers_nothing_and_says_nothing(wrong: str, home: Path) -> None:
    if wrong == "damaged":
        home.mkdir()
        (home / "ventriloquist.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
        (home / "runs").write_text("no folder", encoding="utf-8")
    if wrong == "no such .env":
        Path(".env").write_bytes(b"\xff\xfe")
    assert offered("chat", "--as", "") == []
    assert offered("chat", "--run", "") == []
    assert home.exists() == (wrong == "damaged")


def test_completion_imports_nothing_heavy(known: Path) -> None:
    heavy = "print([name for name in ('torch', 'transformers', 'sqlite_utils', 'pydantic') if name in sys.modules])"
    *_, loaded = offered("chat", "--as", "Max", code=heavy)
    assert "torch" not in loaded
    assert "transformers" not in loaded


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_script_that_is_printed_completes_in_a_shell(known: Path) -> None:
    shown = subprocess.run(
        [
            "bash",
            "-c",
            'eval "$(_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION=1 vq --show-completion bash)"\n'
            'COMP_WORDS=(vq chat --as May); COMP_CWORD=3; _vq_completion vq; printf "%s\\n" "${COMPREPLY[@]}"',
        ],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    assert shown.stdout == "Maya\\ Okafor\n", shown.stderr
