"""Who is who: cards united or kept apart, names told apart, the owner, and what stays when sources and cards change."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import pytest
from apple import ME, ChatDb, MacCard, write_address_book
from collected import collect_into, dump, names, query
from typer.testing import CliRunner

from ventriloquist.cli.app import app
from ventriloquist.errors import SettingsError

T = 1_700_000_000_000
ONE, TWO, THREE, MAIL = "+12505550111", "+12505550112", "+12505550113", "one@example.com"


def chat_db(path: Path, *handles: str, schema: str = "sequoia") -> Path:
    """Write one message from each handle, a minute apart."""
    db = ChatDb(path, schema)
    for number, handle in enumerate(handles):
        db.message(db.dm(handle), T + number * 60_000, f"from {handle}", sender=handle)
    return db.close()


def collect_with(
    tmp_path: Path, home: Path, cards: Sequence[MacCard], *handles: str, **options: object
) -> dict[str, str]:
    """Collect messages from these handles with these cards; return the name behind each handle."""
    path = chat_db(tmp_path / "chat.db", *handles)
    contacts = tmp_path / "contacts"
    shutil.rmtree(contacts, ignore_errors=True)
    collect_into(home, path, write_address_book(contacts, cards), my_name="Robin", **options)
    path.unlink()
    return senders(home)


def senders(home: Path) -> dict[str, str]:
    return dict(
        query(home, "SELECT sender_handle, name FROM text_messages JOIN people ON people.id = sender_id")  # type: ignore[arg-type]
    )


# Names


@pytest.mark.parametrize(
    ("card", "name"),
    [
        (MacCard("Ann", "Lee", [ONE], nickname="Annie", organization="Acme"), "Ann Lee"),
        (MacCard("Ann", None, [ONE], nickname="Annie"), "Ann"),
        (MacCard(None, "Lee", [ONE], nickname="Annie"), "Lee"),
        (MacCard(None, None, [ONE], nickname="Annie", organization="Acme"), "Annie"),
        (MacCard(None, None, [ONE], organization="Acme"), "Acme"),
        (MacCard(None, None, [ONE]), ONE),
        (MacCard("  Ann\n", "Lee\u2028", [ONE]), "Ann Lee"),
        (MacCard("", " ", [ONE], nickname=" "), ONE),
        (MacCard("Unknown", None, [ONE]), "Unknown (2)"),  # the bare word stands for a sender nobody knows
        (MacCard("Robin", None, [ONE]), "Robin (2)"),  # the owner's name is the owner's
    ],
)
def test_what_a_card_calls_somebody(tmp_path: Path, home: Path, card: MacCard, name: str) -> None:
    assert collect_with(tmp_path, home, [card], ONE) == {ONE: name}


@pytest.mark.parametrize(
    "written",
    [
        "(250) 555-0111", "250 555 0111", "1-250-555-0111", "+1 250.555.0111", "\u202a+1 (250) 555‑0111\u202c",
        "\uff0b１２５０ 555 0111", "001 250 555 0111", "+001 250 555 0111", "(00) 1 250-555-0111", "011 1 250 555 0111",
        "+12505550111(smsft)", "250 555 0111 (SMSFP)", "+12505550111(smsfp_rm)(filtered)", "+12505550111 (filtered) ",
    ],
)  # fmt: skip
def test_a_number_is_one_however_it_is_written(tmp_path: Path, home: Path, written: str) -> None:
    assert collect_with(tmp_path, home, [MacCard("Ann", None, [written])], ONE) == {ONE: "Ann"}


@pytest.mark.parametrize(
    ("written", "handle"),
    [
        ("0044 20 7946 0018", "+442079460018"),
        ("0044 (0)20 7946 0018", "+442079460018"),
        ("0062 812 3456 789", "+628123456789"),
        ("001234", "001234"),  # a short code
        ("00", "00"),
        ("AX-SHOP(smsft_fi)", "AX-SHOP"),
        ("ACME(UK)", "ACME(UK)"),  # part of the name
        ("Shop@Example.com (smsfp)", "shop@example.com"),
        ("(smsft)", "(smsft)"),
    ],
)
def test_what_a_handle_without_a_card_is_called(tmp_path: Path, home: Path, written: str, handle: str) -> None:
    assert collect_with(tmp_path, home, [], written) == {written: handle}


def test_a_zero_that_a_national_number_may_begin_with_is_kept(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    toll_free = "0077 12 3456"  # in Japan
    db.message(db.dm(toll_free), T, "hi", sender=toll_free, destination_caller_id="+81312345678", account="")
    collect_into(home, db.close(), my_name="Robin")
    assert names(home) == {"Robin", "+810077123456"}


def test_a_label_is_nobodys_whosever_handle_has_it(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    mine = db.dm(f"{ME}(smsft)", account_login=f"P:{ME}(smsft)")
    db.message(mine, T, "a note", account=f"P:{ME}(filtered)", destination_caller_id=f"{ME}(smsfp)")
    for number, room in enumerate(("chat1", "chat2")):
        label = "(smsft)" * number
        db.message(db.group(room, [f"{ONE}{label}", TWO], "Trip"), T, "hi", sender=f"{ONE}{label}")
    handles = [db.handle(ONE), db.handle(f"{ONE}(smsfp)")]
    db.message(
        db.chat(f"SMS;-;{ONE}(smsfp)", None, handles), T, "hi", sender=ONE
    )  # a chat with one, though of two rows
    collect_into(home, db.close(), my_name="Robin")
    assert names(home) == {"Robin", ONE, TWO}
    types = "SELECT type, count(*) FROM conversations GROUP BY type ORDER BY type"
    assert query(home, types) == [("dm", 2), ("group", 1)]


def test_addresses_do_not_mind_their_case(tmp_path: Path, home: Path) -> None:
    assert collect_with(tmp_path, home, [MacCard("Ann", None, [], ["One@Example.COM "])], MAIL) == {MAIL: "Ann"}


def test_the_last_seven_digits_are_not_a_number(tmp_path: Path, home: Path) -> None:
    assert collect_with(tmp_path, home, [MacCard("Ann", None, ["+1 604 555 0111"])], ONE) == {ONE: ONE}


# Uniting


def test_one_card_with_number_and_address_is_one_conversation(tmp_path: Path, home: Path) -> None:
    assert collect_with(tmp_path, home, [MacCard("Ann", None, [ONE], [MAIL])], ONE, MAIL) == {ONE: "Ann", MAIL: "Ann"}
    assert query(home, "SELECT count(*) FROM conversations") == [(1,)]


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        (("Ann", "Lee"), ("Ann", "Lee"), "Ann Lee"),
        (("Ann", "Lee"), ("ann", None), "Ann Lee"),
        (("Ann", None), ("Ann Maria", "Lee"), "Ann Maria Lee"),
        ((None, None), ("Ann", None), "Ann"),
        (("Lee", None), ("Ann", "Lee"), "Ann Lee"),
    ],
)
def test_cards_that_share_a_number_and_fit_are_one(
    tmp_path: Path, home: Path, first: tuple[str | None, ...], second: tuple[str | None, ...], name: str
) -> None:
    cards = [MacCard(*first, [ONE, THREE]), MacCard(*second, [THREE], [MAIL])]
    assert collect_with(tmp_path, home, cards, ONE, MAIL, THREE) == {ONE: name, MAIL: name, THREE: name}


def test_cards_that_share_a_number_and_contradict_stay_two_and_it_is_neithers(tmp_path: Path, home: Path) -> None:
    cards = [MacCard("Ann", "Lee", [ONE, THREE]), MacCard("Bob", "Lee", [TWO, THREE])]
    assert collect_with(tmp_path, home, cards, ONE, TWO, THREE) == {ONE: "Ann Lee", TWO: "Bob Lee", THREE: THREE}


def test_a_card_without_a_name_brings_no_two_together(tmp_path: Path, home: Path) -> None:
    cards = [MacCard("Ann", "Lee", [ONE]), MacCard(None, None, [ONE, TWO]), MacCard("Bob", "Ray", [TWO])]
    for order in permutations(cards):
        found = collect_with(tmp_path, home, order, ONE, TWO, replace=True)
        assert not ({"Ann Lee"} <= {found[ONE]} and {"Ann Lee"} <= {found[TWO]})
        assert found[ONE] != found[TWO]


def test_two_with_one_name_are_told_apart_by_who_came_first(tmp_path: Path, home: Path) -> None:
    cards = [MacCard("Al", "Kim", [TWO]), MacCard("Al", "Kim", [ONE])]
    assert collect_with(tmp_path, home, cards, ONE, TWO) == {ONE: "Al Kim", TWO: "Al Kim (2)"}


def test_two_who_have_no_number_do_not_share_it(tmp_path: Path, home: Path) -> None:
    blank = ["", "  ", "\u00a0"]
    cards = [MacCard("Ann", None, [ONE, *blank], blank), MacCard("Ann", "Lee", [TWO, *blank], blank)]
    assert collect_with(tmp_path, home, cards, ONE, TWO) == {ONE: "Ann", TWO: "Ann Lee"}
    assert query(home, "SELECT count(*) FROM handles WHERE trim(handle) = ''") == [(0,)]


def test_names_that_look_like_our_placeholders_are_names(tmp_path: Path, home: Path) -> None:
    cards = [MacCard("\x003", None, [ONE]), MacCard("\x002", None, [TWO])]
    found = collect_with(tmp_path, home, cards, ONE, TWO, "\x004", "\x001")
    assert found == {ONE: "3", TWO: "2", "\x004": "4", "\x001": "1"}


def test_a_number_once_given_never_changes(tmp_path: Path, home: Path) -> None:
    al = [MacCard("Al", None, [handle]) for handle in (ONE, TWO, THREE)]
    collect_with(tmp_path, home, al, ONE, TWO)
    db = ChatDb(tmp_path / "older.db")
    db.message(db.dm(THREE), T - 10**9, "before them all", sender=THREE)
    db.message(db.dm(TWO), T - 10**10, "earlier still", sender=TWO)
    collect_into(home, db.close(), tmp_path / "contacts", my_name="Robin")
    assert senders(home) == {ONE: "Al", TWO: "Al (2)", THREE: "Al (3)"}
    found = collect_with(tmp_path, home, [*al[1:], MacCard("Zoe", None, [ONE])], ONE, TWO, THREE)
    assert found == {ONE: "Zoe", TWO: "Al (2)", THREE: "Al (3)"}


def test_a_card_whose_name_ends_in_a_number_is_left_alone(tmp_path: Path, home: Path) -> None:
    cards = [MacCard("Al", None, [ONE]), MacCard("Al", "(2)", [TWO]), MacCard("Al", None, [THREE])]
    first = collect_with(tmp_path, home, cards, ONE, TWO, THREE)
    assert first[TWO] == "Al (2)"
    assert len(set(first.values())) == 3
    assert collect_with(tmp_path, home, cards, ONE, TWO, THREE) == first


def test_the_fullest_card_names_and_then_the_lowest_store(tmp_path: Path, home: Path) -> None:
    path = chat_db(tmp_path / "chat.db", ONE)
    stores = {
        "": [MacCard("Ann", None, [ONE])],
        "BBBB": [MacCard("Ann", "Lee", [ONE])],
        "AAAA": [MacCard("Lee", "Ann", [ONE])],
    }
    collect_into(home, path, write_address_book(tmp_path / "contacts", stores), my_name="Robin")
    assert senders(home) == {ONE: "Lee Ann"}


# The owner


def test_the_owner_is_all_that_the_database_says(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    chat = db.dm(ONE, account_login="E:Robin@Example.com", last_addressed_handle="+12505550109")
    db.message(chat, T, "a", account="p:+12505550108", destination_caller_id="+12505550107")
    db.message(chat, T, "b", account="E:", destination_caller_id="")
    contacts = write_address_book(
        tmp_path / "contacts", [MacCard("Robin", "Vale", [ME], ["r@example.org"], is_me=True)]
    )
    summary = collect_into(home, db.close(), contacts)
    assert summary.owner == "Robin Vale"
    own = "SELECT handle FROM handles JOIN people ON people.id = person_id WHERE is_me ORDER BY handle"
    expected = [ME, "+12505550107", "+12505550108", "+12505550109", "r@example.org", "robin@example.com"]
    assert query(home, own) == [(handle,) for handle in expected]
    assert summary.owner_identifiers == {
        "+12505550107": 1, "+12505550108": 1, "+12505550109": 1, "Robin@Example.com": 1
    }  # fmt: skip


def test_what_the_user_says_of_himself_overrides_it(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    family = "family@example.com"
    db.message(db.dm(family), T, "hi", sender=family, account=f"E:{family}", destination_caller_id=ME)
    db.message(db.dm(ME), T, "note")
    path = db.close()
    collect_into(home, path, my_name="Robin")
    assert names(home) == {"Robin"}
    collect_into(home, path, my_name="Robin", user_identifiers=["250-555-0100"])
    assert names(home) == {"Robin", family}


def test_my_name_wins_over_the_card_and_stays(tmp_path: Path, home: Path) -> None:
    path = chat_db(tmp_path / "chat.db", ONE)
    contacts = write_address_book(tmp_path / "contacts", [MacCard("Robin", "Vale", [ME], is_me=True)])
    assert collect_into(home, path, contacts, my_name="Bird").owner == "Bird"
    assert collect_into(home, path, contacts).owner == "Robin Vale"
    assert collect_into(home, path).owner == "Robin Vale"  # the file remembers
    assert query(home, "SELECT count(*) FROM people WHERE is_me") == [(1,)]


def test_nobody_says_who_the_owner_is(tmp_path: Path, home: Path) -> None:
    path = chat_db(tmp_path / "chat.db", ONE)
    cards = [MacCard("Robin", "Vale", [ME]), MacCard(None, None, [TWO], is_me=True)]  # not marked; marked, no name
    contacts = write_address_book(tmp_path / "contacts", cards)
    with pytest.raises(SettingsError, match="Your own name is not known") as caught:
        collect_into(home, path, contacts)
    assert "MY_NAME" in caught.value.hint
    assert not home.exists()


def test_nobody_is_called_as_those_whom_nobody_knows(tmp_path: Path, home: Path) -> None:
    path = chat_db(tmp_path / "chat.db", ONE)
    with pytest.raises(SettingsError, match="cannot be called 'Unknown'"):
        collect_into(home, path, my_name=" Unknown")
    contacts = write_address_book(tmp_path / "contacts", [MacCard("Unknown", None, [ONE])])
    collect_into(home, path, contacts, my_name="Robin")
    assert names(home) == {"Robin", "Unknown (2)"}


def test_the_region_of_the_owners_number_reads_national_numbers(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    london = "+442079460018"
    db.message(db.dm(london), T, "hi", sender=london, destination_caller_id="+447700900123", account="E:a@example.com")
    contacts = write_address_book(tmp_path / "contacts", [MacCard("Lon", "Don", ["020 7946 0018"])])
    collect_into(home, db.close(), contacts, my_name="Robin")
    assert "Lon Don" in names(home)


# Contacts come and go


def test_people_are_derived_anew_from_every_collect(tmp_path: Path, home: Path) -> None:
    path = chat_db(tmp_path / "chat.db", ONE, MAIL)
    collect_into(home, path, my_name="Robin")
    assert names(home) == {"Robin", ONE, MAIL}
    ids = query(home, "SELECT id FROM people ORDER BY id")
    contacts = write_address_book(tmp_path / "contacts", [MacCard("Ann", None, [ONE], [MAIL])])
    collect_into(home, path, contacts, my_name="Robin")
    assert names(home) == {"Robin", "Ann"}
    assert query(home, "SELECT id FROM people ORDER BY id") == ids[:2]
    united = dump(home)
    collect_into(home, path, my_name="Robin")  # contacts are not read again: what was read stays
    assert dump(home) == united


def test_a_card_that_is_taken_away_parts_again(tmp_path: Path, home: Path) -> None:
    path = chat_db(tmp_path / "chat.db", ONE, MAIL)
    contacts = write_address_book(
        tmp_path / "contacts", [MacCard("Ann", None, [ONE], [MAIL]), MacCard("Zed", None, [ME])]
    )
    collect_into(home, path, contacts, my_name="Robin")
    shutil.rmtree(contacts)
    write_address_book(contacts, [MacCard("Ann", None, [ONE]), MacCard("Zed", None, [ME])])
    collect_into(home, path, contacts, my_name="Robin")
    assert senders(home) == {ONE: "Ann", MAIL: MAIL}
    assert query(home, "SELECT count(*) FROM conversations") == [(2,)]


def test_contacts_that_cannot_be_read_are_done_without(tmp_path: Path, home: Path) -> None:
    path = chat_db(tmp_path / "chat.db", ONE)
    contacts = write_address_book(tmp_path / "contacts", {"": [], "GOOD": [MacCard("Ann", None, [ONE])]})
    (contacts / "AddressBook-v22.abcddb").write_bytes(b"no database")
    summary = collect_into(home, path, contacts, my_name="Robin")
    assert len(summary.notes) == 1
    assert "Contacts were not read" in summary.notes[0]
    assert senders(home) == {ONE: "Ann"}


def test_a_chat_db_without_a_message_is_collected_although_the_owner_has_no_handle_yet(
    tmp_path: Path, home: Path
) -> None:
    db = ChatDb(tmp_path / "chat.db")
    db.dm(ONE)
    assert collect_into(home, db.close(), my_name="Robin").messages == 0
    assert names(home) == {"Robin"}


@pytest.mark.parametrize("own_card", [(), (MacCard(None, None, [ME], is_me=True),)])
def test_a_contact_who_shares_an_address_with_the_owner_stays_another_person(
    own_card: tuple[MacCard, ...], tmp_path: Path, home: Path
) -> None:
    db = ChatDb(tmp_path / "chat.db")
    chat = db.dm(ONE)
    for number, sender in enumerate((ONE, None, ONE, None)):
        db.message(chat, T + number * 2000, "ok" if number > 1 else f"hi {number}", sender=sender)
    path = db.close()
    contacts = write_address_book(tmp_path / "contacts", [*own_card, MacCard("Sam", "Lee", [ONE, ME])])
    for name in ("Robin", None):  # MY_NAME is said once
        collect_into(home, path, contacts, my_name=name)
        assert names(home) == {"Robin", "Sam Lee"}
        assert query(home, "SELECT count(*) FROM text_messages") == [(4,)]


def test_a_copy_of_an_address_book_elsewhere_replaces_its_cards(tmp_path: Path, home: Path) -> None:
    path = chat_db(tmp_path / "chat.db", ONE, MAIL)
    for folder, last in (("first", "Lee"), ("second", "Novak")):
        cards = [MacCard("Bob", None, [TWO]), MacCard("Ann", last, [ONE], [MAIL])]
        summary = collect_into(home, path, write_address_book(tmp_path / folder, cards), my_name="Robin")
    assert senders(home) == {ONE: "Ann Novak", MAIL: "Ann Novak"}
    assert summary.ambiguous == {}


def test_contacts_behind_a_link_are_read(tmp_path: Path, home: Path) -> None:
    path = chat_db(tmp_path / "chat.db", ONE)
    real = write_address_book(tmp_path / "real", [MacCard("Ann", "Lee", [ONE])])
    linked = tmp_path / "linked"
    linked.mkdir()
    (store,) = real.glob("*.abcddb")
    (linked / store.name).symlink_to(store)
    collect_into(home, path, linked, my_name="Robin")
    assert senders(home) == {ONE: "Ann Lee"}


def test_a_name_from_an_application_does_not_part_the_owner_from_their_card(tmp_path: Path, home: Path) -> None:
    export = tmp_path / "WhatsApp Chat with Ann.txt"
    export.write_text(
        "".join(f"{day}/3/23, 17:07 - {who}: hi {day}\n" for day in range(13, 20) for who in ("felix", "Ann"))
    )
    arguments = ["collect", "--source", f"whatsapp:{export}", "--me", "felix"]
    assert CliRunner().invoke(app, arguments, env={"VQ_HOME": str(home)}).exit_code == 0
    db = ChatDb(tmp_path / "chat.db")
    db.message(db.dm(ONE), T, "hi", sender=ONE)
    db.message(db.dm(MAIL), T, "to myself", sender=MAIL)
    contacts = write_address_book(tmp_path / "contacts", [MacCard("Felix", "Müller", [ME], [MAIL])])
    collect_into(home, db.close(), contacts)
    assert senders(home)[MAIL] == query(home, "SELECT name FROM people WHERE is_me = 1")[0][0]
