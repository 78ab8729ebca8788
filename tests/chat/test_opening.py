from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from file_builder import DAY, MINUTE, NOON, Conversation, Message, filled
from stages import prepare

from ventriloquist.chat.opening import Opening, find_opening
from ventriloquist.errors import UnknownNameError
from ventriloquist.names import find_name
from ventriloquist.prepare import PrepareOptions
from ventriloquist.store import Connection

ME = "Aidan Allchin"


def talk(*names: str, start: int, prefix: str, count: int = 6) -> list[Message]:
    return [
        Message(names[index % len(names)], f"{prefix} {index}", sent_at=start + index * MINUTE)
        for index in range(count)
    ]


@pytest.fixture
def db(home: Path) -> Iterator[Connection]:
    conversations = [
        Conversation(talk(ME, "Sam", start=NOON, prefix="old") + talk("Sam", ME, start=NOON + 90 * DAY, prefix="late")),
        Conversation(talk(ME, "Kim", "Lou", start=NOON + DAY, prefix="group"), type="group", title="Garden"),
        Conversation(talk(ME, "Kim", "Sam", start=NOON + 2 * DAY, prefix="film"), type="group", title="Film club"),
        Conversation(talk(ME, "Lou", "Sam", start=NOON + 3 * DAY, prefix="trip"), type="group"),
    ]
    with filled(home, conversations, owner=ME) as db:
        prepare(db, PrepareOptions(timezone="UTC"))
        yield db


def contents(opening: Opening) -> list[str]:
    return [said.line.content for said in opening.said]


def test_a_person_has_the_end_of_the_one_to_one_conversation(db: Connection) -> None:
    opening = find_opening(db, ME, ["Sam"], limit=4)
    assert (opening.type, opening.members) == ("dm", (ME, "Sam"))
    assert contents(opening) == ["late 2", "late 3", "late 4", "late 5"]
    assert opening.said[-1].sent_at == NOON + 90 * DAY + 5 * MINUTE
    assert opening.begins_at is None  # the time is now


def test_a_person_of_groups_only_has_the_group_they_wrote_in_last(db: Connection) -> None:
    opening = find_opening(db, ME, ["Kim"], limit=50)
    assert opening.title == "Film club"
    assert contents(opening)[0] == "film 0"


def test_several_people_have_the_group_of_exactly_them(db: Connection) -> None:
    assert find_opening(db, ME, ["Lou", "Kim"], limit=50).title == "Garden"
    empty = find_opening(db, ME, ["Sam", "Lou", "Kim"], limit=50)
    assert (empty.type, empty.members, empty.said) == ("group", (ME, "Kim", "Lou", "Sam"), ())


def test_a_new_conversation_is_empty_but_among_the_same_people(db: Connection) -> None:
    assert find_opening(db, ME, ["Sam"], fresh=True, limit=50) == Opening("dm", (ME, "Sam"))
    assert find_opening(db, ME, ["Kim"], fresh=True, limit=50).members == (ME, "Kim", "Sam")


def test_nobody_prepared_and_no_file_give_an_empty_one_to_one_conversation(db: Connection) -> None:
    expected = Opening("dm", (ME, "Stranger"))
    assert find_opening(db, ME, ["Stranger"], limit=50) == find_opening(None, ME, ["Stranger"], limit=50) == expected


def test_a_conversation_is_found_by_title_person_or_number(db: Connection) -> None:
    assert contents(find_opening(db, ME, [], source="garden", limit=2)) == ["group 4", "group 5"]
    assert find_opening(db, ME, [], source="Sam", limit=2).type == "dm"
    assert find_opening(db, ME, [], source="4", limit=2).members == (ME, "Lou", "Sam")
    with pytest.raises(UnknownNameError) as caught:
        find_opening(db, ME, [], source="Gardn", limit=2)
    assert "'Garden'" in caught.value.hint


def test_whoever_is_named_takes_part_in_a_conversation_of_others(db: Connection) -> None:
    opening = find_opening(db, ME, ["Sam"], source="Garden", limit=2)
    assert (opening.type, opening.members, opening.title) == ("group", (ME, "Kim", "Lou", "Sam"), "Garden")
    assert contents(opening) == ["group 4", "group 5"]
    assert find_opening(db, ME, ["Kim"], source="Sam", limit=2).type == "group"
    assert find_opening(db, ME, ["Kim"], source="Garden", limit=2).members == (ME, "Kim", "Lou")


def test_going_on_from_a_conversation_sets_the_clock_back_to_it(db: Connection) -> None:
    opening = find_opening(db, ME, [], source="Garden", limit=50)
    assert opening.begins_at == NOON + DAY + 5 * MINUTE


def test_a_date_goes_on_from_what_was_said_by_its_end(db: Connection) -> None:
    for opening in (
        find_opening(db, ME, [], source="Sam@2024-03", limit=3),
        find_opening(db, ME, ["Sam"], date="2024-03", limit=3),
    ):
        assert contents(opening) == ["old 3", "old 4", "old 5"]
        assert opening.begins_at == NOON + 5 * MINUTE


def test_a_date_without_messages_starts_empty_on_that_day(db: Connection) -> None:
    opening = find_opening(db, ME, ["Sam"], date="2024-04-20", limit=3)
    assert not opening.said
    assert opening.begins_at is not None
    assert abs(opening.begins_at - (NOON + 36 * DAY)) <= DAY


def test_conversations_under_another_name_of_the_owner_are_not_gone_on_with(db: Connection) -> None:
    assert find_opening(db, "Aidan A.", ["Sam"], limit=3) == Opening("dm", ("Aidan A.", "Sam"))


def test_a_name_is_found_whatever_its_case() -> None:
    assert find_name("zoë field", ["Kim", "Zoë Field"]) == "Zoë Field"
    assert find_name("kim", ["Kim", "kim"]) == "kim"
    assert find_name("Zoe\u0308 field ", ["Kim", "Zoë Field"]) == "Zoë Field"  # an accent of its own
    with pytest.raises(UnknownNameError):
        find_name("KIM", ["Kim", "kim"])
    with pytest.raises(UnknownNameError) as caught:
        find_name("Zoe Field", ["Kim", "Zoë Field"])
    assert "'Zoë Field'" in caught.value.hint


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("Sam O\u2019Neil", "sam o'neil"),
        ("Sam O'Neil", "Sam O\u2019Neil"),
        ("Sam O'Neil", "Sam O\u02bcNeil"),
        ("Sam O'Neil", "Sam O`Neil"),
        ("Zo\u00eb", "Zoe\u0308"),
        ("Zoe\u0308", "ZO\u00cb"),
        ("Anne-Marie", "anne\u2013marie"),
        ("Anne\u2011Marie", "Anne-Marie"),
        ("Robin \u201cThe Oak\u201d", 'Robin "the oak"'),
        ("Maya Okafor", " maya\u00a0 okafor "),
        ("Stra\u00dfe", "STRASSE"),
        ("Kim \u2764\ufe0f", "kim \u2764"),
        ("Maya\u200e", "maya"),
    ],
)
def test_a_name_is_found_however_its_signs_are_typed(stored: str, typed: str) -> None:
    assert find_name(typed, ["Robin", stored]) == stored


def test_two_people_whose_names_differ_in_a_sign_are_told_apart_by_it() -> None:
    two = ["Sam O'Neil", "Sam O\u2019Neil"]
    assert [find_name(name, two) for name in two] == two
    with pytest.raises(UnknownNameError, match="No person"):
        find_name("SAM O'NEIL", two)


def test_part_of_a_name_is_answered_with_who_has_it() -> None:
    with pytest.raises(UnknownNameError) as error:
        find_name("sam", ["Samuel", "Sam Okafor", "Pam", "Sam O'Neil"])
    assert error.value.hint == "Did you mean 'Sam Okafor', \"Sam O'Neil\"?"
