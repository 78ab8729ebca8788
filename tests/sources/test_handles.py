"""Handles with the labels of spam filters and with extensions, and those that were made to take long."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from apple import DM, ChatDb
from hypothesis import given
from hypothesis import strategies as st

from ventriloquist.collect import handles
from ventriloquist.sources import SOURCES
from ventriloquist.sources.imessage import queries, texts
from ventriloquist.sources.imessage.texts import without_label

# The same as patterns that search the whole handle.
REST = r"(?:[_-][a-z0-9]+)*\s*\)[\s\u200b-\u202e\u2066-\u2069]*$"
LABEL = re.compile(rf"\s*\(\s*(?:(?:sms|mms|rcs)[a-z]*|filtered|junk|spam){REST}", re.IGNORECASE)
WORD = re.compile(rf"\s*\(\s*[a-z]+{REST}", re.IGNORECASE)
NUMBER_OR_ADDRESS = re.compile(r"[+\d\s().\-]*\d[+\d\s().\-]*|\S+@\S+")
EXTENSION = re.compile(r"\s*(?:ext\.?|x|#|;ext=)\s*\d{1,7}\s*$", re.IGNORECASE)

PIECES = (
    "1",
    "+",
    "(",
    ")",
    " ",
    "\n",
    "a",
    "x",
    "@",
    "_",
    "-",
    "\u200b",
    "(spam)",
    "(sms",
    "(a)",
    "ext",
    ".",
    "#",
    ";ext=",
)
HANDLE = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


class Fed:
    """A pattern that adds up how many characters it was given."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.pattern = pattern
        self.characters = 0

    def fullmatch(self, text: str) -> re.Match[str] | None:
        self.characters += len(text)
        return self.pattern.fullmatch(text)


@pytest.mark.parametrize(
    ("handle", "plain"),
    [
        ("+12505550111(smsft)", "+12505550111"),
        ("+1 (250) 555-0111 (smsft_fi)(filtered)\u200b", "+1 (250) 555-0111"),
        ("ann@example.com (word)", "ann@example.com"),
        ("Ann (word)", "Ann (word)"),
        ("Bank (spam)", "Bank"),
        (" (spam)", " (spam)"),
        ("(spam)(junk)", "(spam)"),
    ],
)
def test_a_label_is_removed(handle: str, plain: str) -> None:
    assert without_label(handle) == plain


@given(HANDLE)
def test_labels_are_those_that_a_search_finds(handle: str) -> None:
    expected = handle
    while ")" in expected[-16:]:
        rest = LABEL.sub("", expected)
        if rest == expected:
            rest = WORD.sub("", expected)
            if not NUMBER_OR_ADDRESS.fullmatch(rest.strip()):
                break
        if rest == expected or not rest.strip():
            break
        expected = rest
    assert without_label(handle) == expected


@given(HANDLE)
def test_an_extension_is_the_one_that_a_search_finds(handle: str) -> None:
    assert handles._without_extension(handle) == EXTENSION.sub("", handle)


@pytest.mark.parametrize("end", ["x(spam)", "x" + "(spam)" * 80, "x" + "(a)" * 100])
def test_only_what_is_behind_a_bracket_is_compared_with_labels(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    patterns = [Fed(texts._LABEL), Fed(texts._WORD)]
    for name, pattern in zip(("_LABEL", "_WORD"), patterns, strict=True):
        monkeypatch.setattr(texts, name, pattern)
    handle = "1" + " " * 400 + end
    without_label(handle)
    assert all(pattern.characters <= len(handle) for pattern in patterns)


def test_no_search_for_an_extension_begins_in_white_space() -> None:
    assert handles._EXTENSION.match("x 12 ")
    assert not handles._EXTENSION.match(" x 12 ")  # a run of white space would be searched again from each place


def test_a_handle_in_many_chats_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db = ChatDb(tmp_path / "chat.db")
    both = (db.handle("+12505550111"), db.handle("+12505550111(spam)"))
    for number in range(50):
        db.chat(f"chat {number}", DM, both)
    path = db.close()
    asked: list[str] = []

    def counted(handle: str) -> str:
        asked.append(handle)
        return without_label(handle)

    monkeypatch.setattr(queries, "without_label", counted)
    with SOURCES["chat-db"].open(path) as source:
        assert len(source.chats) == 50
    assert sorted(asked) == ["+12505550111", "+12505550111(spam)"]
