"""The entry point sets how OpenMP's threads wait, before torch is loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ventriloquist.__main__ import SPINS, WAITING, wait_briefly


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in WAITING:
        monkeypatch.setenv(name, "")  # so that what the test sets is taken back
        monkeypatch.delenv(name)


def test_threads_that_wait_spin_briefly() -> None:
    wait_briefly()
    assert {name: os.environ[name] for name in WAITING if name in os.environ} == {"GOMP_SPINCOUNT": SPINS}


@pytest.mark.parametrize(
    ("name", "value"), [("OMP_WAIT_POLICY", "ACTIVE"), ("GOMP_SPINCOUNT", "1000"), ("KMP_BLOCKTIME", "200")]
)
def test_how_threads_wait_is_left_as_the_user_has_set_it(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    wait_briefly()
    assert {one: os.environ[one] for one in WAITING if one in os.environ} == {name: value}


def test_the_command_sets_it_before_torch_is_loaded() -> None:
    code = (
        "import sys; from ventriloquist.__main__ import main; sys.argv = ['vq', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "import os; print('torch' in sys.modules, os.environ['GOMP_SPINCOUNT'])"
    )
    clean = {name: value for name, value in os.environ.items() if name not in WAITING}
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean)
    assert shown.stdout.splitlines()[-1] == f"False {SPINS}"
