from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from shlex import quote

import pexpect
import pytest
import torch
from adapter_builder import build_run
from invented import NAMES
from stages import prepared_garden

from ventriloquist.store import open_database
from ventriloquist.transcript import DELTAS

ME, KIM, ZOE = NAMES
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PATH": os.environ["PATH"], "TERM": "xterm-256color"}


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return build_run(tmp_path_factory.mktemp("runs") / "20240315-120000-000")


def vq(*arguments: str, run: Path | None, home: Path, said: str | bytes = b"", code: str = "") -> tuple[int, str, str]:
    """Run `vq chat` in a process of its own and return its exit code, stdout and stderr."""
    python = ["-c", f"{code}\nfrom ventriloquist.cli.app import main\nmain()"] if code else ["-m", "ventriloquist"]
    chosen = ["--run", str(run)] if run else []
    done = subprocess.run(
        [sys.executable, *python, "chat", *arguments, *chosen],
        input=said.encode() if isinstance(said, str) else said,
        capture_output=True,
        env={**ENVIRONMENT, "VQ_HOME": str(home)},
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def garden(home: Path) -> Path:
    """Return a home in which the owner has talked to Kim, and to Kim and Zoë in a group."""
    return prepared_garden(home)


def test_each_line_of_stdin_is_answered_as_json_before_the_next_is_read(run: Path, home: Path) -> None:
    arguments = ["chat", "--as", KIM, "--json", "--run", str(run)]
    with subprocess.Popen(
        [sys.executable, "-m", "ventriloquist", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**ENVIRONMENT, "VQ_HOME": str(home)},
    ) as chat:
        assert chat.stdin is not None
        assert chat.stdout is not None
        for message in ('hello "there" \U0001f600\n', "and now?\n"):
            chat.stdin.write(message.encode())
            chat.stdin.flush()
            line = json.loads(chat.stdout.readline())  # comes although stdin stays open
            assert list(line) == ["name", "delta", "content"]
            assert line["name"] == KIM
            assert line["delta"] in DELTAS
            assert line["content"].strip()
        chat.stdin.close()
        rest = chat.stdout.read().decode()
        assert {json.loads(line)["name"] for line in rest.splitlines()} <= {KIM}
    assert chat.returncode == 0


def test_a_seed_gives_the_same_answers_again(run: Path, home: Path) -> None:
    first, again, other = (
        vq("--as", KIM, "--date", "2024-03-15", "--seed", seed, run=run, home=home, said="hello\nhow are you?\n")
        for seed in ("1", "1", "2")
    )
    assert first == again
    assert first[0] == 0
    assert first[1] != other[1]


def test_stdout_has_the_answers_only_and_stderr_says_what_it_is(run: Path, garden: Path) -> None:
    code, out, err = vq("--as", KIM.lower(), "--once", "hello", run=run, home=garden)
    assert code == 0
    assert 1 <= len(out.splitlines()) <= 6
    assert f"simulation of {KIM}" in err
    assert run.name in err
    assert "Continuing after the last 17 messages with Kim" in err  # three quarters of the adapter's window
    assert "Warning" not in err


def test_in_a_group_the_answers_have_names(run: Path, garden: Path) -> None:
    code, out, err = vq("--from", "Garden", run=run, home=garden, said="hello\n" * 6)
    assert code == 0
    assert "with Garden" in err
    assert {line.split(": ")[0] for line in out.splitlines()} <= {KIM, ZOE}


def test_an_unknown_name_offers_the_nearest_before_any_model_is_loaded(run: Path, home: Path) -> None:
    show = "import atexit, sys\natexit.register(lambda: print('torch' in sys.modules, file=sys.stderr))"
    code, out, err = vq("--as", "Zoe Feild", "--once", "hi", run=run, home=home, code=show)
    assert (code, out) == (1, "")
    assert err.splitlines() == ["Error: No person is called 'Zoe Feild'.", f"Did you mean {ZOE!r}?", "False"]


def test_two_people_in_place_of_one_name_are_told_how_to_chat_together(run: Path, home: Path) -> None:
    code, out, err = vq(KIM.lower(), ZOE, "--once", "hi", run=run, home=home)
    assert (code, out) == (1, "")
    expected = f"For a chat with several people: vq chat --as {quote(KIM)} --with {quote(ZOE)}"
    assert err.splitlines()[1] == expected
    assert "several" not in vq("Zoe", "Feild", "--once", "hi", run=run, home=home)[2]


def test_without_the_extra_the_error_says_how_to_install_it(run: Path, home: Path) -> None:
    code, out, err = vq("--as", KIM, "--once", "hi", run=run, home=home, code="import sys\nsys.modules['torch'] = None")
    assert (code, out) == (1, "")
    assert "extra `train`" in err
    assert "ventriloquist-cli[train]" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("backend", "says", "hint"),
    [
        ("mlx", "MLX is not installed.", "[mlx]"),
        ("metal", "VQ_BACKEND is 'metal'.", "auto, unsloth, transformers, mlx"),
    ],
)
def test_a_back_end_that_is_not_here_is_said_before_weights_are_loaded(
    run: Path, home: Path, backend: str, says: str, hint: str
) -> None:
    home.mkdir()
    (home / ".env").write_text(f"VQ_BACKEND={backend}\n")
    hidden = "import sys\nsys.modules['mlx'] = None"
    code, out, err = vq("--as", KIM, "--once", "hi", run=run, home=home, code="" if backend == "metal" else hidden)
    assert (code, out) == (1, "")
    assert says in err
    assert hint in err
    assert "Traceback" not in err


def test_without_a_name_the_usage_error_lists_them(run: Path, home: Path) -> None:
    code, out, err = vq("--once", "hi", run=run, home=home)
    assert (code, out) == (2, "")
    assert KIM in err


def test_nobody_can_answer_themselves(run: Path, home: Path) -> None:
    code, _, err = vq("--as", ME, "--once", "hi", run=run, home=home)
    assert code == 1
    assert "--me NAME" in err


def test_before_training_the_next_step_is_to_train(home: Path) -> None:
    code, out, err = vq("--as", KIM, run=None, home=home)
    assert (code, out) == (1, "")
    assert "Run: vq train" in err
    assert not home.exists()


def test_a_reader_that_leaves_is_no_failure(run: Path, home: Path) -> None:
    vq = f"{sys.executable} -m ventriloquist chat --as Kim --run {run}"
    done = subprocess.run(
        ["bash", "-c", f"yes hello | head -20 | {vq} | head -1; echo ${{PIPESTATUS[2]}}"],
        capture_output=True,
        env={**ENVIRONMENT, "VQ_HOME": str(home)},
        check=True,
        text=True,
    )
    assert len(done.stdout.splitlines()) == 2
    assert done.stdout.splitlines()[-1] == "0"
    assert "Traceback" not in done.stderr


def test_bytes_that_are_no_text_are_answered_too(run: Path, home: Path) -> None:
    code, out, _ = vq("--as", KIM, "--json", run=run, home=home, said=b"\xff\xfe\x00 <|endoftext|>\r\n\r\n   \n")
    assert code == 0
    assert out.splitlines()


def open_terminal(run: Path, home: Path, *arguments: str) -> pexpect.spawn:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "ventriloquist", "chat", "--as", KIM, "--run", str(run), *arguments],
        env={**ENVIRONMENT, "VQ_HOME": str(home), "PROMPT_TOOLKIT_NO_CPR": "1"},
        encoding="utf-8",
        timeout=240,
        dimensions=(40, 100),
    )
    child.expect("simulation of Kim")
    child.expect("/help")
    child.expect(f"{ME}.*:")
    return child


def test_a_conversation_on_a_terminal(run: Path, garden: Path) -> None:
    terminal = open_terminal(run, garden, "--no-delay")
    terminal.send("hello\r")
    terminal.expect(f"{KIM}.*: ")
    terminal.send("/undo\r")
    terminal.expect("Taken back: hello")
    terminal.send("/undo\r")
    terminal.expect("nothing to take back")
    terminal.send("/nonsense\r")
    terminal.expect("no command /nonsense")
    terminal.send("/as Zoë\r")
    terminal.expect("No person is called")
    terminal.send("good night\r")
    terminal.expect(f"{KIM}.*: ")
    terminal.send("/alts\r")
    terminal.expect("4.*/pick N takes one")
    terminal.send("/pick 2\r")
    terminal.expect(f"{KIM}.*: ")
    terminal.send("/save\r")
    terminal.expect("Saved: ")
    terminal.send("/save kept.jsonl\r")
    terminal.expect("Saved: ")
    terminal.expect(f"{ME}.*:")  # the prompt: before it, the terminal itself would take the key
    terminal.send("\x04")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    with open_database(garden) as db:  # so that vq forget can name it
        (parameters,) = db.execute("SELECT parameters FROM runs WHERE command = 'chat'").fetchone()
    assert json.loads(parameters) == {"saved": str(Path.cwd() / "kept.jsonl")}
    (saved,) = (garden / "chats").glob("*.jsonl")
    header, mine, theirs = saved.read_text(encoding="utf-8").splitlines()
    assert json.loads(header)["members"] == [ME, KIM]
    assert (json.loads(mine)["content"], json.loads(theirs)["name"]) == ("good night", KIM)
    assert saved.stat().st_mode & 0o777 == 0o600
    assert (garden / "chats" / "history").stat().st_mode & 0o777 == 0o600


def test_what_is_typed_before_an_answer_appears_belongs_to_one_turn(run: Path, garden: Path) -> None:
    terminal = open_terminal(run, garden, "--new")
    terminal.send("are you\r")
    terminal.expect("Kim is typing")
    terminal.send("at home\r")  # they wait
    terminal.expect(f"\x1b\\[[0-9;]*m{KIM}")
    terminal.expect(f"{ME}.*:")
    terminal.send("/save\r")
    terminal.expect("Saved: ")
    terminal.send("/undo\r")
    terminal.expect("Taken back: are you / at home")
    terminal.expect(f"{ME}.*:")
    terminal.send("\x04")
    terminal.expect(pexpect.EOF)
    (saved,) = (garden / "chats").glob("*.jsonl")
    names = [json.loads(line)["name"] for line in saved.read_text(encoding="utf-8").splitlines()[1:]]
    assert names[:3] == [ME, ME, KIM]


def test_the_example_in_the_documentation_runs(run: Path, home: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "chat.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"This example is run by a test:\n\n```sh\n(.*?)```", page, flags=re.DOTALL)
    (home / "runs").mkdir(parents=True)
    (home / "runs" / run.name).symlink_to(run)
    environment = {**ENVIRONMENT, "VQ_HOME": str(home), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], capture_output=True, env=environment, check=True, text=True)
    answers = [line.split("\t") for line in done.stdout.splitlines()]
    assert len(answers) >= 2
    assert all(name == KIM and delta in DELTAS and content for name, delta, content in answers)


def test_on_a_terminal_the_messages_that_it_goes_on_from_are_shown_dimmed(run: Path, garden: Path) -> None:
    terminal = pexpect.spawn(
        sys.executable,
        ["-m", "ventriloquist", "chat", "kim", "--run", str(run), "--no-delay"],
        env={**ENVIRONMENT, "VQ_HOME": str(garden), "PROMPT_TOOLKIT_NO_CPR": "1"},
        encoding="utf-8",
        timeout=240,
        dimensions=(40, 100),
    )
    terminal.expect("simulation of Kim")
    terminal.expect("Continuing after the last 17 messages")
    terminal.expect(f"\x1b\\[2m— 2024-03-15 —.*\x1b\\[2m{KIM}: tea 13.*\x1b\\[2m{KIM}: tea 29\x1b\\[0m")
    terminal.expect("Loading the model")  # it can be read meanwhile
    terminal.expect(f"{ME}.*:")
    terminal.send("/NEW\r")
    terminal.expect("A new conversation with Kim")
    terminal.send("/Save\r")
    terminal.expect("There is nothing to save yet")
    terminal.send("*hello*\r")
    terminal.expect(f"\x1b\\[[0-9;]*m{KIM}")
    terminal.expect(f"{ME}.*:")
    terminal.send("/save\r")
    terminal.expect("Saved: .*md")
    terminal.expect("Saved: .*jsonl")
    terminal.send("/save talk.MD\r")
    terminal.expect("Saved: talk.MD")
    terminal.send("/save talk.jsonl\r")
    terminal.expect("Saved: talk.jsonl")
    terminal.send("/save talk.jsonl\r")
    terminal.expect("cannot be written: File exists")
    terminal.send("/retri\r")
    terminal.expect("Did you mean /retry")
    terminal.send("/Exit\r")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    readable, exact = Path("talk.MD").read_text(encoding="utf-8"), Path("talk.jsonl").read_text(encoding="utf-8")
    assert readable.startswith("# A simulation of Kim\n\nRobin Oak wrote their own lines")
    assert "\\*hello\\*" in readable
    assert json.loads(exact.splitlines()[1])["content"] == "*hello*"
    assert {path.read_text(encoding="utf-8") for path in (garden / "chats").glob("*.*")} == {readable, exact}
    assert Path("talk.MD").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("command", ["/QUIT", "/exit", "/bye", "/q"])
def test_a_chat_is_left_by_any_of_the_usual_words(command: str, run: Path, home: Path) -> None:
    terminal = open_terminal(run, home)
    terminal.send(f"{command}\r")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


def test_what_was_said_before_does_not_push_the_banner_off_a_small_screen(run: Path, garden: Path) -> None:
    terminal = pexpect.spawn(
        sys.executable,
        ["-m", "ventriloquist", "chat", "kim", "--run", str(run)],
        env={**ENVIRONMENT, "VQ_HOME": str(garden), "PROMPT_TOOLKIT_NO_CPR": "1"},
        encoding="utf-8",
        timeout=240,
        dimensions=(20, 60),
    )
    terminal.expect(r"— \d+ earlier messages, up to 2024-03-15 —")
    assert "tea 29" not in terminal.before
    terminal.expect("tea 29")
    terminal.sendeof()
    terminal.close(force=True)


def test_the_name_needs_no_option(run: Path, garden: Path) -> None:
    for name in (["kim"], ["zoë", "field"], ["Zoe\u0308 Field"]):
        code, out, err = vq(*name, "--once", "hello", run=run, home=garden)
        assert code == 0, err
        assert out.strip()
        assert "tea 29" not in err  # what was said before is for a terminal
    assert vq("kim", "--as", "kim", "--once", "hello", run=run, home=garden)[0] == 2


def test_who_never_wrote_is_said_so_before_any_model_is_loaded(run: Path, garden: Path) -> None:
    with open_database(garden) as db:
        db.execute("INSERT INTO people (id, name) VALUES (99, 'Lou')")
        db.commit()
    show = "import atexit, sys\natexit.register(lambda: print('torch' in sys.modules, file=sys.stderr))"
    code, out, err = vq("lou", "--once", "hi", run=run, home=garden, code=show)
    assert (code, out) == (1, "")
    what, _, is_loaded = err.splitlines()
    assert what == "Error: Lou wrote none of the prepared messages: there is no voice to learn."
    assert is_loaded == "False"
