"""JSON of any size, one element at a time: the same values as json.loads, or one clear line."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ventriloquist.errors import SourceError
from ventriloquist.sources import json_stream
from ventriloquist.sources.json_stream import JsonStream, as_utf8

NAME = Path("result.json")

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12) | st.sampled_from(
    ["\\", '"', "\\x0B", "\\\\x", "a\\", "\x0b", "\x00", "\ufeff", "😀", "\\u000b"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
chunks = st.integers(1, 40)


def stream(data: bytes | str, chunk: int = json_stream.CHUNK_BYTES) -> JsonStream:
    return JsonStream(io.BytesIO(data if isinstance(data, bytes) else data.encode()), NAME, chunk)


def walked(cursor: JsonStream) -> Any:
    """Read a value by the cursor's own steps, down to its leaves."""
    first = cursor.peek()
    if first == "[":
        return [walked(cursor) for _ in cursor.items()]
    if first == "{":
        return {key: walked(cursor) for key in cursor.members()}
    return cursor.value()


@given(values, chunks, st.sampled_from([None, 0, 2]), st.booleans())
@example("\x0b" * 5, 1, None, True)
def test_every_value_is_what_json_loads_reads_wherever_a_chunk_ends(
    value: Any, chunk: int, indent: int | None, is_ascii: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=is_ascii)
    assert stream(text, chunk).value() == value
    assert walked(stream(text, chunk)) == value
    if isinstance(value, list):
        assert list(stream(text, chunk).values()) == value


@given(st.lists(values, max_size=6), chunks)
def test_skipping_a_value_leads_to_the_next_one(value: list[Any], chunk: int) -> None:
    cursor = stream(json.dumps({"a": value, "b": {"c": value}, "d": 5}), chunk)
    found = {}
    for key in cursor.members():
        if key == "d":
            found[key] = cursor.value()
        else:
            cursor.skip()
    assert found == {"d": 5}


@given(texts, chunks, st.sampled_from(["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]))
def test_marks_and_utf_16_are_read(text: str, chunk: int, encoding: str) -> None:
    data = json.dumps({"messages": [text]}, ensure_ascii=False).encode(encoding)
    assert stream(data, chunk).value() == {"messages": [text]}
    assert b'"messages"' in as_utf8(data)


@given(st.text('ab\\"\x00\x01\x0b\x1f\n', max_size=12), chunks)
def test_escapes_of_two_digits_are_read_wherever_a_chunk_ends(text: str, chunk: int) -> None:
    written = json.dumps([text])
    for code in range(0x20):
        written = written.replace(f"\\u{code:04x}", f"\\x{code:02X}")
    assert stream(written, chunk).value() == [text]


def test_bytes_that_are_not_utf_8_become_replacement_characters() -> None:
    assert stream(b'["a\xffb", "\xed\xa0\x80"]').value() == ["a\ufffdb", "\ufffd\ufffd\ufffd"]


def test_of_equal_keys_the_last_one_holds() -> None:
    assert stream('{"a": 1, "a": 2}').value() == {"a": 2}
    assert walked(stream('{"a": 1, "a": 2}')) == {"a": 2}


@pytest.mark.parametrize("chunk", [7, json_stream.CHUNK_BYTES])
def test_a_number_of_any_length_is_read(chunk: int) -> None:
    digits = "9" * 10_000
    assert stream(f"[1, {digits}, -{digits}, 2]", chunk).value() == [1, float("inf"), -float("inf"), 2]
    assert list(stream(f"[1, {digits}, 2]", chunk).values()) == [1, float("inf"), 2]


@pytest.mark.parametrize("path", ["video_files/sticker (2).webm", "(File not included. Change settings.)"])
@pytest.mark.parametrize("chunk", [9, json_stream.CHUNK_BYTES])
def test_a_path_without_quotes_is_passed_over(path: str, chunk: int) -> None:
    text = (
        f'[\n {{\n  "text": "1",\n  "document_id": {path}\n }},\n {{\n  "document_id": {path},\n  "text": "2"\n }}\n]'
    )
    found = list(stream(text, chunk).values())
    assert [row["text"] for row in found] == ["1", "2"]
    assert list(stream('["\\"document_id\\": x", "\\n"]', chunk).values()) == ['"document_id": x', "\n"]


WHOLE = '{"name": "Zoë 😀", "messages": [{"id": 1, "text": "a\\n\\u00e9", "ok": true}, {"id": 22.5e3}], "x": null}'


@given(st.integers(0, len(WHOLE.encode()) - 1), chunks)
def test_a_file_that_is_cut_anywhere_gets_one_line(length: int, chunk: int) -> None:
    with pytest.raises(SourceError) as error:
        walked(stream(WHOLE.encode()[:length], chunk))
    assert str(error.value).startswith("result.json is damaged at character")
    assert "\n" not in str(error.value)
    assert error.value.hint


@pytest.mark.parametrize(
    "text", ["", "[1 2]", "[1,]", '{"a" 1}', '{"a": 1 "b": 2}', '{"a": 1,}', "{1: 2}", '{"a": }', "[nope]", '["\\q"]']
)
@pytest.mark.parametrize("chunk", [1, json_stream.CHUNK_BYTES])
def test_what_is_not_json_gets_one_line(text: str, chunk: int) -> None:
    for read in (walked, JsonStream.value):
        with pytest.raises(SourceError, match="damaged at character"):
            read(stream(text, chunk))


def test_damage_is_found_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "MOST_CHARACTERS", 1000)
    rows = ", ".join(["[1]"] * 5000)
    with pytest.raises(SourceError, match=r"at character 13: it is not JSON"):
        list(stream(f"[[1], [2], [nope, 3], {rows}]", 64).values())


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 900 + "]" * 900])
def test_nesting_is_bounded(text: str) -> None:
    if text.endswith("]"):
        assert stream(text).value()
    else:
        with pytest.raises(SourceError, match="nested too deeply"):
            stream(text).value()


def test_a_value_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "MOST_CHARACTERS", 1000)
    with pytest.raises(SourceError, match="a value has more than"):
        list(stream('["' + "a" * 10_000, 64).values())


def test_a_run_of_backslashes_costs_no_more_than_its_length() -> None:
    text = '["' + "\\" * 400_000 + "ab" + "\\" * 400_000 + '\\x0B"]'
    assert stream(text, 1 << 16).value() == ["\\" * 200_000 + "ab" + "\\" * 200_000 + "\x0b"]


def test_a_large_array_is_read_in_little_memory() -> None:
    class Endless(io.RawIOBase):
        left = 40

        def read(self, size: int = -1) -> bytes:
            self.left -= 1
            return b"[1" if self.left == 39 else b', {"id": 1, "text": "0123456789"}' * 30_000 if self.left else b"]"

    tracemalloc.start()
    count = sum(1 for _ in JsonStream(Endless(), NAME).values())  # type: ignore[arg-type]  # it reads
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 1 + 38 * 30_000
    assert peak < 12 << 20
