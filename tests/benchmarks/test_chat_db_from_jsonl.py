from __future__ import annotations

import json
import runpy
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "chat_db_from_jsonl.py"


def line(chat: str, name: str, second: int, content: str, reply_to: int | None = None) -> str:
    members = {"ab": ["Ada", "Bo"], "bc": ["Bo", "Cy"], "cd": ["Cy", "Di"]}[chat]
    row = {"chat": chat, "type": "dm", "members": members, "name": name, "ts": f"2018-04-21T03:23:{second:02}Z"}
    return json.dumps(row | {"content": content, "reply_to": reply_to}) + "\n"


def test_every_chat_of_the_most_talkative_is_kept_under_everybodys_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "chats.jsonl"
    data.write_text(
        line("ab", "Ada", 5, "hello")
        + line("ab", "Bo", 7, "hi", reply_to=0)
        + line("ab", "Ada", 9, "how are you")
        + line("bc", "Cy", 1, "earlier")
        + line("bc", "Bo", 2, "yes")
        + line("bc", "Bo", 3, "and no")
        + line("cd", "Di", 4, "not of theirs")
    )
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--data", str(data), "--output", str(tmp_path), "--people", "2"])
    runpy.run_path(str(SCRIPT), run_name="__main__")

    with closing(sqlite3.connect(f"file:{tmp_path / 'chat.db'}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT chat.style, chat.display_name, handle.id, is_from_me, thread_originator_guid IS NOT NULL "
            "FROM message JOIN handle ON handle.ROWID = handle_id "
            "JOIN chat_message_join ON message_id = message.ROWID JOIN chat ON chat.ROWID = chat_id "
            "ORDER BY message.ROWID"
        ).fetchall()
    with closing(sqlite3.connect(tmp_path / "AddressBook" / "AddressBook-v22.abcddb")) as connection:
        names = dict(
            connection.execute(
                "SELECT ZADDRESS, ZFIRSTNAME FROM ZABCDEMAILADDRESS JOIN ZABCDRECORD ON ZABCDRECORD.Z_PK = ZOWNER "
                "WHERE ZCONTAINERWHERECONTACTISME IS NULL"
            )
        )
    assert [names[handle] for _, _, handle, _, _ in rows] == ["Cy", "Bo", "Bo", "Ada", "Bo", "Ada"]
    assert {(style, title, from_me) for style, title, _, from_me, _ in rows} == {(43, None, 0)}
    assert [replied for *_, replied in rows] == [0, 0, 0, 0, 1, 0]
    assert "Bo                     3 messages in    2 chats" in capsys.readouterr().out
