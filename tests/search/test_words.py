"""How a query is read and what it finds in a text: the rules alone, without a file."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ventriloquist.search.words import index_words, parse


def found(query: str, text: str) -> list[str]:
    return [text[begin:end] for begin, end in parse([query]).spans(text)]


@pytest.mark.parametrize(
    ("query", "text", "hits"),
    [
        ("CAFE", "at the café", ["café"]),
        ("café", "at the CAFE", ["CAFE"]),
        ("café", unicodedata.normalize("NFD", "café!"), [unicodedata.normalize("NFD", "café")]),
        ("strasse", "Straße 5", ["Straße"]),
        ("tom", "tomorrow, atom", ["tom"]),
        ('"tom"', "tomorrow, tom", ["tom"]),
        ("you see", "see what you did", ["see", "you"]),
        ('"see you"', "you see; see   you soon", ["see   you"]),
        ("“see you”", "see\nyou", ["see\nyou"]),
        ("don't", "I don’t", ["don’t"]),
        ("c++", "c and c++", ["c++"]),
        (":)", "fine :)", [":)"]),
        ("NEAR(a AND", "and near(a or b)", ["and", "near(a"]),
        ("5*3", "5*3=15", ["5*3"]),
        ("words:hello", "words:hello", ["words:hello"]),
        ('5"', 'a 5" pipe', ['5"']),
        ("東京", "明日東京へ行く", ["東京"]),
        ("京都", "東京都", ["京都"]),
        ("ข้าว", "กินข้าว", ["ข้าว"]),
        ("학교", "학교에서", ["학교"]),
        ("привёт", "ПРИВЕТ всем", ["ПРИВЕТ"]),
        ("😂", "lol😂😂", ["😂😂"]),
        ("👍", "ok 👍🏽", ["👍🏽"]),
        ("❤", "I ❤️ it", ["❤️"]),
        ("👩‍👧", "us 👩‍👧", ["👩‍👧"]),
        ("ﬁne", "fine", ["fine"]),
        ("ｈｅｌｌｏ", "hello", ["hello"]),
        ("so\u00adft", "soft", ["soft"]),
    ],
)
def test_a_query_finds_what_a_reader_would_call_the_same(query: str, text: str, hits: list[str]) -> None:
    assert found(query, text) == hits


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("row", "tomorrow"),
        ('"see you"', "you see"),
        ('"see yo"', "see you"),
        ("pizza beer", "pizza"),
        ("a OR b", "a"),
        ("hel*", "hello"),
        ("-pizza", "pizza"),
        ("^hello", "hello"),
        ("कि", "कु"),
    ],
)
def test_a_query_does_not_find_what_was_not_typed(query: str, text: str) -> None:
    assert found(query, text) == []


@pytest.mark.parametrize("query", ["", "  ", '""', '"  "', "\u200d", "\ufe0f"])
def test_a_query_without_a_word_has_no_terms(query: str) -> None:
    assert parse([query]).terms == ()


@given(st.text(), st.text())
@example("İ", "i̇")
@example("´", "a´")
@example('a "', '"')
def test_any_query_reads_any_text(query: str, text: str) -> None:
    for begin, end in parse([query]).spans(text):
        assert 0 <= begin < end <= len(text)
    assert parse([query]).for_index() is None or '"' in str(parse([query]).for_index())


@given(st.text())
@example("see (you) at 5pm… “ok”")
def test_a_text_has_each_of_its_own_words(text: str) -> None:
    for word in text.split():
        query = parse([word])
        assert not query.terms or query.spans(text)


@given(st.text())
def test_the_index_gets_words_and_spaces_alone(text: str) -> None:
    """FTS5's tokenizer `ascii` takes every other ASCII character for a space, and would split differently."""
    assert all(char.isalnum() or char == " " for char in index_words(text) if char.isascii())
