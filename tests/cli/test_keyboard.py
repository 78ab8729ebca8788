from __future__ import annotations

import shutil
from pathlib import Path

from ventriloquist.cli.keyboard import PrivateHistory


def test_what_is_typed_is_private_and_nothing_is_added_after_it_was_removed(tmp_path: Path) -> None:
    folder = tmp_path / "chats"
    folder.mkdir()
    history = PrivateHistory(folder / "history")
    history.store_string("before")
    assert (folder / "history").stat().st_mode & 0o777 == 0o600
    assert list(history.load_history_strings()) == ["before"]
    shutil.rmtree(folder)  # as vq forget does while a chat is open
    history.store_string("after")
    assert not folder.exists()
