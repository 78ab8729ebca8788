"""stdout is the result: whatever libraries print while a model trains goes to stderr."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from stages import train

from ventriloquist.store import Connection
from ventriloquist.train import preset
from ventriloquist.train.stdout import stdout_to_stderr


def test_prints_of_python_of_compiled_code_and_of_children_go_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with stdout_to_stderr():
        print("from python")
        os.write(1, b"from compiled code\n")
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    print("the result")
    out, err = capfd.readouterr()
    assert out == "the result\n"
    for words in ("from python", "from compiled code", "from a child"):
        assert words in err


def test_stdout_comes_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), stdout_to_stderr():
        raise RuntimeError
    os.write(1, b"the result")
    assert capfd.readouterr().out == "the result"


def test_what_compiled_code_leaves_in_its_buffer_goes_to_stderr_too() -> None:
    code = (
        "import ctypes\n"
        "from ventriloquist.train.stdout import stdout_to_stderr\n"
        "c = ctypes.CDLL(None)\n"
        "c.printf(b'before ')\n"
        "with stdout_to_stderr(): c.printf(b'inside')\n"
        "c.printf(b'after')\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    assert (done.stdout, done.stderr) == (b"before after", b"inside")


def test_a_file_that_has_the_descriptor_of_a_closed_stdout_is_left_alone(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from ventriloquist.train.stdout import stdout_to_stderr\n"
        "assert sys.stdout is None\n"
        f"file = os.open({str(tmp_path / 'file')!r}, os.O_WRONLY | os.O_CREAT)\n"
        "assert file == 1\n"
        "with stdout_to_stderr(): os.write(file, b'content')\n"
    )
    subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-c", code], check=True)
    assert (tmp_path / "file").read_bytes() == b"content"


@pytest.mark.parametrize("closed", [1, 2])
def test_a_closed_stream_does_not_matter(closed: int) -> None:
    code = (
        f"import os; os.close({closed})\n"
        "from ventriloquist.train.stdout import stdout_to_stderr\n"
        "with stdout_to_stderr(): pass\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_library_that_prints_while_it_trains_does_not_disturb_the_result(
    prepared: Connection, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = preset("tiny").changed(max_steps=2, max_length=128, targets_per_window=4, context=2, rank=2, alpha=4)
    train(prepared, settings.changed(validations=0), home=home, observe=lambda _: os.write(1, b"chatter"))
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("chatter") == 2
