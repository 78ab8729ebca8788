"""The command itself: light to start, one boundary for errors, documented whole."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ventriloquist.cli.app import COMMANDS, app
from ventriloquist.store import recorded_run

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def vq(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ventriloquist", *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["status"], ["runs"]])
def test_a_light_command_imports_nothing_heavy(arguments: list[str]) -> None:
    heavy = ["torch", "transformers", "peft", "trl", "datasets", "wandb", "sklearn"]
    if "--help" in arguments:
        heavy += ["sqlite_utils", "pydantic_settings"]
    script = (
        "import sys\nsys.argv = ['vq', *sys.argv[1:]]\n"
        "from ventriloquist.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-1] == "[]"


def test_without_a_terminal_bare_vq_prints_help() -> None:
    shown = vq()
    assert shown.returncode == 0
    assert all(command in shown.stdout for command in COMMANDS)


def test_status_is_at_home_on_an_empty_machine(home: Path) -> None:
    shown = vq("status", "--json")
    assert shown.returncode == 0
    status = json.loads(shown.stdout)
    assert status["rows"]["text_messages"] == 0
    assert status["next_step"] == "vq collect"
    assert not home.exists()


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["prepare"], "vq collect"),
        (["export"], "vq collect"),
        (["train"], "vq collect"),
        (["forget", "Sam", "--yes"], "vq collect"),
        (["status", "--people"], "vq collect"),
        (["eval"], "vq train"),
    ],
)
def test_a_command_before_its_predecessor_says_what_to_run(arguments: list[str], remedy: str, home: Path) -> None:
    shown = vq(*arguments)
    assert shown.returncode == 1
    assert shown.stdout == ""
    what, hint = shown.stderr.splitlines()
    assert what.startswith("Error: ")
    assert remedy in hint
    assert not home.exists()


@pytest.mark.parametrize("option", ["--chat-db", "--backup", "--contacts"])
def test_what_may_not_be_read_is_a_failure_with_a_remedy_not_wrong_usage(
    option: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_args, **_kwargs: False)
    (tmp_path / "there").write_text("hello", encoding="utf-8")
    result = CliRunner().invoke(app, ["collect", option, str(tmp_path / "there")])
    assert result.exit_code == 1, result.output


def test_wrong_usage_exits_2() -> None:
    assert vq("train", "--max-steps", "none").returncode == 2
    assert vq("nonsense").returncode == 2


def test_a_bug_keeps_its_traceback_but_not_the_locals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ventriloquist.status.status", lambda home: 1 / 0)
    result = CliRunner().invoke(app, ["status"])
    assert isinstance(result.exception, ZeroDivisionError)
    assert app.pretty_exceptions_show_locals is False


def test_ctrl_c_exits_130_and_sigterm_143() -> None:
    script = (
        "import os, signal, sys\n"
        "from ventriloquist import status\n"
        "from ventriloquist.cli.app import main\n"
        "number = int(sys.argv.pop())\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a job in the background inherits it ignored
        "status.status = lambda home: os.kill(os.getpid(), number)\n"
        "main()"
    )
    for number, code in ((2, 130), (15, 143)):
        ended = subprocess.run(
            [sys.executable, "-c", script, "status", str(number)], capture_output=True, text=True, check=False
        )
        assert ended.returncode == code, ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal")
@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_a_question_that_is_not_answered_stops(key: str, home: Path) -> None:
    import pexpect

    child = pexpect.spawn(sys.executable, ["-m", "ventriloquist"], timeout=60, encoding="utf-8")
    child.expect("What next")
    child.send(key)
    child.expect("Stopped\\.")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def test_the_output_of_a_closed_pipe_is_no_error() -> None:
    ended = subprocess.run(
        f"{shlex.quote(sys.executable)} -m ventriloquist --help | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in ended.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's redirections")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_error(closed: str, home: Path) -> None:
    ended = subprocess.run(
        f"{shlex.quote(sys.executable)} -m ventriloquist status {closed}",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, "Traceback" in ended.stderr, "Next:" in ended.stdout) == (0, False, False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", ["status", "--help", "collect --help", "--version"])
def test_a_full_disk_under_the_output_is_said_in_two_lines(arguments: str, home: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "ventriloquist", *arguments.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr == "Error: No space left on device.\nFree some space and run the command again.\n"


def test_what_a_terminal_cannot_show_is_no_error(home: Path) -> None:
    with recorded_run(home, "collect", create=True) as run:
        run.db.execute("INSERT INTO people (id, name, is_me) VALUES (1, 'Inés 🎸', 1)")
        run.result = {}
    shown = [
        subprocess.run(
            [sys.executable, "-m", "ventriloquist", "status", "--people", *arguments],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
        ).stdout.decode("ascii")
        for arguments in ([], ["--json"])
    ]
    assert r"In\xe9s \U0001f3b8 (you)" in shown[0]
    assert json.loads(shown[1])["people"][0]["name"] == "Inés 🎸"


def test_whatever_makes_a_file_makes_it_the_users_alone(tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from ventriloquist import status\n"
        "from ventriloquist.cli.app import main\n"
        "os.umask(0)\n"
        "status.status = lambda home: sys.exit(Path('made').touch())\n"
        "main()"
    )
    subprocess.run([sys.executable, "-c", script, "status"], check=True, cwd=tmp_path)
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o600


def test_every_line_of_the_readme_that_starts_with_vq_is_a_command_of_ours() -> None:
    lines = re.findall(r"^(?:\$ )?vq (.+?)(?:\s+#.*)?$", README, flags=re.MULTILINE)
    assert len(lines) >= 6
    for line in lines:
        name, *arguments = shlex.split(line)
        command = _click_command(name)
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert {argument.split("=")[0] for argument in arguments if argument.startswith("--")} <= known, line


def _click_command(name: str) -> object:
    import typer

    group = typer.main.get_command(app)
    return group.commands[name]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_page_that_shows_its_help(command: str) -> None:
    page = (ROOT / "docs" / f"{command}.md").read_text(encoding="utf-8")
    assert f'help_page("{command}")' in page
    assert f"docs/{command}.md" in README


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_an_imperative_first_line_and_an_example(command: str) -> None:
    documentation = COMMANDS[command].__doc__ or ""
    assert documentation.splitlines()[0].endswith(".")
    assert f"Example: vq {command}" in documentation


def test_the_readme_is_short() -> None:
    assert README.count("\n") < 200


def test_no_file_names_the_stranger_package_of_the_bare_name() -> None:
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        assert not re.search(r"pip install ventriloquist(?!-cli)", path.read_text(encoding="utf-8")), path
