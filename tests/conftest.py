"""What every test gets: a home of its own, no settings of the machine's, and no network."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# how long an example takes says how busy the machine is
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")

# a job in the background inherits Ctrl-C as ignored, and so would every process that a test starts
signal.signal(signal.SIGINT, signal.default_int_handler)


# as after an installation: hints name the command by its path where vq is another, or none
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set VQ_HOME to a folder that does not exist yet, and stand in an empty folder without a .env."""
    folder = tmp_path / "home"
    monkeypatch.setenv("VQ_HOME", str(folder))
    for name in (
        "MY_NAME",
        "USER_IDENTIFIERS",
        "WANDB_API_KEY",
        "VQ_API_KEY",
        "VQ_BACKEND",
        "VQ_BACKUP_PASSWORD",
        "VQ_TIME_ZONE",
        "COLUMNS",
        "LINES",
    ):  # a terminal says its own size
        monkeypatch.delenv(name, raising=False)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return folder


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if self.family != socket.AF_UNIX and host not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test reached for the network: {address}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)
