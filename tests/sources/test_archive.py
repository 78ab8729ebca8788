"""What every reader of an export can rely on: odd records are accounted for, and the owner is found or asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ventriloquist.errors import SettingsError, SourceError
from ventriloquist.records import Source, SourceMessage, SourceRow, SourceSkipped, SourceTapback
from ventriloquist.sources.archive import LONGEST_NAME, open_archive
from ventriloquist.sources.export_records import Person, Reacted, Record, Said, Skipped, Thread

BEGIN = 1_684_144_800_000
ME, ANN = Person("1", "Robin", is_me=True), Person("2", "Ann")


def opened(
    home: Path, *records: Record, me: Sequence[str] | None = None, owner: Sequence[str] = ()
) -> tuple[Source, list[SourceRow]]:
    with open_archive("telegram", "An export", records, home, me=me, owner=owner) as source:
        rows = [*source.rows()]
        assert source.total == len(rows)
        assert len({row.guid for row in rows}) == len(rows)
        return source, rows


def said(id: str, sender: str = "2", at: int = BEGIN, text: str = "hi", thread: str = "7") -> Said:
    return Said(thread, id, sender, at, text)


def test_odd_records_are_accounted_for(tmp_path: Path) -> None:
    thread = "\ud800 odd " + "x" * 500
    source, rows = opened(
        tmp_path / "home", ME, said("1", thread=thread, text="\ud800"), said("2", at=0), said("3", at=1 << 70),
        said("4" * 500, sender="\udc00"), Reacted("nowhere", "9", "5", BEGIN, "\ud83d"), Skipped("", "", "event"),
    )  # fmt: skip
    for text in [text for row in rows for text in row if isinstance(text, str)]:
        text.encode()
    assert [row.reason for row in rows if isinstance(row, SourceSkipped)] == ["no_date", "no_date", "event"]
    chats = {chat.guid for chat in source.chats}
    assert all(row.chat_guid in chats for row in rows if not isinstance(row, SourceSkipped))
    assert all(handle.encode() for handle in source.handles)


def test_an_export_in_which_nobody_wrote_holds_no_messages(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no messages"):
        opened(tmp_path / "home", Skipped("7", "1", "event"), me=["Robin"])


def test_what_comes_twice_is_one_message_one_reaction_and_two_repeated_records(tmp_path: Path) -> None:
    both = [said("1"), Reacted("7", "1", "1", BEGIN, "❤"), Skipped("7", "2", "call")]
    _, rows = opened(tmp_path / "home", ME, ANN, *both, *both)
    assert [type(row) for row in rows] == [SourceMessage, SourceTapback, *[SourceSkipped] * 4]
    assert [row.reason for row in rows[2:] if isinstance(row, SourceSkipped)] == [
        "call",
        "repeated",
        "repeated",
        "call",
    ]
    assert [row.guid for row in opened(tmp_path / "home", ME, ANN, *both, *both)[1]] == [row.guid for row in rows]


def test_guids_name_nobody(tmp_path: Path) -> None:
    _, rows = opened(
        tmp_path / "home", ME, ANN, said("", thread="Ann"), Skipped("Ann", "", "event"), said("5", thread="Ann")
    )
    assert not any("Ann" in row.guid for row in rows)


def test_people_are_named_by_a_card_for_each_handle(tmp_path: Path) -> None:
    bo, unsaved = Person("3", "Bo", "+15550102030"), Person("4", "+1 555 010-2031", "+15550102031")
    source, _ = opened(tmp_path / "home", ME, ANN, bo, unsaved, *(said(id, sender=id) for id in "1234"))
    assert [(card.folder, card.first, card.identifiers, card.is_me) for card in source.cards or ()] == [
        ("telegram", "Robin", ("telegram:1",), True),
        ("telegram", "Ann", ("telegram:2",), False),
        ("telegram", "Bo", ("+15550102030", "telegram:3"), False),
    ]
    assert source.handles == ["telegram:2", "+15550102030", "+15550102031"]


@pytest.mark.parametrize(
    ("me", "owner", "found"),
    [
        (["ann"], (), "telegram:2"),
        (["telegram:2"], (), "telegram:2"),
        (["Zed", "3"], (), "+15550102030"),
        ((), ["ANN"], "telegram:2"),
        ((), ["nobody", "+1 (555) 010-2030"], "+15550102030"),
    ],
)
def test_the_owner_is_whom_the_user_or_the_file_knows(
    me: Sequence[str], owner: Sequence[str], found: str, tmp_path: Path
) -> None:
    people = [ANN, Person("3", "Bo", "+15550102030")]
    source, rows = opened(tmp_path / "home", *people, said("1"), said("2", sender="3"), me=me, owner=owner)
    assert [*source.owner_identifiers] == [found]
    assert [row.is_from_me for row in rows if isinstance(row, SourceMessage)].count(1) == 1


def test_an_owner_who_is_known_may_have_written_nothing(tmp_path: Path) -> None:
    source, rows = opened(tmp_path / "home", ANN, said("1"), me=["robin roe"], owner=["Robin Roe"])
    assert source.owner_identifiers == {"telegram:robin roe": 0}
    assert "have not written" in source.notes[-1]
    assert [row.is_from_me for row in rows if isinstance(row, SourceMessage)] == [0]
    with pytest.raises(SettingsError) as caught:
        opened(tmp_path / "home", ANN, said("1"), me=["Robert"], owner=["Robin Roe"])
    assert "--me 'Robin Roe'" in caught.value.hint


def test_names_and_titles_are_one_line_of_bounded_length(tmp_path: Path) -> None:
    people = [ME, Person("2", "Ann\n\x1b[2JLee " + "x" * 10_000)]
    source, _ = opened(tmp_path / "home", *people, Thread("7", "group", "a\r\nb" * 5000), said("1"))
    (name,) = [card.first for card in source.cards or () if not card.is_me]
    assert name.startswith("Ann [2JLee x")
    assert len(name) == LONGEST_NAME
    assert [len(chat.title or "") for chat in source.chats] == [LONGEST_NAME]
    assert (source.chats[0].title or "").startswith("a ba b")


def test_who_cannot_be_told_apart_is_asked_for_by_id(tmp_path: Path) -> None:
    people = [ANN, Person("3", "ann")]
    with pytest.raises(SettingsError, match="Several people") as caught:
        opened(tmp_path / "home", *people, said("1"), said("2", sender="3"), me=["Ann"])
    assert "'2', '3'" in caught.value.hint
    source, _ = opened(tmp_path / "home", *people, said("1"), said("2", sender="3"), me=["3"])
    assert [*source.owner_identifiers] == ["telegram:3"]


def test_an_export_that_knows_its_owner_without_a_name_takes_the_users_word_for_it(tmp_path: Path) -> None:
    source, _ = opened(tmp_path / "home", Person("1", is_me=True), ANN, said("1"), said("2", sender="1"), me=["Robin"])
    assert [(card.first, card.is_me) for card in source.cards or ()] == [("Ann", False), ("Robin", True)]
