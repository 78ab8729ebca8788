"""Commands that are printed can be typed as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from file_builder import chat, filled

from ventriloquist.cli.app import COMMANDS
from ventriloquist.cli.demo import chat_with
from ventriloquist.cli.invocation import NAMES, invocation, typed

SCRIPTS = Path(sys.executable).parent
BARE = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if not (Path(part) / "vq").exists())


def run(*arguments: str, path: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}, cwd=cwd
    )


def next_command(shown: subprocess.CompletedProcess[str]) -> str:
    return re.findall(r"^Next: (.+)$", shown.stderr, flags=re.MULTILINE)[-1]


@pytest.mark.parametrize("how", [["vq"], ["python", "-m", "ventriloquist"]])
def test_the_next_step_can_be_typed_where_vq_is_not_on_the_path(how: list[str], home: Path) -> None:
    with filled(home, [chat("hi", "ho")]):
        pass
    shown = run(str(SCRIPTS / how[0]), *how[1:], "status", path=BARE)
    command = next_command(shown)
    assert command == f"{SCRIPTS / 'vq'} prepare"
    done = run("sh", "-c", command, path=BARE)
    assert done.returncode == 0, done.stderr
    assert next_command(done).startswith(str(SCRIPTS / "vq"))


def test_the_next_step_is_short_where_vq_is_on_the_path(home: Path) -> None:
    shown = run("vq", "status", path=f"{SCRIPTS}{os.pathsep}{BARE}")
    assert next_command(shown) == "vq collect"


def test_a_vq_on_the_path_that_is_another_is_not_named(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "vq"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    other.chmod(0o755)
    shown = run(str(SCRIPTS / "vq"), "status", path=f"{other.parent}{os.pathsep}{BARE}")
    assert next_command(shown) == f"{SCRIPTS / 'vq'} collect"


def test_from_the_folder_of_a_checkout_the_path_is_relative(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my checkout"
    (folder / ".venv").mkdir(parents=True)
    (folder / ".venv" / "bin").symlink_to(SCRIPTS)
    shown = run(".venv/bin/vq", "status", path=BARE, cwd=folder)
    assert next_command(shown) == ".venv/bin/vq collect"
    shown = run("./vq", "status", path=BARE, cwd=folder / ".venv" / "bin")
    assert next_command(shown).endswith("/vq collect")
    assert run("sh", "-c", next_command(shown), path=BARE, cwd=folder / ".venv" / "bin").returncode == 1


def test_a_hint_names_the_command_as_it_was_called(home: Path) -> None:
    shown = run(str(SCRIPTS / "vq"), "prepare", path=BARE)
    assert shown.stderr.splitlines()[1] == f"Run: {SCRIPTS / 'vq'} collect"


def test_only_commands_are_rewritten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "a b" / "vq"
    script.parent.mkdir()
    script.touch()
    monkeypatch.setattr("sys.argv", [str(script)])
    invocation.cache_clear()
    try:
        called = f"'{script}'"
        assert typed("Run: vq train") == f"Run: {called} train"
        assert typed('vq chat --as "NAME", or: vq eval') == f'{called} chat --as "NAME", or: {called} eval'
        assert typed("MY_NAME='Your Name' vq collect") == f"MY_NAME='Your Name' {called} collect"
        for text in ("Another vq run is using it.", "/tmp/vq train", "Name a folder in it: /tmp/vq", "vq collects"):
            assert typed(text) == text
    finally:
        invocation.cache_clear()


def test_every_command_is_known_to_hints() -> None:
    assert set(NAMES.split("|")) == set(COMMANDS)


def test_a_demo_names_its_home_unless_that_is_the_users(tmp_path: Path) -> None:
    assert chat_with("Maya O'Neil", tmp_path / "a b", tmp_path) == (
        f"VQ_HOME='{tmp_path / 'a b'}' vq chat --as 'Maya O'\"'\"'Neil'"
    )
    assert chat_with("Maya", tmp_path, tmp_path) == "vq chat --as Maya"
