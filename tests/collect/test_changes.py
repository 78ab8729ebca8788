"""A collect says that something is new where a line would change."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from apple import ChatDb
from collected import collect_into

from ventriloquist.store import open_database
from ventriloquist.store.messages import digest_of_derived

ANN, T = "+12505550111", 1_650_000_000_000


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE attachment_details SET kind = 'sticker'",
        "UPDATE attachment_details SET part = 7",
        "UPDATE time_zones SET name = 'Asia/Tokyo'",
        "UPDATE attachments SET filename = 'other'",
    ],
)
def test_what_changes_a_line_is_a_change(tmp_path: Path, home: Path, statement: str) -> None:
    with closing(ChatDb(tmp_path / "chat.db")) as source:
        chat = source.dm(ANN)
        source.attach(source.message(chat, T, "look", sender=ANN), "image/jpeg", "a.jpg")
    collect_into(home, tmp_path / "chat.db", my_name="Robin")
    with open_database(home) as db:
        before = digest_of_derived(db)
        assert digest_of_derived(db) == before
        db.execute(statement)
        assert digest_of_derived(db) != before
