from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from exported import export
from file_builder import NOON, Conversation, Message, Reaction, fill
from hypothesis import given, settings
from hypothesis import strategies as st
from stages import prepare

from prepare import checker
from ventriloquist.export import ExportOptions
from ventriloquist.prepare import PrepareOptions
from ventriloquist.store import open_database, transaction

OWNER = "Aidan Allchin"
# no text here is a secret, so that contents can be compared; some are long, to be equal in several places
TEXTS = [
    *(
        "ok",
        "see you",
        "one\ntwo",
        "a\r\nb\rc\n\n d",
        "\n \n",
        "😂😂",
        'say "hi" \\ there',
        "<|endoftext|> </think> <b> <3",
    ),
    *(
        "happy new year to all of you",
        "a line\u2028that\u0085goes on\tand on",
        "good morning everybody\nlong and equal",
    ),
    "x" * 70,
]
ATTACHMENTS = [
    *(("image/png", None, None), ("video/mp4", "a.mov", None), ("audio/amr", None, None)),
    *(("application/pdf", "plan.pdf", None), ("audio/amr", None, "call me when you can")),
]


@st.composite
def conversations(draw: st.DrawFn) -> list[Conversation]:
    found = []
    names = ["Sam", "Zoë", "Bo B."]
    for number in range(draw(st.integers(1, 3))):
        size = draw(st.one_of(st.integers(1, 12), st.integers(95, 130)))
        random = draw(st.randoms(use_true_random=False))
        type = random.choice(["dm", "group"])
        others: list[str | None] = [names[0]] if type == "dm" else [*names, None]
        at = NOON
        messages = []
        for index in range(size):
            at += random.choice([0, 0, 1, 59_999, 60_000, 3_599_999, 43_200_000, 90_000_000])
            messages.append(
                Message(
                    random.choice([OWNER, *others]),
                    random.choice([*TEXTS, *TEXTS, f"only here {'abc'[number]} {'z' * index}", None]),
                    sent_at=at,
                    guid=f"{random.randrange(10**6):06}-{number}-{index}",
                    source_rowid=random.randrange(3),
                    reply_to=random.choice([None] * 5 + [f"gone-{index}"] + [each.guid for each in messages[-5:]]),
                    attachments=random.choice([()] * 8 + [ATTACHMENTS[:1], ATTACHMENTS[1:3], ATTACHMENTS[3:]]),
                )
            )
        reactions = [
            Reaction(
                "Sam",
                random.choice(messages).guid or "",
                random.choice(["love", "laugh", "emoji", "sticker"]),
                random.choice([None, "🔥"]),
                sent_at=random.choice(messages).sent_at or 0,
            )
            for _ in range(random.randrange(4))
        ]
        found.append(Conversation(messages, type=type, reactions=reactions))
    return found


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("empty")
    with open_database(home, create=True):
        pass
    return home


@settings(max_examples=30, deadline=None)
@given(
    conversations(),
    st.booleans(),
    st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Apia"]),
    st.sampled_from([1, 7, 64]),
)
def test_an_outsider_finds_every_rule_kept(
    empty: Path,
    tmp_path_factory: pytest.TempPathFactory,
    chats: list[Conversation],
    reactions: bool,
    zone: str,
    targets_per_window: int,
) -> None:
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(empty, home, dirs_exist_ok=True)
    with open_database(home) as db:
        fill(db, chats)
        summary = prepare(db, PrepareOptions(timezone=zone, reactions=reactions))
        if not summary.lines:
            return
        export(db, home / "blocks", ExportOptions("blocks", targets_per_window=targets_per_window))
        export(db, home / "windows", ExportOptions("prompt-completion"))
        export(db, home / "windows", ExportOptions("windows"))
    path = home / "ventriloquist.db"
    checker.check_lines(path, zone, reactions=reactions)
    checker.check_splits(path)
    texts = checker.check_views(path)
    checker.check_window_files(home / "windows", texts)
    checker.check_block_files(home / "blocks", path, targets_per_window)
    shutil.rmtree(home)


def test_the_outsider_notices_a_leak(home: Path) -> None:
    with open_database(home, create=True) as db:
        fill(db, [Conversation([Message("Sam", f"{'a' * index}") for index in range(1, 30)])])
        prepare(db)
        with transaction(db):
            db.execute("UPDATE training_messages SET split = 'train' WHERE position = 28")
    with pytest.raises(AssertionError):
        checker.check_splits(home / "ventriloquist.db")
    with pytest.raises(AssertionError):
        checker.check_views(home / "ventriloquist.db")
