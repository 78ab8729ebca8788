"""A .env in the current folder: what it decides is said, and what is wrong with it does not stop `vq status`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from file_builder import Conversation, Message, filled

ROOT = Path(__file__).parents[2]


def vq(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ventriloquist", *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    "command",
    [["prepare"], ["export"], ["collect", "--chat-db", "none"], ["forget", "Sam", "--yes"], ["train"], ["merge"]],
)
def test_a_home_that_a_file_of_this_folder_chose_is_named(
    command: list[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with filled(home, [Conversation([Message("Sam", "hello")])]):
        pass
    monkeypatch.delenv("VQ_HOME")
    Path(".env").write_text(f"VQ_HOME={home}\n", encoding="utf-8")
    assert f"VQ_HOME comes from ./.env: {home}\n" in vq(*command).stderr
    monkeypatch.setenv("VQ_HOME", str(home))
    assert "comes from" not in vq(*command).stderr


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"MY_NAME=Zo\xeb\n", b"DEBUG=1\n=\n\x00"])
def test_a_file_that_is_not_ours_does_not_stop_status(content: bytes, home: Path) -> None:
    Path(".env").write_bytes(content)
    shown = vq("status")
    assert shown.returncode == 0, shown.stderr
    assert str(home) in shown.stdout
    assert "Warning: .env cannot be read" in shown.stderr


def test_a_file_that_may_not_be_read_does_not_stop_status(home: Path) -> None:
    Path(".env").write_text("MY_NAME=Robin", encoding="utf-8")
    Path(".env").chmod(0)
    if os.access(".env", os.R_OK):
        pytest.skip("root may read everything")
    assert vq("status").returncode == 0


def test_every_variable_is_in_the_example() -> None:
    from ventriloquist.settings import FIELDS

    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall("^#([A-Z_]+)=", example, flags=re.MULTILINE)) == {*FIELDS, "VQ_HOME"}
