from __future__ import annotations

from typing import Any

import pytest
import typedstream
from hypothesis import given
from hypothesis import strategies as st
from typedstream.types.foundation import NSDictionary, NSNumber, NSString

from ventriloquist.demo.typedstream import (
    ATTACHMENT_SLOT,
    AUDIO_TRANSCRIPTION,
    FILE_TRANSFER,
    MENTION,
    ONE_TIME_CODE,
    PART,
    Run,
    Value,
    attributed_body,
    plain_body,
)

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.integers(-(2**31), 2**31 - 1) | texts,
    lambda inner: st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)


def read(body: bytes) -> tuple[str, str, list[tuple[int, dict[str, Value]]]]:
    """Return class, text and (UTF-16 length, attributes) of each run, as pytypedstream understands a body."""
    archived: Any = typedstream.unarchive_from_data(body)
    string, *groups = archived.contents
    runs: list[tuple[int, dict[str, Value]]] = []
    known: list[dict[str, Value]] = []
    for group in groups:
        if len(group.encodings) == 2:
            number, length = group.values
            runs.append((length, known[number - 1] if number <= len(known) else {}))
        else:
            known.append(attributes_of(group.value))
            runs[-1] = (runs[-1][0], known[-1])
    return archived.clazz.name.decode(), string.value.value, runs


def attributes_of(value: NSDictionary) -> dict[str, Value]:
    return {str(python(key)): python(item) for key, item in value.contents.items()}


def python(value: object) -> Value:
    if isinstance(value, NSString):
        return str(value.value)
    if isinstance(value, NSNumber):
        return int(value.value)
    assert isinstance(value, NSDictionary)
    return attributes_of(value)


def test_the_smallest_body_is_written_byte_by_byte_as_the_format_says() -> None:
    assert plain_body("hello", mutable=False) == (
        b"\x04\x0bstreamtyped\x81\xe8\x03"
        b"\x84\x01@\x84\x84\x84\x12NSAttributedString\x00\x84\x84\x08NSObject\x00\x85"
        b"\x92\x84\x84\x84\x08NSString\x01\x94\x84\x01+\x05hello\x86"
        b"\x84\x02iI\x01\x05"
        b"\x92\x84\x84\x84\x0cNSDictionary\x00\x94\x84\x01i\x01"
        b"\x92\x84\x96\x96\x1d__kIMMessagePartAttributeName\x86"
        b"\x92\x84\x84\x84\x08NSNumber\x00\x84\x84\x07NSValue\x00\x94\x84\x01*\x84\x99\x99\x00\x86\x86\x86"
    )


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 32_767, 32_768, 70_000])
@pytest.mark.parametrize("character", ["a", "é", "😭"])
@pytest.mark.parametrize("mutable", [True, False])
def test_a_text_of_any_length_is_read_back(size: int, character: str, mutable: bool) -> None:
    text = character * (size // len(character.encode()))
    name, read_text, runs = read(plain_body(text, mutable=mutable))
    assert name == ("NSMutableAttributedString" if mutable else "NSAttributedString")
    assert read_text == text
    assert runs == [(len(text.encode("utf-16-le")) // 2, {PART: 0})]


@given(texts, st.booleans())
def test_a_plain_body_is_the_body_of_one_run(text: str, mutable: bool) -> None:
    assert plain_body(text, mutable=mutable) == attributed_body([Run(text)], mutable=mutable)


@given(st.lists(st.tuples(texts, st.dictionaries(texts, values, min_size=1, max_size=3)), max_size=5))
def test_runs_and_their_attributes_are_read_back(pairs: list[tuple[str, dict[str, Value]]]) -> None:
    _, text, runs = read(attributed_body([Run(text, attributes) for text, attributes in pairs]))
    assert text == "".join(text for text, _ in pairs)
    assert runs == [(len(text.encode("utf-16-le")) // 2, attributes) for text, attributes in pairs]


def test_mentions_codes_and_transcriptions_are_attributes_of_their_runs() -> None:
    runs = [
        Run(ATTACHMENT_SLOT, {PART: 0, FILE_TRANSFER: "at_0_X", AUDIO_TRANSCRIPTION: "call me back"}),
        Run("hi ", {PART: 1}),
        Run("Maya", {PART: 1, MENTION: "+12505550111"}),
        Run(", your code is 1234", {PART: 1, ONE_TIME_CODE: {"code": "1234"}}),
        Run(" bye", {PART: 1}),
    ]
    _, text, found = read(attributed_body(runs))
    assert text == "\ufffchi Maya, your code is 1234 bye"
    assert [attributes for _, attributes in found] == [dict(run.attributes) for run in runs]
