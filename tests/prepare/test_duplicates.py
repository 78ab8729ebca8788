"""Texts that are on both sides of the split, word for word or nearly, are not trained on."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from file_builder import Message, chat, filled
from hypothesis import example, given
from hypothesis import strategies as st
from stages import prepare

from prepare import checker
from prepare.test_splits import splits
from ventriloquist.prepare import PrepareOptions, duplicates
from ventriloquist.prepare.duplicates import Hashes, HeldOut, fold, split_words

PARTY = "are you coming to the party on friday night"  # nine words
LONG = (
    "we took the early train to the coast and walked along the cliffs until it rained so hard that"
    " nobody could see the sea any more and then we ate soup in a tiny cafe"
)  # 32 words
CHINESE = "你今天晚上要不要和我们一起去那家新开的饭店吃饭"


def leaves(home: Path, text: str, held_out: str) -> bool:
    """Return whether a text leaves training if another one is held out."""
    with filled(home, [chat(text, *"bcdefghi", held_out)]) as db:
        prepare(db)
        return splits(db)[0] is None


@pytest.mark.parametrize(
    ("text", "held_out"),
    [
        (PARTY, "Are you coming to the party, on Friday night?!"),
        (PARTY, "are   you coming to the party 🎉🎉 on friday night 🎉"),
        (PARTY, "are you coming to the party on friday"),
        (PARTY, "omg are you coming to the party on friday night"),
        (PARTY, "are you comming to the party on friday night"),
        (PARTY, "are you coming to the party on saturday night"),
        ("r u coming to the party tonight", "r u comming to the party tonight"),
        ("are you coming to the party", "are you coming to the party lol"),
        ("i don't know what that is", "I don’t know what that is"),
        ("ou est passé le café déjà", "où est passé le cafe\u0301 déjà"),
        ("see you at the station ❤️ 1️⃣", "See you at the station\u200b 👩‍👧 1"),
        ("WE MEET AT THE STATION", "we meet at the station"),
        ("we meet at 8:30 at the station", "we meet at 8.30 at the station!"),
        (LONG, LONG.replace("coast", "shore").replace("rained", "poured").replace("soup", "pasta")),
        (LONG, "well " + LONG.replace("early ", "").replace("tiny cafe", "big hall")),
        (CHINESE, CHINESE.replace("今天", "明天") + "吗?"),
        ("завтра идём в кино вместе с Олей", "Завтра идем в кино вместе с Олей)))"),
        ("my address is 14 Larkspur Lane, come by", "my address is 15 Juniper Lane come by"),
    ],
)
def test_a_text_leaves_training_if_it_is_nearly_held_out(home: Path, text: str, held_out: str) -> None:
    assert leaves(home / "one", text, held_out)
    assert leaves(home / "other", held_out, text)


@pytest.mark.parametrize(
    ("text", "held_out"),
    [
        ("do you have a favorite movie", "do you have a favorite song"),
        (
            "message number 12 of the long test that is running now",
            "message number 13 of the long test that is running now",
        ),
        ("the train leaves at 8:30 from the main station", "the train leaves at 9:30 from the main station"),
        ("good morning!!!", "Good Morning..."),  # twelve characters
        (PARTY, "are you coming to the dinner on saturday night"),
        (LONG, LONG.replace("we", "they").replace("train", "bus").replace("rained", "poured").replace("soup", "cake")),
        ("how is your sister doing these days", "how is your brother doing these days"),
        ("😂😂😂😂😂😂😂😂😂😂😂😂😂😂😂", "🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉"),
        (CHINESE, "我明天要去医院看牙医所以不能和你们一起去爬山了对不起"),
    ],
)
def test_a_text_stays_in_training_if_it_is_another_message(home: Path, text: str, held_out: str) -> None:
    assert not leaves(home, text, held_out)


@pytest.mark.parametrize("quoted", ["how are you", 'see ["a"] there', "x" * 80, "call +1 415 555 0132 now"])
def test_a_reply_marker_hides_no_duplicate(home: Path, quoted: str) -> None:
    for name, text, split in (("near", PARTY, None), ("equal", "😂" * 15, None), ("short", "yes of course", "train")):
        conversation = chat(quoted, text, *"bcdefghi", text.upper())
        conversation.messages[0].guid = "quoted"
        conversation.messages[1].reply_to = "quoted"
        with filled(home / name, [conversation]) as db:
            prepare(db)
            assert splits(db)[1] == split
    conversation.messages[1].reply_to = None  # and now the held-out one has the marker
    conversation.messages[-1].reply_to = "quoted"
    conversation.messages[1].text = conversation.messages[-1].text = PARTY
    with filled(home / "held out", [conversation]) as db:
        prepare(db)
        assert splits(db)[1] is None


def test_names_of_files_leave_only_if_they_are_equal(home: Path) -> None:
    def file(name: str) -> Message:
        return Message("Sam", None, attachments=[("application/pdf", name, None)])

    conversation = chat(*"abcdefghij")
    conversation.messages[:2] = [file("holiday plan of all.pdf"), file("Holiday-Plan of all.pdf")]
    conversation.messages[-1] = file("holiday plan of all.pdf")
    with filled(home, [conversation]) as db:
        prepare(db)
        assert splits(db)[:2] == [None, "train"]


def test_every_near_duplicate_is_found_among_many_texts() -> None:
    random_ = random.Random(0)
    words = [f"{a}{b}" for a in "bdfgklmnprst" for b in ("ae", "io", "un", "ek", "ar")]
    held_out = HeldOut()
    texts = [" ".join(random_.choices(words, k=random_.randint(4, 40))) for _ in range(500)]
    texts = [text for text in texts if len(text) >= 15]
    for text in texts:
        held_out.add((0, "text", text))
    for text in texts:
        changed = text.split()
        for _ in range(max(1, (len(changed) - 1) // 8)):
            place = random_.randrange(len(changed))
            changed[place : place + random_.randrange(2)] = random_.choices(words, k=random_.randrange(2))
        near = " ".join(changed)
        expected = any(checker.must_leave(near, other) for other in texts)
        if len(near) >= 15 and expected:
            assert held_out.has("text", near), (text, near)
    other = [" ".join(random_.choices(words, k=random_.randint(4, 40))) for _ in range(500)]
    for text in other:
        if held_out.has("text", text):
            assert any(checker.may_leave(text, one) for one in texts), text


@given(
    st.text(st.sampled_from("aB1é'’.,[]-_ \n\t\u00a0\u200d\u0301\u00a8\ufb01ßİ你天ไม่🎉") | st.characters(), max_size=60)
)
@example("see [phone] at [photo],now[x] don't ﬁx “İt” 你好 ok")
@example("x " * 3000)
def test_words_are_looked_up_as_they_are_compared(text: str) -> None:
    words = split_words(fold(text)) if fold(text) else []
    assert Hashes().of(text) == [hash(word) for word in words]


def test_held_out_texts_that_do_not_fit_in_memory_are_read_in_parts(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "_MAX_IN_MEMORY", 1)
    with filled(home, [chat(PARTY, LONG, *"abcdefghijklmnopqrstuv", LONG.upper(), PARTY.upper())]) as db:
        summary = prepare(db)
        assert splits(db)[:3] == [None, None, "train"]
        assert summary.context == 2


def test_a_formula_that_is_held_out_often_hides_no_equal_text(home: Path) -> None:
    texts = [f"please remember to buy {word} at the shop" for word in "abcdefghijklmnopqrstuvwxyz"]
    held = [f"{text} {word}{word}{word}{word}{word} {word}q" for text in texts for word in "abcdef"]
    with filled(home, [chat(held[-1].upper(), *held)]) as db:
        prepare(db, PrepareOptions(holdout=len(held) // 2))
        assert splits(db)[0] is None
