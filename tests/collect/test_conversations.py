"""Which chats are one conversation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import pytest

from ventriloquist.collect.conversations import group_chats, merge_chats
from ventriloquist.collect.corrections import Corrections
from ventriloquist.collect.identity import Directory, build_directory
from ventriloquist.records import ContactCard, SourceChat

ME, ANN, BEN, CAL = "me@example.com", "+12505550111", "+12505550112", "+12505550113"


def directory(*cards: tuple[str, Sequence[str]]) -> Directory:
    """Return a directory of people by first name and handles."""
    made = [
        ContactCard("folder", "store", number, name, "", "", "", tuple(handles), False)
        for number, (name, handles) in enumerate(cards)
    ]
    return build_directory(made, [ME], "Robin", Corrections(), lambda handle: handle)


def group(guid: str, *handles: str, title: str | None = None, group_id: str | None = None, at: int = 0) -> SourceChat:
    return SourceChat(guid, "group", title, group_id, handles, at)


def dm(guid: str, *handles: str) -> SourceChat:
    return SourceChat(guid, "dm", None, None, handles, 0)


def together(chats: Sequence[SourceChat], people: Directory) -> set[frozenset[str]]:
    """Return the guids that are one conversation, in whatever order the chats come."""
    found = []
    for order in permutations(chats):
        of_chat = group_chats(order, people)
        sets: dict[int, set[str]] = {}
        for guid, conversation in of_chat.items():
            sets.setdefault(id(conversation), set()).add(guid)
        found.append({frozenset(guids) for guids in sets.values()})
    assert all(one == found[0] for one in found)
    return found[0]


def apart(*guids: str) -> set[frozenset[str]]:
    """Return what `together` gives for conversations written as "a b" "c"."""
    return {frozenset(one.split()) for one in guids}


def test_one_person_is_one_conversation_over_handles_and_services() -> None:
    people = directory(("Ann", [ANN, "ann@example.com"]))
    chats = [dm("imessage", ANN), dm("sms", ANN), dm("mail", "ann@example.com"), dm("ben", BEN)]
    assert together(chats, people) == apart("imessage sms mail", "ben")


def test_notes_to_self_are_a_conversation_of_their_own() -> None:
    people = directory()
    (conversation,) = {id(one): one for one in group_chats([dm("a", ME), dm("b", ME)], people).values()}.values()
    assert conversation.other is people.me
    assert not conversation.people


def test_groups_are_one_by_people_and_title() -> None:
    people = directory(("Ann", [ANN, "ann@example.com"]))
    chats = [
        group("1", ANN, BEN, title="Trip"),
        group("2", BEN, "ann@example.com", title="Trip"),
        group("3", ANN, BEN, title="Work"),
        group("4", ANN, BEN, CAL, title="Trip"),
    ]
    assert together(chats, people) == apart("1 2", "3", "4")


def test_a_group_and_a_dm_of_the_same_people_are_two() -> None:
    assert together([dm("dm", ANN), group("group", ANN)], directory()) == apart("dm", "group")


def test_the_owner_among_the_people_makes_no_difference() -> None:
    assert together([group("1", ANN, BEN), group("2", ME, BEN, ANN)], directory()) == apart("1 2")


def test_one_group_id_is_one_group_whoever_is_in_it() -> None:
    chats = [
        group("1", ANN, BEN, title="Trip", group_id="G"),
        group("2", ANN, CAL, title="Trip 2", group_id="G"),
        group("3", CAL, ANN, title="Trip 2"),
        group("4", ANN, BEN, title="Other", group_id="H"),
    ]
    assert together(chats, directory()) == apart("1 2 3", "4")


@pytest.mark.parametrize("group_id", [None, ""])
def test_groups_that_list_nobody_are_not_one(group_id: str | None) -> None:
    chats = [group("1", group_id=group_id), group("2", group_id=group_id), group("3", title="T"), group("4", title="T")]
    assert together(chats, directory()) == apart("1", "2", "3", "4")


def test_the_newest_chats_title_is_the_conversations() -> None:
    chats = [
        group("1", ANN, title="Old", group_id="G", at=5),
        group("2", ANN, title="New", group_id="G", at=9),
        group("3", ANN, group_id="G", at=10),
    ]
    assert {one.title for one in group_chats(chats, directory()).values()} == {"New"}


def test_what_two_sources_say_of_a_chat_does_not_depend_on_their_order() -> None:
    one = group("1", ANN, BEN, title="Old", group_id="G", at=5)
    two = group("1", BEN, CAL, title="New", at=9)
    merged = merge_chats(one, two)
    assert merged == merge_chats(two, one)
    assert merged == SourceChat("1", "group", "New", "G", (BEN, CAL, ANN), 9)
    assert merge_chats(merged, one) == merged
