"""A file is written whole or stays as it was."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ventriloquist.fs import flush_all, write_text


def test_a_file_that_cannot_be_flushed_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run" / "manifest.json"
    path.parent.mkdir()
    write_text(path, "before")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            write_text(path, "after")
    assert path.read_text(encoding="utf-8") == "before\n"
    write_text(path, "after")
    assert [(p.name, p.read_text(encoding="utf-8")) for p in path.parent.iterdir()] == [("manifest.json", "after\n")]


def test_everything_in_a_folder_is_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: set[int] = set()
    folder = tmp_path / "run"
    (folder / "base").mkdir(parents=True)
    (folder / "base" / "weights").write_bytes(b"1")
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.add(os.fstat(descriptor).st_ino))
    flush_all(folder)
    assert flushed == {path.stat().st_ino for path in (tmp_path, folder, *folder.rglob("*"))}
