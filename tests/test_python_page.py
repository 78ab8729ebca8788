"""docs/python.md: its examples run, one after the other, as a reader would paste them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from apple import ChatDb

import ventriloquist

PAGE = Path(__file__).parents[1] / "docs" / "python.md"


def write_messages(path: Path) -> None:
    """Write a chat.db in which two people talk with the owner."""
    db = ChatDb(path)
    for number, words in enumerate(("see you at the lake", "the oven is broken again")):
        handle = f"+1250555011{number}"
        chat = db.dm(handle)
        for at in range(60):
            text = f"{words} {at}" if at % 2 else f"ok {at}"
            db.message(chat, 1_700_000_000_000 + at * 600_000, text, sender=None if at % 2 else handle)
    db.close()
    path.with_name("WhatsApp Chat - Sam.txt").write_text(
        "[13.05.23, 10:00:00] Sam: hi\n[13.05.23, 10:01:00] Nora: yo\n"
    )


@pytest.mark.slow
def test_the_examples_of_the_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_messages(tmp_path / "chat.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VQ_HOME", str(tmp_path / "other"))
    monkeypatch.setenv("MY_NAME", "Nora Lindqvist")
    names: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(code, names)
    assert (tmp_path / "voices" / "ventriloquist.db").exists()
    assert not (tmp_path / "other").exists()
    assert '"type"' in capsys.readouterr().out
    assert names["result"].held_out > 0


def test_the_public_names_are_there_and_others_are_not() -> None:
    for name in dir(ventriloquist):
        assert getattr(ventriloquist, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Hom'"):
        _ = ventriloquist.Hom
