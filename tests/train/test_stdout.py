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
