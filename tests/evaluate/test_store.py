"""What is kept in a run's folder, so that a stopped evaluation goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from ventriloquist.errors import StorageError
from ventriloquist.evaluate.store import FOLDER, RECORDS, Store, key_of


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    Store(tmp_path).put(key_of("line", 1), ["hi", "é\u2028"])
    Store(tmp_path).put(key_of("line", 2), [])
    assert Store(tmp_path).get(key_of("line", 1)) == ["hi", "é\u2028"]
    assert Store(tmp_path).get(key_of("line", 2)) == []
    assert Store(tmp_path).get(key_of("line", 3)) is None


def test_a_line_that_was_not_written_whole_is_made_again(tmp_path: Path) -> None:
    Store(tmp_path).put("a", 1)
    path = tmp_path / FOLDER / RECORDS
    path.write_text(path.read_text() + '["b", {"half')
    store = Store(tmp_path)
    assert store.get("b") is None
    store.put("b", 2)
    assert (Store(tmp_path).get("a"), Store(tmp_path).get("b")) == (1, 2)


def test_a_folder_that_cannot_be_written_to_is_said_so(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file")
    with pytest.raises(StorageError, match="cannot be written"):
        Store(tmp_path)


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    Store(tmp_path).put("a", 1)
    assert (tmp_path / FOLDER).stat().st_mode & 0o077 == 0
    assert (tmp_path / FOLDER / RECORDS).stat().st_mode & 0o077 == 0
