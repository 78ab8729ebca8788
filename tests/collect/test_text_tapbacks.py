"""Tapbacks that arrived as texts: those that quote an earlier message are reactions, all else stays a message."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from apple import Chat, ChatDb, MacCard, write_address_book
from collected import collect_into, dump, outcomes, query
from hostile import read_mutated_tapback_texts

from ventriloquist.collect import CollectSummary
from ventriloquist.collect.tapbacks import read_tapback

T = 1_700_000_000_000
ANN, BEN = "+12505550111", "+12505550112"
ME = "Robin Vale"
HAIR, ADD, TAKE = "\u200a", "\u200b", "\u200c"  # as Google Messages marks quotes, and emoji given and taken back


class Sms:
    """A chat by SMS that is being written, a message a minute."""

    def __init__(self, folder: Path, name: str = "chat.db") -> None:
        self.db = ChatDb(folder / name)
        self.at = T

    def dm(self, address: str = ANN, service: str = "SMS") -> Chat:
        return self.db.dm(address, service)

    def __call__(self, chat: Chat, text: str | None, *, sender: str | None = ANN, **columns: object) -> str:
        self.at += 60_000
        return self.db.message(chat, self.at, text, sender=sender, **{"service": "SMS", **columns})  # type: ignore[arg-type]


def collect_sms(sms: Sms, home: Path) -> CollectSummary:
    summary = collect_into(home, sms.db.path, my_name=ME)
    assert summary.rows == summary.messages + summary.reactions + sum(summary.skipped.values())
    return summary


def reactions(home: Path) -> list[tuple[object, ...]]:
    return query(home, "SELECT guid, target_guid, kind, emoji FROM reactions ORDER BY sent_at, guid")


@pytest.mark.parametrize(
    ("text", "kind", "emoji"),
    [
        ("Liked “see you, Sam's”", "like", None),
        ('Loved "see you, Sam’s"', "love", None),
        ("Laughed at “see you…”", "laugh", None),
        ("Laughed at “see you...”", "laugh", None),
        ("Emphasised “see you, Sam's”", "emphasize", None),
        ("Questioned “see you, Sam's” ", "question", None),
        ("Disliked 'see you, Sam's'", "dislike", None),
        ("👍 to “see you, Sam's”", "emoji", "👍"),
        ("Reacted ❤️ to “see you, Sam's”", "emoji", "❤️"),
        ("Reacted with a sticker to “see you, Sam's”", "sticker", None),
        (f"{HAIR}Reacted {ADD}😂{ADD} to “{HAIR}see you, Sam's{HAIR}”{HAIR}", "emoji", "😂"),
        (f"{HAIR}{ADD}👍🏽{ADD} to “{HAIR}see you, Sam's{HAIR}”{HAIR}", "emoji", "👍🏽"),
        (f"{HAIR}A réagi avec {ADD}👨‍👩‍👧{ADD} à « {HAIR}see you{HAIR}… »{HAIR}", None, None),  # quotes something else
        ("„see you, Sam's“ ein Herz hinzugefügt", "love", None),
        ("Gefällt: „see you, Sam's“", "like", None),
        ("Hat mit 🔥 auf „see you, Sam's“ reagiert", "emoji", "🔥"),
        ("A ajouté un « J’adore » à « see you, Sam's ».", "love", None),
        ("N’a pas aimé « see you, Sam's »", "dislike", None),
        ("a réagi avec 😂 à «\u00a0see you, Sam's\u00a0»", "emoji", "😂"),
        ("Le encantó “see you, Sam's”", "love", None),
        ("No le gusta “see you, Sam's”", "dislike", None),
        ("Ha aggiunto “Mi piace” a “see you, Sam's”", "like", None),
        ("Vond “see you, Sam's” niet leuk", "dislike", None),
        ("Curtiu “see you, Sam's”", "like", None),
        ("Gillade ”see you, Sam's”", "like", None),
        ("Понравилось «see you, Sam's»", "like", None),
        ("Loved “see you, Sam”", None, None),  # not the whole of it, and not cut
        ("Liked “see you, Sam's” a lot", None, None),
        ("Liked see you, Sam's", None, None),
        ("Admired “see you, Sam's”", None, None),
        ("5 to “see you, Sam's”", None, None),
    ],
)
def test_a_text_that_quotes_an_earlier_message_is_a_reaction(
    tmp_path: Path, home: Path, text: str, kind: str | None, emoji: str | None
) -> None:
    sms = Sms(tmp_path)
    chat = sms.dm()
    target = sms(chat, "see you, Sam's", sender=None)
    guid = sms(chat, text)
    summary = collect_sms(sms, home)
    if kind is None:
        assert reactions(home) == []
        assert summary.messages == 2
        assert getattr(outcomes(home)[guid], "text", None) == text
    else:
        assert reactions(home) == [(guid, target, kind, emoji)]
        assert (summary.messages, summary.added, summary.reactions) == (1, 1, 1)


def test_what_quotes_nothing_stays_a_message(tmp_path: Path, home: Path) -> None:
    sms = Sms(tmp_path)
    one, other = sms.dm(ANN), sms.dm(BEN)
    sms(one, "hello", sender=None)
    kept = [
        sms(other, "Liked “hello”", sender=BEN),  # of another chat
        sms(one, "Liked “good night”"),  # comes later
        sms(one, "Loved an image"),
    ]
    sms(one, "good night", sender=None)
    assert collect_sms(sms, home).messages == 5
    assert reactions(home) == []
    assert all(hasattr(outcomes(home)[guid], "text") for guid in kept)


def test_the_latest_message_that_is_quoted_is_the_target(tmp_path: Path, home: Path) -> None:
    sms = Sms(tmp_path)
    chat = sms.dm()
    sms(chat, "ok then", sender=None)
    second = sms(chat, "ok then", sender=None)
    liked = sms(chat, "Liked “ok then”")
    cut = sms(chat, "Loved “ok t…”")
    third = sms(chat, "ok then", sender=None)
    again = sms(chat, "Liked “ok then”")
    collect_sms(sms, home)
    assert reactions(home) == [(liked, second, "like", None), (cut, second, "love", None), (again, third, "like", None)]


def test_by_time_not_by_row(tmp_path: Path, home: Path) -> None:
    sms = Sms(tmp_path)
    chat = sms.dm()
    liked = sms(chat, "Liked “hello”")  # Messages in iCloud brings the newest rows first
    target = sms.db.message(chat, T, "hello", service="SMS")
    collect_sms(sms, home)
    assert reactions(home) == [(liked, target, "like", None)]


def test_a_removal_takes_back_and_a_later_one_supersedes(tmp_path: Path, home: Path) -> None:
    sms = Sms(tmp_path)
    chat = sms.dm()
    target = sms(chat, "hello you", sender=None)
    texts = [
        "Liked “hello you”",
        "Removed a like from “hello you”",
        f"{HAIR}Reacted {ADD}👍{ADD} to “{HAIR}hello you{HAIR}”{HAIR}",
        f"{HAIR}Removed {TAKE}👍{TAKE} from “{HAIR}hello you{HAIR}”{HAIR}",
        "Loved “hello you”",
        "Loved “hello you”",
    ]
    guids = [sms(chat, text) for text in texts]
    summary = collect_sms(sms, home)
    assert reactions(home) == [(guids[-1], target, "love", None)]
    assert summary.skipped == {"reaction_removed": 4, "reaction_superseded": 1}
    assert summary.messages == 1


def test_an_attachment_that_is_named_is_the_latest_of_its_kind(tmp_path: Path, home: Path) -> None:
    sms = Sms(tmp_path)
    chat = sms.dm()
    guids: dict[str, str] = {}
    for name, mime_type in (("old.jpg", "image/jpeg"), ("a.jpg", "image/jpeg"), ("b.mov", None), ("c.amr", None)):
        guids[name] = sms(chat, None, sender=None)
        sms.db.attach(guids[name], mime_type, name)
    sms(chat, "what do you say", sender=None)
    sms(chat, "liked a photo")  # on a page somewhere, says a person
    for text in ("Loved 2 images", "Laughed at a movie", "Liked an audio message", "Emphasized an attachment"):
        sms(chat, text)
    collect_sms(sms, home)
    expected = [("a.jpg", "love"), ("b.mov", "laugh"), ("c.amr", "like"), ("c.amr", "emphasize")]
    assert [(target, kind) for _, target, kind, _ in reactions(home)] == [
        (guids[name], kind) for name, kind in expected
    ]


def test_over_the_services_of_one_person(tmp_path: Path, home: Path) -> None:
    sms = Sms(tmp_path)
    target = sms(sms.dm(ANN, "iMessage"), "by iMessage", sender=None, service="iMessage")
    liked = sms(sms.dm(ANN), "Liked “by iMessage”")
    collect_sms(sms, home)
    assert reactions(home) == [(liked, target, "like", None)]


def test_in_a_group_it_is_of_whoever_sent_it(tmp_path: Path, home: Path) -> None:
    sms = Sms(tmp_path)
    group = sms.db.group("chat1", [ANN, BEN], "Trip")
    target = sms(group, "we leave at six", sender=ANN)
    liked = sms(group, "Liked “we leave at six”", sender=BEN)
    contacts = write_address_book(tmp_path / "contacts", [MacCard("Ben", None, [BEN])])
    collect_into(home, sms.db.path, contacts, my_name=ME)
    assert [getattr(outcomes(home)[liked], name) for name in ("person", "target")] == ["Ben", target]


def test_collect_again_changes_nothing(tmp_path: Path, home: Path) -> None:
    sms = Sms(tmp_path)
    group = sms.db.group("chat1", [ANN], "Trip")
    sms(group, "hello", sender=ANN)
    sms(group, "Liked “hello”", sender=BEN)  # who wrote nothing else
    sms(group, "Liked “nothing”", sender=ANN)
    first = collect_sms(sms, home)
    before = dump(home)
    second = collect_sms(sms, home)
    assert dump(home) == before
    assert (second.added, second.updated) == (0, 0)
    assert (second.messages, second.reactions, second.skipped) == (first.messages, first.reactions, first.skipped)


def test_a_second_source_may_bring_what_was_quoted(tmp_path: Path, home: Path) -> None:
    one, other = Sms(tmp_path, "one.db"), Sms(tmp_path, "other.db")
    liked = one(one.dm(), "Liked “hello”")
    assert collect_sms(one, home).messages == 1
    target = other.db.message(other.dm(), T, "hello", service="SMS")
    summary = collect_sms(other, home)
    assert (summary.messages, summary.reactions, summary.added, summary.total_messages) == (1, 0, 1, 1)
    assert reactions(home) == [(liked, target, "like", None)]
    again = collect_sms(one, home)
    assert (again.messages, again.reactions, again.added, again.updated) == (0, 1, 0, 0)
    assert reactions(home) == [(liked, target, "like", None)]


def test_a_tapback_with_a_file_or_of_ten_megabytes_was_typed(tmp_path: Path, home: Path) -> None:
    sms = Sms(tmp_path)
    chat = sms.dm()
    long = "x" * 10_000_000
    sms(chat, long, sender=None)
    sms(chat, f'Liked "{long}"')
    photo = sms(chat, "Liked “hello”")
    sms.db.attach(photo, "image/jpeg", "a.jpg")
    assert collect_sms(sms, home).messages == 3


@pytest.mark.parametrize(
    "text",
    [
        'Liked "',
        '"' * 32_000,
        HAIR * 32_000,
        ADD * 32_000,
        f"{ADD}👍{ADD}" * 6000,
        "to" * 16_000 + '"',
        "👍" * 32_000 + '"',
    ],
)
def test_a_hostile_text_is_read_in_no_time(text: str) -> None:
    begin = time.process_time()
    for _ in range(20):
        read_tapback(text)
    assert time.process_time() - begin < 2  # CPU; what is not linear takes minutes


def test_no_damage_makes_a_text_more_than_a_tapback() -> None:
    read_mutated_tapback_texts(2_000)


def test_many_that_quote_nothing_among_many_alike_take_linear_time(tmp_path: Path, home: Path) -> None:
    sms = Sms(tmp_path)
    chat = sms.dm()
    sms.db.connection.execute("BEGIN")
    for number in range(4000):
        sms(chat, f"the same beginning of all {number}", sender=None)
        sms(chat, "Liked “the same beginning of no message…”")
    sms.db.connection.execute("COMMIT")
    begin = time.process_time()
    assert collect_sms(sms, home).messages == 8000
    assert time.process_time() - begin < 20
